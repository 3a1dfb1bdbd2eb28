import fc from 'fast-check'
import { computeBlindIndex, deriveIndexKey, normalizeText } from '../../src/envelope/blind-index.js'
import { valueTypes } from '../../src/envelope/field-format.js'
import { codeOf } from './failure.js'
import { blindIndex, indexKey } from './independent.js'

const masterKey = Buffer.alloc(32, 7)
const key = deriveIndexKey(masterKey, 'User', 'email')
const value = Buffer.from('ada@example.com')

test('an index key is HKDF-SHA-256 of the master key for one model and field', () => {
  expect(key.export()).toEqual(indexKey(masterKey, 'User', 'email'))
  expect(deriveIndexKey(masterKey, 'Usere', 'mail').export()).not.toEqual(key.export())
})

test.each([0, 16, 31, 64])('an index master key of %d bytes is refused', (length) => {
  expect(codeOf(() => deriveIndexKey(Buffer.alloc(length), 'User', 'email'))).toBe('KMS_INVALID_RESPONSE')
})

test('a full index is 32 bytes of base64, the same each time', () => {
  const index = computeBlindIndex(key, valueTypes.string, value)
  expect(Buffer.from(index, 'base64').length).toBe(32)
  expect(computeBlindIndex(key, valueTypes.string, value)).toBe(index)
  expect(index).toBe(blindIndex(key.export(), 0, value, 256))
})

test('values, value types and fields that differ have different indexes', () => {
  const index = computeBlindIndex(key, valueTypes.string, value)
  expect(computeBlindIndex(key, valueTypes.bytes, value)).not.toBe(index)
  expect(computeBlindIndex(key, valueTypes.string, Buffer.from('eve@example.com'))).not.toBe(index)
  expect(computeBlindIndex(deriveIndexKey(masterKey, 'User', 'phone'), valueTypes.string, value)).not.toBe(
    index,
  )
})

test('a truncated index is the leading bits of the full one, the rest of its last byte zero', () => {
  const full = Buffer.from(computeBlindIndex(key, valueTypes.string, value), 'base64')
  for (let bits = 1; bits <= 256; bits++) {
    const index = computeBlindIndex(key, valueTypes.string, value, bits)
    const bytes = Buffer.from(index, 'base64')
    expect(bytes.length).toBe(Math.ceil(bits / 8))
    expect(index).toBe(blindIndex(key.export(), 0, value, bits))
    const inBits = (buffer: Buffer) => [...buffer].map((byte) => byte.toString(2).padStart(8, '0')).join('')
    expect(inBits(bytes)).toBe(
      inBits(full)
        .slice(0, bits)
        .padEnd(bytes.length * 8, '0'),
    )
  }
})

test.each([0, -1, 257, 1.5, NaN, Infinity])('an index of %p bits is refused', (bits) => {
  expect(codeOf(() => computeBlindIndex(key, valueTypes.string, value, bits))).toBe('INVALID_CONFIGURATION')
})

test.each([
  [' \t\u00a0Ada \n', ['trim'], 'Ada'],
  ['ADA İ', ['lowercase'], 'ada i\u0307'],
  ['ﬁ Ａ ①', ['nfkc'], 'fi A 1'],
  ['Zoë Ångström ệ', ['diacritics'], 'Zoe Angstrom e'],
  ['한국어', ['diacritics'], '한국어'],
  ['+49 (0)30-12 ext. 3', ['digits'], '49030123'],
  ['tel: ٠١٢', ['digits'], '٠١٢'],
  ['１２', ['nfkc', 'digits'], '12'],
  ['½', ['digits'], ''],
  ['½', ['nfkc', 'digits'], '12'],
  ['unchanged É ', [], 'unchanged É '],
] as const)('%j normalised by %j is %j', (text, steps, normalised) => {
  expect(normalizeText(text, steps)).toBe(normalised)
})

test('steps are applied in the given order', () => {
  expect(normalizeText('①', ['digits', 'nfkc'])).toBe('')
  expect(normalizeText('①', ['nfkc', 'digits'])).toBe('1')
})

test('lowercase does not follow the locale of the process', () => {
  expect(normalizeText('TITLE I', ['lowercase'])).toBe('title i')
})

test('trimming and lower-casing twice changes nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const once = normalizeText(text, ['nfkc', 'lowercase', 'trim'])
      expect(normalizeText(once, ['trim'])).toBe(once)
    }),
  )
})
