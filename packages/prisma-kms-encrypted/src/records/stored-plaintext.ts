/** Tells what a value is in the columns of models that are being migrated: ciphertext, plaintext, or another library's. */
import { KmsEncryptedError } from '../errors.js'
import { isStoredNull } from './arguments.js'
import type { SealedField } from './models.js'

/**
 * Whether a stored value is plaintext that may be taken as it is. In doubt it is ciphertext: plaintext that only looks
 * like it then fails to open, which is reported, while ciphertext taken for plaintext would be encrypted a second time.
 */
export function holdsPlaintext(field: SealedField, stored: unknown): boolean {
  return (
    field.group.model.migrating !== null && !field.codec.looksSealed(stored) && !holdsLegacy(field, stored)
  )
}

/** Whether a stored value is one of another library, whose rows are being imported. */
export function holdsLegacy(field: SealedField, stored: unknown): boolean {
  const { legacy } = field
  if (legacy === null || (typeof stored !== 'string' && !(stored instanceof Uint8Array))) return false
  return !field.codec.looksSealed(stored) && (legacy.recognises?.(stored) ?? true)
}

/**
 * Checks that a value stays plaintext when it is read again.
 * @throws KmsEncryptedError `INVALID_VALUE`
 */
export function checkStaysPlaintext(field: SealedField, value: unknown): void {
  if (isStoredNull(value) || !field.codec.looksSealed(value)) return
  throw new KmsEncryptedError({
    code: 'INVALID_VALUE',
    message: `${field.group.model.name}.${field.name}: expected plaintext, got a value that begins like an encrypted one`,
    why: "Under migrating: 'read' values are stored as plaintext, and this one could not be told from ciphertext.",
    fix: "Store it once the model is migrating: 'write', which encrypts every value, whatever it looks like.",
  })
}
