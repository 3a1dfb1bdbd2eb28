import { generateDataKey } from '../../src/envelope/data-key.js'
import type { SealedField } from '../../src/records/models.js'
import { SealedValues } from '../../src/records/sealed-values.js'

const key = generateDataKey().dataKey
const field = (name: string, type: SealedField['type'] = 'String') => ({ name, type }) as SealedField // what is looked at

test('a sealed text is known again under its own field and key only', () => {
  const values = new SealedValues()
  const [name, email] = [field('name'), field('email')]
  values.remember(name, 'S0UB…', key, 'Ada')
  expect(values.find(name, 'S0UB…', key)).toBe('Ada')
  expect(values.find(email, 'S0UB…', key)).toBeUndefined()
  expect(values.find(name, 'S0UB…', generateDataKey().dataKey)).toBeUndefined()
  expect(values.find(name, 'S0UB', key)).toBeUndefined()
})

test('the empty text is a value', () => {
  const values = new SealedValues()
  const name = field('name')
  values.remember(name, 'S0UB…', key, '')
  expect(values.find(name, 'S0UB…', key)).toBe('')
})

test.each([
  ['Json', { a: 1 }],
  ['Json', 'text'],
  ['Bytes', new Uint8Array(1)],
] as const)('a %s value is opened anew: the caller may have changed it since', (type, value) => {
  const values = new SealedValues()
  const other = field('other', type)
  values.remember(other, 'S0UB…', key, value)
  expect(values.find(other, 'S0UB…', key)).toBeUndefined()
})
