import { createFieldCipher, type FieldCipher } from '../../src/envelope/cipher.js'
import { deriveDataKey, generateDataKey } from '../../src/envelope/data-key.js'
import { OVERHEAD_BYTES, valueTypes } from '../../src/envelope/field-format.js'
import { codeOf, failureOf } from './failure.js'

const key = deriveDataKey(Buffer.alloc(32, 1))
const plaintext = Buffer.from('attack at dawn')

function cipherOf(names: { model?: string; field?: string; valueType?: 0 | 1 | 2 } = {}): FieldCipher {
  const { model = 'User', field = 'email', valueType = valueTypes.string } = names
  return createFieldCipher({ model, field, valueType, where: 'User.email' })
}

const cipher = cipherOf()

/** Copies `count` bytes at `offset` from one sealed value into a copy of another. */
function transplant(from: Buffer, into: Buffer, offset: number, count: number): Buffer {
  const changed = Buffer.from(into)
  from.copy(changed, offset, offset, offset + count)
  return changed
}

test('a sealed value opens to the same bytes and is 48 bytes longer', () => {
  for (const length of [0, 1, 15, 16, 17, 4096, 100_000]) {
    const bytes = Buffer.alloc(length, 0x5a)
    const sealed = cipher.seal(bytes, key)
    expect(sealed.length).toBe(length + OVERHEAD_BYTES)
    expect(cipher.open(sealed, key).equals(bytes)).toBe(true)
  }
})

test('the same plaintext never gives the same sealed value or nonce twice', () => {
  const sealed = Array.from({ length: 3000 }, () => cipher.seal(plaintext, key))
  expect(new Set(sealed.map((bytes) => bytes.toString('hex'))).size).toBe(3000)
  expect(new Set(sealed.map((bytes) => bytes.toString('hex', 20, 32))).size).toBe(3000)
})

test('the sealed value holds no four bytes of the plaintext', () => {
  const sealed = cipher.seal(plaintext, key)
  for (let offset = 0; offset + 4 <= plaintext.length; offset++) {
    expect(sealed.includes(plaintext.subarray(offset, offset + 4))).toBe(false)
  }
})

test('every flipped bit is rejected, with the code of the part that it is in', () => {
  const sealed = cipher.seal(plaintext, key)
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed)
    const byte = bit >> 3
    changed.writeUInt8(changed.readUInt8(byte) ^ (1 << (bit & 7)), byte)
    const expected = byte < 2 ? 'PLAINTEXT_FOUND' : byte < 4 ? 'INVALID_CIPHERTEXT' : 'DECRYPTION_FAILED'
    expect(codeOf(() => cipher.open(changed, key))).toBe(expected)
  }
})

test('every truncation is rejected', () => {
  const sealed = cipher.seal(plaintext, key)
  for (let length = 0; length < sealed.length; length++) {
    const expected =
      length < 2 ? 'PLAINTEXT_FOUND' : length < OVERHEAD_BYTES ? 'INVALID_CIPHERTEXT' : 'DECRYPTION_FAILED'
    expect(codeOf(() => cipher.open(sealed.subarray(0, length), key))).toBe(expected)
  }
})

test('bytes cut out of the front or the middle are rejected', () => {
  const sealed = cipher.seal(plaintext, key)
  for (let offset = 0; offset < sealed.length; offset++) {
    const cut = Buffer.concat([sealed.subarray(0, offset), sealed.subarray(offset + 1)])
    expect(['PLAINTEXT_FOUND', 'INVALID_CIPHERTEXT', 'DECRYPTION_FAILED']).toContain(
      codeOf(() => cipher.open(cut, key)),
    )
  }
})

test('trailing bytes are rejected', () => {
  const sealed = cipher.seal(plaintext, key)
  for (const extra of [Buffer.alloc(1), Buffer.alloc(16), sealed]) {
    expect(codeOf(() => cipher.open(Buffer.concat([sealed, extra]), key))).toBe('DECRYPTION_FAILED')
  }
})

test.each([
  ['a nonce', 20, 12],
  ['a ciphertext', 32, 14],
  ['a tag', 46, 16],
])('%s moved from another value of the same field and data key is rejected', (_, offset, count) => {
  const one = cipher.seal(plaintext, key)
  const other = cipher.seal(Buffer.from('attack at dusk'), key)
  expect(codeOf(() => cipher.open(transplant(other, one, offset, count), key))).toBe('DECRYPTION_FAILED')
})

test('a nonce and a tag moved together are rejected', () => {
  const one = cipher.seal(plaintext, key)
  const other = cipher.seal(Buffer.from('attack at dusk'), key)
  const changed = transplant(other, transplant(other, one, 20, 12), 46, 16)
  expect(codeOf(() => cipher.open(changed, key))).toBe('DECRYPTION_FAILED')
})

test('a commitment moved from a value under another data key is rejected under either key', () => {
  const otherKey = generateDataKey().dataKey
  const changed = transplant(cipher.seal(plaintext, otherKey), cipher.seal(plaintext, key), 4, 16)
  expect(codeOf(() => cipher.open(changed, key))).toBe('DECRYPTION_FAILED')
  expect(codeOf(() => cipher.open(changed, otherKey))).toBe('DECRYPTION_FAILED')
})

test('a value moved to another record, which has another data key, is rejected', () => {
  expect(codeOf(() => cipher.open(cipher.seal(plaintext, key), generateDataKey().dataKey))).toBe(
    'DECRYPTION_FAILED',
  )
})

test('a data key with the right commitment and the wrong AES key opens nothing', () => {
  const forged = { cipherKey: generateDataKey().dataKey.cipherKey, commitment: key.commitment }
  expect(codeOf(() => cipher.open(cipher.seal(plaintext, key), forged))).toBe('DECRYPTION_FAILED')
})

test('the commitment is compared before anything is decrypted', () => {
  const forged = { cipherKey: key.cipherKey, commitment: generateDataKey().dataKey.commitment }
  expect(codeOf(() => cipher.open(cipher.seal(plaintext, key), forged))).toBe('DECRYPTION_FAILED')
})

test.each([
  ['another field', { field: 'phone' }],
  ['another model', { model: 'Admin' }],
  ['names that join to the same text', { model: 'Usere', field: 'mail' }],
])('a value moved to %s is rejected', (_, names) => {
  expect(codeOf(() => cipherOf(names).open(cipher.seal(plaintext, key), key))).toBe('DECRYPTION_FAILED')
})

test('a value of another value type is rejected, also when its type byte is rewritten', () => {
  const sealed = cipherOf({ valueType: 1 }).seal(plaintext, key)
  expect(codeOf(() => cipher.open(sealed, key))).toBe('INVALID_CIPHERTEXT')
  sealed.writeUInt8(0, 3)
  expect(codeOf(() => cipher.open(sealed, key))).toBe('DECRYPTION_FAILED')
})

test('a failed decryption tells neither its reason nor anything of the value', () => {
  const sealed = cipher.seal(plaintext, key)
  const changed = Buffer.from(sealed)
  changed.writeUInt8(changed.readUInt8(40) ^ 1, 40)
  const changedError = failureOf(() => cipher.open(changed, key))
  const otherKeyError = failureOf(() => cipher.open(sealed, generateDataKey().dataKey))
  expect(changedError.code).toBe('DECRYPTION_FAILED')
  expect(changedError.message).toBe(otherKeyError.message)
  expect(changedError.cause).toBeUndefined()
  expect(changedError.message).toContain('User.email')
  expect(changedError.message).not.toContain('attack')
})
