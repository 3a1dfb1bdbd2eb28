import fc from 'fast-check'
import { canonicalDecimal } from '../../src/envelope/decimal-text.js'

test.each([
  ['0', '0'],
  ['-0', '0'],
  ['0.000', '0'],
  ['0e5', '0'],
  ['+1', '1'],
  ['001.500', '1.5'],
  ['.5', '0.5'],
  ['5.', '5'],
  ['-10', '-10'],
  ['100', '100'],
  ['1e3', '1000'],
  ['1E+3', '1000'],
  ['1.25e1', '12.5'],
  ['12.5e-3', '0.0125'],
  ['-1.50e-7', '-0.00000015'],
  ['120e-1', '12'],
])('%s is written as %s', (text, canonical) => {
  expect(canonicalDecimal(text)).toBe(canonical)
})

test.each([
  '',
  '.',
  '-',
  'e5',
  'NaN',
  'Infinity',
  '1 ',
  ' 1',
  '1,5',
  '0x10',
  '1e',
  '1e1.5',
  '١',
  '1\n',
  '1_0',
])('%j is no decimal number', (text) => {
  expect(canonicalDecimal(text)).toBeNull()
})

test('a number with more digits than any database holds is refused before it is spelled out', () => {
  expect(canonicalDecimal('1e131071')).toBe('1' + '0'.repeat(131_071))
  expect(canonicalDecimal('1e131072')).toBeNull()
  expect(canonicalDecimal('1e-16384')).toBeNull()
  expect(canonicalDecimal('1e9999999')).toBeNull()
  expect(canonicalDecimal('1e99999999')).toBeNull()
})

test('numbers keep their value, and the canonical form is its own canonical form', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (number) => {
      const canonical = canonicalDecimal(number.toString())
      expect(Number(canonical)).toBe(number + 0)
      expect(canonicalDecimal(canonical ?? '')).toBe(canonical)
    }),
  )
})

test('moving the point by an exponent gives the same text', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }),
      fc.integer({ min: 0, max: 60 }),
      (digits, shift) => {
        const canonical = canonicalDecimal(digits.toString())
        expect(canonical).toBe(digits.toString())
        expect(canonicalDecimal(`${digits.toString()}${'0'.repeat(shift)}e-${shift}`)).toBe(canonical)
      },
    ),
  )
})
