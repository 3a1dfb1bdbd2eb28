/** Words the refusals of this floor once: each turns what was found at a `Model.field` into an error to throw. */

import { KmsEncryptedError } from '../errors.js'

/**
 * A value that the caller gave and that this field cannot hold.
 *
 * @param where `Model.field`
 * @param found expected and got, without the value itself
 */
export function invalidValue(where: string, found: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_VALUE',
    message: `${where}: ${found}`,
    why: 'Only a value whose exact form can be restored is encrypted.',
    fix: "Pass a value of the field's type.",
  })
}

/**
 * A value that its column cannot hold once it is encrypted.
 *
 * @param needed length of the encrypted value, in `unit`
 * @param capacity what the column holds, in `unit`
 */
export function valueTooLong(
  where: string,
  needed: number,
  capacity: number,
  unit: 'characters' | 'bytes',
): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'VALUE_TOO_LONG',
    message: `${where}: expected at most ${capacity} ${unit} once encrypted, got ${needed}`,
    why: 'The database would refuse or cut the encrypted value: encryption adds 48 bytes, base64 a third.',
    fix: 'Widen the column (an unbounded type is best for encrypted fields) or pass a shorter value.',
  })
}

/** A stored value that bears no sign of encryption where an encrypted one is expected. */
export function plaintextFound(where: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'PLAINTEXT_FOUND',
    message: `${where}: expected an encrypted value, got one without the mark of encryption`,
    why: 'Reading such values as they are would let whoever can write to the database forge them.',
    fix: 'While old rows are still plaintext, list the model under `migrating` and run `encryptAll` on it; afterwards, find out who wrote this row without the extension.',
  })
}

/**
 * A stored value that has the mark of encryption but not the form of an encrypted value of this field.
 *
 * @param found what is wrong with its form, without the value itself
 */
export function invalidCiphertext(where: string, found: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CIPHERTEXT',
    message: `${where}: ${found}`,
    why: 'The stored value was cut, changed, or written by a newer version of this library or by something else.',
    fix: 'Restore the value from a backup, or upgrade the library if a newer version wrote it.',
  })
}

/** A stored value of another type than its field holds. */
export function unexpectedValueType(where: string, expected: number, found: number): KmsEncryptedError {
  return invalidCiphertext(where, `expected value type ${expected}, got ${found}`)
}

/** A well-formed stored value that this data key, model and field do not open. The reason is not told, on purpose. */
export function decryptionFailed(where: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'DECRYPTION_FAILED',
    message: `${where}: the stored value does not open under this record's data key`,
    why: 'It was changed, or was written for another record, model or field.',
    fix: 'Restore the record (its encrypted fields together with its key column) from a backup. If the model or field was renamed, pin its old name: `@encrypted(name: …)`, `@kmsKey(model: …)`.',
  })
}

/** Names the JavaScript type of `value` for an error message, and nothing else of it. */
export function typeName(value: unknown): string {
  if (value === null) return 'null'
  return typeof value === 'object' ? Object.prototype.toString.call(value).slice(8, -1) : typeof value
}
