import {
  formatPrefix,
  HEADER_BYTES,
  MAGIC,
  OVERHEAD_BYTES,
  readCommitment,
  readSealedParts,
  readValueType,
  valueTypes,
  writeHeader,
} from '../../src/envelope/field-format.js'
import { codeOf } from './failure.js'

const commitment = Buffer.alloc(16, 0xc0)
const nonce = Buffer.alloc(12, 0x0e)

function sealedBytes(flags: number, rest = Buffer.alloc(16, 0x7a)): Buffer {
  return Buffer.concat([MAGIC, Buffer.of(1, flags), commitment, nonce, rest])
}

test('the header is magic, version, value type, commitment and nonce', () => {
  const target = Buffer.alloc(HEADER_BYTES)
  writeHeader(target, formatPrefix(valueTypes.datetime), commitment, nonce)
  expect(target.toString('hex')).toBe('4b450108' + 'c0'.repeat(16) + '0e'.repeat(12))
})

test('the numbers of the value types are those of the format', () => {
  expect(Object.entries(valueTypes)).toEqual([
    ['string', 0],
    ['bytes', 1],
    ['json', 2],
    ['boolean', 3],
    ['int', 4],
    ['bigint', 5],
    ['float', 6],
    ['decimal', 7],
    ['datetime', 8],
    ['list', 9],
  ])
  expect(OVERHEAD_BYTES).toBe(48)
})

test('an encrypted value is taken apart at the offsets of the format', () => {
  const ciphertext = Buffer.from('cipher')
  const tag = Buffer.alloc(16, 0x7a)
  const parts = readSealedParts(sealedBytes(4, Buffer.concat([ciphertext, tag])), 'User.age')
  expect(parts).toEqual({ valueType: 4, commitment, nonce, ciphertext, tag })
  expect(readCommitment(sealedBytes(4))).toEqual(commitment)
})

test.each(Object.values(valueTypes))('value type %d is known', (valueType) => {
  expect(readValueType(sealedBytes(valueType), 'User.x')).toBe(valueType)
})

test('of all 256 flag bytes, only the ten value types without any flag are accepted', () => {
  for (let flags = 10; flags < 256; flags++) {
    expect(codeOf(() => readValueType(sealedBytes(flags), 'User.x'))).toBe('INVALID_CIPHERTEXT')
  }
})

test('every version but 1 is refused', () => {
  for (let version = 0; version < 256; version++) {
    if (version === 1) continue
    const bytes = sealedBytes(0)
    bytes[2] = version
    expect(codeOf(() => readValueType(bytes, 'User.x'))).toBe('INVALID_CIPHERTEXT')
  }
})

test('bytes without the magic are plaintext', () => {
  for (const hex of ['', '4b', '00450100', '4b000100', '454b0100']) {
    expect(codeOf(() => readValueType(Buffer.from(hex, 'hex'), 'User.x'))).toBe('PLAINTEXT_FOUND')
  }
})

test('a value of fewer than 48 bytes is refused', () => {
  for (let length = 2; length < OVERHEAD_BYTES; length++) {
    const cut = sealedBytes(0).subarray(0, length)
    expect(codeOf(() => readSealedParts(cut, 'User.x'))).toBe('INVALID_CIPHERTEXT')
  }
  expect(readSealedParts(sealedBytes(0), 'User.x').ciphertext.length).toBe(0)
})
