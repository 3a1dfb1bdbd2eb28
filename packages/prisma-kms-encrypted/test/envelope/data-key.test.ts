import { createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import { deriveDataKey, generateDataKey } from '../../src/envelope/data-key.js'
import { codeOf } from './failure.js'
import { expandDataKey } from './independent.js'

const bytes = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex')

test('the AES key and the commitment are the leading 48 bytes of one HMAC-SHA-512', () => {
  const dataKey = deriveDataKey(bytes)
  const { aesKey, commitment } = expandDataKey(bytes)
  expect(dataKey.cipherKey.export()).toEqual(aesKey)
  expect(dataKey.commitment).toEqual(commitment)
})

test('the data key itself is not the AES key', () => {
  expect(deriveDataKey(bytes).cipherKey.export()).not.toEqual(bytes)
})

test.each([0, 16, 31, 33, 64])('a data key of %d bytes is refused', (length) => {
  expect(codeOf(() => deriveDataKey(Buffer.alloc(length)))).toBe('KMS_INVALID_RESPONSE')
})

test('overwriting the bytes afterwards leaves the derived key alone', () => {
  const copy = Buffer.from(bytes)
  const dataKey = deriveDataKey(copy)
  copy.fill(0)
  expect(dataKey.cipherKey.export()).toEqual(expandDataKey(bytes).aesKey)
})

test('a new data key is 32 bytes of the given randomness', () => {
  const made = generateDataKey(() => Buffer.from(bytes))
  expect(made.bytes).toEqual(bytes)
  expect(made.dataKey.commitment).toEqual(expandDataKey(bytes).commitment)
})

test('new data keys differ', () => {
  const made = Array.from({ length: 100 }, () => generateDataKey().bytes.toString('hex'))
  expect(new Set(made).size).toBe(100)
})

test('who gets a new data key gets no view on the next one', () => {
  expect(generateDataKey().bytes.buffer.byteLength).toBe(32)
})

test('inspect and JSON of a data key show neither its bytes nor its AES key', () => {
  const dataKey = deriveDataKey(bytes)
  const { aesKey } = expandDataKey(bytes)
  const unused = createHmac('sha512', bytes).update('prisma-kms-encrypted/1\u0001').digest().subarray(48)
  const shown = inspect(dataKey, { depth: 10, showHidden: true }) + JSON.stringify(dataKey)
  for (const secret of [bytes, aesKey, unused]) {
    expect(shown).not.toContain(secret.toString('hex').slice(0, 8))
    expect(shown).not.toContain(secret.toString('base64').slice(0, 8))
    expect(shown).not.toContain(inspect(secret).slice(8, 28))
    expect(shown).not.toContain(JSON.stringify([...secret]).slice(1, -1))
  }
})
