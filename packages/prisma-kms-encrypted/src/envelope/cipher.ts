/** Turns plaintext bytes into an encrypted field value and back, by AES-256-GCM bound to model, field and type. */

import { timingSafeEqual } from 'node:crypto'
import { decryptGcm, encryptGcm } from './aes-gcm.js'
import type { DataKey } from './data-key.js'
import {
  formatPrefix,
  HEADER_BYTES,
  OVERHEAD_BYTES,
  readSealedParts,
  type ValueType,
  writeHeader,
} from './field-format.js'
import { encodeNames } from './names.js'
import { type NonceSource, randomNonces } from './nonces.js'
import { decryptionFailed, unexpectedValueType } from './refusals.js'

/** Seals and opens the values of one field that are of one value type. */
export interface FieldCipher {
  /**
   * Encrypts `plaintext` under a fresh nonce.
   *
   * @returns the whole stored value, 48 bytes longer than `plaintext`; it may be a slice of Node's buffer pool
   */
  seal(plaintext: Uint8Array, key: DataKey): Buffer
  /**
   * Decrypts a stored value. Nothing is returned before its tag has been verified.
   *
   * @throws PLAINTEXT_FOUND without the magic
   * @throws INVALID_CIPHERTEXT when it is not a version 1 value of this value type
   * @throws DECRYPTION_FAILED for another data key, record, model or field, or a changed value; which, is not told
   */
  open(stored: Buffer, key: DataKey): Buffer
}

/** What a {@link FieldCipher} is bound to. */
export interface FieldCipherOptions {
  /** Cryptographic name of the model. */
  readonly model: string
  /** Cryptographic name of the field. */
  readonly field: string
  readonly valueType: ValueType
  /** `Model.field` for errors. */
  readonly where: string
  /** Only tests replace it. */
  readonly nonces?: NonceSource
}

/**
 * Makes the cipher of one field and value type. Its AAD is made once: bytes 0–3 of the value ‖ names (docs/formats.md).
 *
 * @throws INVALID_CONFIGURATION for a name that the AAD cannot hold
 */
export function createFieldCipher(options: FieldCipherOptions): FieldCipher {
  const { where, valueType, nonces = randomNonces } = options
  const prefix = formatPrefix(valueType)
  const aad = Buffer.concat([prefix, encodeNames(options.model, options.field)])

  return {
    seal(plaintext, key) {
      const sealed = Buffer.allocUnsafe(plaintext.length + OVERHEAD_BYTES)
      const nonce = nonces()
      writeHeader(sealed, prefix, key.commitment, nonce)
      encryptGcm(key.cipherKey, nonce, aad, plaintext, sealed, HEADER_BYTES)
      return sealed
    },

    open(stored, key) {
      const parts = readSealedParts(stored, where)
      if (parts.valueType !== valueType) throw unexpectedValueType(where, valueType, parts.valueType)
      if (!timingSafeEqual(parts.commitment, key.commitment)) throw decryptionFailed(where)
      const plaintext = decryptGcm(key.cipherKey, parts.nonce, aad, parts.ciphertext, parts.tag)
      if (plaintext === null) throw decryptionFailed(where)
      return plaintext
    },
  }
}
