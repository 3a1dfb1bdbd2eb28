import { weighOptions } from '../../src/envelope/cipher-weight.js'

test('options stay as they are, with new memory besides at each call', () => {
  const options = Object.freeze({ authTagLength: 16 })
  const [first, second] = [weighOptions(options), weighOptions(options)] as { weight?: unknown[] }[]
  expect(first).toMatchObject(options)
  expect(first?.weight).toHaveLength(64)
  expect(first?.weight).not.toBe(second?.weight)
})
