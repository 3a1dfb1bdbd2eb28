import { weightOfCipher } from '../../src/envelope/cipher-weight.js'

test('every cipher gets weight of its own', () => {
  expect(weightOfCipher()).toHaveLength(64)
  expect(weightOfCipher()).not.toBe(weightOfCipher())
})
