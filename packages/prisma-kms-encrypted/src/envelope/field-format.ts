/**
 * Turns the parts of an encrypted field value into bytes and back (format version 1):
 *
 * | offset | bytes | content                                                              |
 * |--------|-------|----------------------------------------------------------------------|
 * | 0      | 2     | magic `4B 45`                                                        |
 * | 2      | 1     | format version `01`                                                  |
 * | 3      | 1     | bits 0–4 value type; bit 5 compressed, bit 6 padded, bit 7 zero      |
 * | 4      | 16    | key commitment                                                       |
 * | 20     | 12    | nonce, random                                                        |
 * | 32     | n     | AES-256-GCM ciphertext                                               |
 * | 32+n   | 16    | tag                                                                  |
 */

import { COMMITMENT_BYTES } from './data-key.js'
import { invalidCiphertext, plaintextFound } from './refusals.js'

/** What every encrypted value begins with: `KE` in ASCII. */
export const MAGIC = Buffer.of(0x4b, 0x45)

/** How the base64 of every encrypted value begins: the two bits after the magic may be any. */
export const BASE64_MAGIC = /^S0[U-X]/

/** How text that counts as an encrypted value begins while a table is being migrated: magic and format version. */
export const SEALED_TEXT = 'S0UB'

/** The only format version there is. */
export const FORMAT_VERSION = 0x01

/** What a sealed value was before; the numbers are stored and must never change (docs/formats.md). */
export const valueTypes = {
  string: 0,
  bytes: 1,
  json: 2,
  boolean: 3,
  int: 4,
  bigint: 5,
  float: 6,
  decimal: 7,
  datetime: 8,
  list: 9,
} as const

/** Name of a value type. */
export type ValueTypeName = keyof typeof valueTypes

/** Stored number of a value type. */
export type ValueType = (typeof valueTypes)[ValueTypeName]

/** 96 bits: the nonce length for which GCM needs no extra hashing (NIST SP 800-38D §8.2). */
export const NONCE_BYTES = 12

/** 128 bits: the full tag; shorter ones only weaken GCM (NIST SP 800-38D §5.2.1.2). */
export const TAG_BYTES = 16

/** Length of the part that names the format and the value type, and that the tag protects as AAD. */
export const PREFIX_BYTES = 4

/** Offset of the nonce. */
export const NONCE_OFFSET = PREFIX_BYTES + COMMITMENT_BYTES

/** Length of everything in front of the ciphertext. */
export const HEADER_BYTES = NONCE_OFFSET + NONCE_BYTES

/** How much longer an encrypted value is than its plaintext: 48 bytes. */
export const OVERHEAD_BYTES = HEADER_BYTES + TAG_BYTES

const VERSION_OFFSET = 2
const FLAGS_OFFSET = 3
const VALUE_TYPE_MASK = 0b0001_1111
const COMPRESSED_BIT = 0b0010_0000
const PADDED_BIT = 0b0100_0000
const RESERVED_BIT = 0b1000_0000
const HIGHEST_VALUE_TYPE = Math.max(...Object.values(valueTypes))

/** The parts of an encrypted value; all are views on the stored bytes. */
export interface SealedParts {
  readonly valueType: ValueType
  readonly commitment: Buffer
  readonly nonce: Buffer
  readonly ciphertext: Buffer
  readonly tag: Buffer
}

/** Gives bytes 0–3 of a value of this type: magic, version, and the value type without any flag. */
export function formatPrefix(valueType: ValueType): Buffer {
  return Buffer.concat([MAGIC, Buffer.of(FORMAT_VERSION, valueType)])
}

/**
 * Writes the 32 bytes in front of the ciphertext.
 *
 * @param target at least 32 bytes
 * @param prefix what {@link formatPrefix} gave
 * @param commitment 16 bytes
 * @param nonce 12 bytes
 */
export function writeHeader(
  target: Uint8Array,
  prefix: Uint8Array,
  commitment: Uint8Array,
  nonce: Uint8Array,
): void {
  target.set(prefix, 0)
  target.set(commitment, PREFIX_BYTES)
  target.set(nonce, NONCE_OFFSET)
}

/** Tells whether `bytes` begins like an encrypted value. */
export function hasMagic(bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC.length && bytes[0] === MAGIC[0] && bytes[1] === MAGIC[1]
}

/** Tells whether `bytes` begins with magic and format version, which is what {@link SEALED_TEXT} is for text. */
export function beginsSealed(bytes: Uint8Array): boolean {
  return hasMagic(bytes) && bytes[VERSION_OFFSET] === FORMAT_VERSION
}

/**
 * Reads the value type from the first four bytes, refusing everything that this version does not know.
 *
 * @param bytes an encrypted value or its beginning
 * @throws PLAINTEXT_FOUND without the magic
 * @throws INVALID_CIPHERTEXT for an unknown version, value type or flag
 */
export function readValueType(bytes: Uint8Array, where: string): ValueType {
  if (!hasMagic(bytes)) throw plaintextFound(where)
  const version = bytes[VERSION_OFFSET]
  const flags = bytes[FLAGS_OFFSET]
  if (version === undefined || flags === undefined) throw invalidCiphertext(where, tooShort(bytes.length))
  if (version !== FORMAT_VERSION) {
    throw invalidCiphertext(where, `expected format version ${FORMAT_VERSION}, got ${version}`)
  }
  if ((flags & (COMPRESSED_BIT | PADDED_BIT)) !== 0) {
    throw invalidCiphertext(where, 'expected a plain value, got a compressed or padded one')
  }
  if ((flags & RESERVED_BIT) !== 0)
    throw invalidCiphertext(where, 'expected the reserved bit to be zero, got one')
  const valueType = flags & VALUE_TYPE_MASK
  if (!isValueType(valueType)) throw invalidCiphertext(where, `expected a known value type, got ${valueType}`)
  return valueType
}

/**
 * Reads the commitment out of an encrypted value or its beginning.
 *
 * @param bytes at least 20 bytes whose prefix was checked by {@link readValueType}
 * @returns a view on `bytes`
 */
export function readCommitment(bytes: Buffer): Buffer {
  return bytes.subarray(PREFIX_BYTES, NONCE_OFFSET)
}

/**
 * Takes an encrypted value apart. Its length is not stored: extra or missing bytes make the tag fail.
 *
 * @throws PLAINTEXT_FOUND without the magic
 * @throws INVALID_CIPHERTEXT for an unknown version, value type or flag, or fewer than 48 bytes
 */
export function readSealedParts(bytes: Buffer, where: string): SealedParts {
  const valueType = readValueType(bytes, where)
  const tagOffset = bytes.length - TAG_BYTES
  if (tagOffset < HEADER_BYTES) throw invalidCiphertext(where, tooShort(bytes.length))
  return {
    valueType,
    commitment: readCommitment(bytes),
    nonce: bytes.subarray(NONCE_OFFSET, HEADER_BYTES),
    ciphertext: bytes.subarray(HEADER_BYTES, tagOffset),
    tag: bytes.subarray(tagOffset),
  }
}

/** Words the length that an encrypted value must have at least. */
export function tooShort(lengthBytes: number): string {
  return `expected at least ${OVERHEAD_BYTES} bytes, got ${lengthBytes}`
}

function isValueType(number: number): number is ValueType {
  return number <= HIGHEST_VALUE_TYPE
}
