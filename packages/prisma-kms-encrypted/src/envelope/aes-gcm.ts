/** Turns plaintext into AES-256-GCM ciphertext and tag and back; the only place that calls the cipher. */

import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import { TAG_BYTES } from './field-format.js'

const ALGORITHM = 'aes-256-gcm'

/** Without it, Node accepts tags of 4 bytes when decrypting. */
const OPTIONS = { authTagLength: TAG_BYTES } as const

/**
 * Writes `ciphertext ‖ tag` into `target` from `offset` on.
 *
 * @param key 256 bits
 * @param nonce 12 bytes, never used before with this key
 * @param target at least `offset + plaintext.length + 16` bytes
 */
export function encryptGcm(
  key: KeyObject,
  nonce: Uint8Array,
  aad: Uint8Array,
  plaintext: Uint8Array,
  target: Uint8Array,
  offset: number,
): void {
  const cipher = createCipheriv(ALGORITHM, key, nonce, OPTIONS)
  cipher.setAAD(aad)
  // GCM is a stream mode: update() gives every byte, and final() only closes the tag.
  target.set(cipher.update(plaintext), offset)
  cipher.final()
  target.set(cipher.getAuthTag(), offset + plaintext.length)
}

/**
 * Gives the plaintext once the tag has been verified.
 *
 * @param key 256 bits
 * @param nonce 12 bytes
 * @param tag 16 bytes
 * @returns memory of its own; `null` when the tag does not fit
 */
export function decryptGcm(
  key: KeyObject,
  nonce: Uint8Array,
  aad: Uint8Array,
  ciphertext: Uint8Array,
  tag: Uint8Array,
): Buffer | null {
  const decipher = createDecipheriv(ALGORITHM, key, nonce, OPTIONS)
  decipher.setAAD(aad)
  decipher.setAuthTag(tag)
  const unverified = decipher.update(ciphertext)
  try {
    decipher.final()
  } catch {
    unverified.fill(0)
    return null
  }
  return unverified
}
