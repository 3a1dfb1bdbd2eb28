/**
 * Turns a record's data key into one that a branch key wraps, and back, without a call to the key service.
 *
 * | offset | bytes | content                                                          |
 * | ------ | ----- | ---------------------------------------------------------------- |
 * | 0      | 2     | magic `4B 42`                                                    |
 * | 2      | 1     | format version `01`                                              |
 * | 3      | 16    | id of the branch key                                             |
 * | 19     | 32    | salt, random                                                     |
 * | 51     | 32    | AES-256-GCM ciphertext of the data key                           |
 * | 83     | 16    | tag                                                              |
 *
 * The AES key is HMAC-SHA-256(branch key, salt), used once, with a nonce of zeros; the AAD is bytes 0–18 and the JSON
 * text of the record's encryption context. A stored format: never change it.
 *
 * Bounds (NIST SP 800-38D §8): a key and nonce may come together again with a probability of at most 2⁻³². Keys differ
 * as salts of 256 random bits do, so after n wraps under one branch key it is below n²/2²⁵⁷: 2⁻¹²⁹ for 2⁶⁴ of them.
 * The limit of 2³² uses for random nonces (§8.3) concerns one AES key, and each is used once here.
 */
import { createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { decryptGcm, encryptGcm } from '../envelope/aes-gcm.js'
import { canonicalContextJson } from './context.js'
import { dataKeyBytes } from './outcome.js'
import type { EncryptionContext } from './provider.js'

/** Bytes of a branch key's random id. */
export const branchIdBytes = 16

const magic = Buffer.of(0x4b, 0x42, 0x01)
const saltStart = magic.length + branchIdBytes
const saltBytes = 32
const bodyStart = saltStart + saltBytes
const tagStart = bodyStart + dataKeyBytes
const wrappedBytes = tagStart + 16
const zeroNonce = Buffer.alloc(12)

/** A branch key in hand. */
export interface OpenBranchKey {
  /** 32 lower-case hexadecimal digits. */
  readonly id: string
  /** 32 bytes. */
  readonly key: Uint8Array
}

/**
 * Wraps a data key.
 * @param plaintext 32 bytes
 * @param random source of the salt; only tests replace it
 * @throws INVALID_CONTEXT
 */
export function wrapUnderBranch(
  branch: OpenBranchKey,
  plaintext: Uint8Array,
  context: EncryptionContext,
  random: (bytes: number) => Uint8Array = randomBytes,
): Uint8Array {
  const wrapped = Buffer.alloc(wrappedBytes)
  magic.copy(wrapped)
  wrapped.write(branch.id, magic.length, 'hex')
  wrapped.set(random(saltBytes), saltStart)
  encryptGcm(oneTimeKey(branch, wrapped), zeroNonce, aadOf(wrapped, context), plaintext, wrapped, bodyStart)
  return wrapped
}

/** The id of the branch key that wrapped a data key; `null` for what has another form. */
export function branchIdOf(wrapped: Uint8Array): string | null {
  const bytes = Buffer.from(wrapped.buffer, wrapped.byteOffset, wrapped.byteLength)
  if (bytes.length !== wrappedBytes || !bytes.subarray(0, magic.length).equals(magic)) return null
  return bytes.toString('hex', magic.length, saltStart)
}

/**
 * Unwraps a data key.
 * @param wrapped names this branch key ({@link branchIdOf})
 * @returns 32 bytes; `null` when it was changed, or wrapped under another branch key or context
 * @throws INVALID_CONTEXT
 */
export function unwrapUnderBranch(
  branch: OpenBranchKey,
  wrapped: Uint8Array,
  context: EncryptionContext,
): Uint8Array | null {
  return decryptGcm(
    oneTimeKey(branch, wrapped),
    zeroNonce,
    aadOf(wrapped, context),
    wrapped.subarray(bodyStart, tagStart),
    wrapped.subarray(tagStart),
  )
}

function oneTimeKey({ key }: OpenBranchKey, wrapped: Uint8Array): KeyObject {
  const bytes = createHmac('sha256', key).update(wrapped.subarray(saltStart, bodyStart)).digest()
  const cipherKey = createSecretKey(bytes)
  bytes.fill(0)
  return cipherKey
}

function aadOf(wrapped: Uint8Array, context: EncryptionContext): Uint8Array {
  return Buffer.concat([wrapped.subarray(0, saltStart), Buffer.from(canonicalContextJson(context), 'utf8')])
}
