/**
 * Turns the head of a box into bytes and back (format version 1):
 *
 * | offset | bytes | content                                              |
 * |--------|-------|------------------------------------------------------|
 * | 0      | 2     | magic `4B 42`                                        |
 * | 2      | 1     | format version `01`                                  |
 * | 3      | 1     | content: 0 text, 1 bytes                             |
 * | 4      | 4     | version of the key that wrapped the data key, from 1 |
 * | 8      | 2     | length w of the wrapped data key                     |
 * | 10     | w     | wrapped data key                                     |
 * | 10+w   | 32    | head tag: HMAC-SHA-256                               |
 *
 * The sealed chunks follow (`box-chunks.ts`).
 */

import { KmsEncryptedError } from '../errors.js'

/** What every box begins with: `KB` in ASCII; as base64 `S0IB`, with the format version. */
const MAGIC = Buffer.of(0x4b, 0x42)
const FORMAT_VERSION = 0x01
const CONTENT_OFFSET = 3
const KEY_VERSION_OFFSET = 4
const LENGTH_OFFSET = 8
const WRAPPED_KEY_OFFSET = 10
const HIGHEST_U16 = 0xffff
const HIGHEST_U32 = 0xffff_ffff

/** Length of the head's tag: the whole HMAC-SHA-256. */
export const HEAD_TAG_BYTES = 32

/** What a box holds; the numbers are stored and must never change. */
export const boxContents = { text: 0, bytes: 1 } as const

/** Name of what a box holds. */
export type BoxContent = keyof typeof boxContents

/** What the head tells, before anything of it is proven. */
export interface BoxHead {
  readonly content: BoxContent
  /** Configured version of the key, 1 or more. */
  readonly keyVersion: number
  readonly wrappedKey: Buffer
}

/** A head that was read, with the bytes that its tag covers. */
export interface ParsedBoxHead extends BoxHead {
  readonly bytes: Buffer
  readonly tag: Buffer
}

/**
 * Writes the head without its tag.
 *
 * @throws INVALID_CONFIGURATION for a key version that has no form
 * @throws KMS_INVALID_RESPONSE for a wrapped key of no or of more than 65,535 bytes
 */
export function formatBoxHead({ content, keyVersion, wrappedKey }: BoxHead): Buffer {
  if (!Number.isInteger(keyVersion) || keyVersion < 1 || keyVersion > HIGHEST_U32) {
    throw new KmsEncryptedError({
      code: 'INVALID_CONFIGURATION',
      message: `Box: expected a key version from 1 to ${HIGHEST_U32}, got ${keyVersion}`,
      why: 'The version is stored in four bytes.',
      fix: 'Number the versions of the key 1, 2, 3 …',
    })
  }
  if (wrappedKey.length === 0 || wrappedKey.length > HIGHEST_U16) {
    throw new KmsEncryptedError({
      code: 'KMS_INVALID_RESPONSE',
      message: `Box: expected a wrapped key of 1 to ${HIGHEST_U16} bytes, got ${wrappedKey.length}`,
      why: 'Its length is stored in two bytes.',
      fix: 'Check the provider with the contract suite in prisma-kms-encrypted/testing.',
    })
  }
  const head = Buffer.alloc(WRAPPED_KEY_OFFSET + wrappedKey.length)
  MAGIC.copy(head)
  head[MAGIC.length] = FORMAT_VERSION
  head[CONTENT_OFFSET] = boxContents[content]
  head.writeUInt32BE(keyVersion, KEY_VERSION_OFFSET)
  head.writeUInt16BE(wrappedKey.length, LENGTH_OFFSET)
  wrappedKey.copy(head, WRAPPED_KEY_OFFSET)
  return head
}

/**
 * Reads the head from the beginning of a box.
 *
 * @param bytes a box or its beginning
 * @returns views on `bytes`; `null` while the head is not complete
 * @throws INVALID_CIPHERTEXT as soon as it cannot become the head of a box
 */
export function parseBoxHead(bytes: Buffer): ParsedBoxHead | null {
  const magicBytes = Math.min(bytes.length, MAGIC.length)
  if (!bytes.subarray(0, magicBytes).equals(MAGIC.subarray(0, magicBytes)))
    throw invalidBox('it does not begin like a box')
  const version = bytes[MAGIC.length]
  if (version !== undefined && version !== FORMAT_VERSION) {
    throw invalidBox(`expected format version ${FORMAT_VERSION}, got ${version}`)
  }
  if (bytes.length < WRAPPED_KEY_OFFSET) return null
  const content = contentOf(bytes[CONTENT_OFFSET])
  const keyVersion = bytes.readUInt32BE(KEY_VERSION_OFFSET)
  if (keyVersion === 0) throw invalidBox('expected a key version of 1 or more, got 0')
  const tagOffset = WRAPPED_KEY_OFFSET + bytes.readUInt16BE(LENGTH_OFFSET)
  if (tagOffset === WRAPPED_KEY_OFFSET) throw invalidBox('it has no wrapped key')
  if (bytes.length < tagOffset + HEAD_TAG_BYTES) return null
  return {
    content,
    keyVersion,
    wrappedKey: bytes.subarray(WRAPPED_KEY_OFFSET, tagOffset),
    bytes: bytes.subarray(0, tagOffset),
    tag: bytes.subarray(tagOffset, tagOffset + HEAD_TAG_BYTES),
  }
}

function contentOf(number: number | undefined): BoxContent {
  if (number === boxContents.text) return 'text'
  if (number === boxContents.bytes) return 'bytes'
  throw invalidBox(`expected content 0 or 1, got ${number}`)
}

/**
 * What does not have the form of a box.
 *
 * @param found what is wrong with its form, without any of its content
 */
export function invalidBox(found: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CIPHERTEXT',
    message: `Box: ${found}`,
    why: 'It was cut, changed, or written by a newer version of this library or by something else.',
    fix: 'Restore it from a trusted copy. Text that seal() gave must be opened as text, bytes as bytes.',
  })
}

/** A box that has the form of one and does not open. The reason is not told, on purpose. */
export function boxRefused(cause?: Error): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'DECRYPTION_FAILED',
    message: 'Box: it does not open under this context and key',
    why: 'It was sealed under another context or key, or it was changed, cut off, or put together from several.',
    fix: 'Open it with exactly the context that it was sealed with, or restore it from a trusted copy.',
    ...(cause ? { cause } : {}),
  })
}
