/** Turns what went wrong with a data key into the error that names the record's field and tells nothing secret. */
import { isKmsEncryptedError, KmsEncryptedError } from '../errors.js'
import type { Outcome } from '../kms/provider.js'
import type { KeyOwner } from './key-names.js'

/**
 * The bytes of an outcome.
 * @throws KmsEncryptedError what {@link keyFailure} gives; `KMS_INVALID_RESPONSE` when there is no outcome
 */
export function unwrapOutcome(
  outcome: Outcome<Uint8Array> | undefined,
  request: KeyOwner,
  operation: 'wrap' | 'unwrap',
): Uint8Array {
  if (outcome?.ok) return outcome.value
  const { group } = request
  if (!outcome) {
    throw new KmsEncryptedError({
      code: 'KMS_INVALID_RESPONSE',
      message: `${group.model.name}.${group.column}: the key service answered fewer items than it was asked`,
      why: 'A provider must answer one outcome per item.',
      fix: 'Check the provider with the contract suite in prisma-kms-encrypted/testing.',
    })
  }
  throw keyFailure(outcome.error, request, operation)
}

/** The error for one key that the service would not wrap or unwrap, naming the record's field and keeping the service's code. */
export function keyFailure(error: Error, request: KeyOwner, operation: 'wrap' | 'unwrap'): KmsEncryptedError {
  const { group } = request
  if (!isKmsEncryptedError(error)) {
    return unclassified(
      `${group.model.name}.${group.column}: the key service failed to ${operation} a data key`,
    )
  }
  if (error.code === 'KMS_INVALID_CIPHERTEXT') return refusedKey(request, error)
  if (error.code === 'UNKNOWN_KEY_VERSION' || error.code === 'INVALID_CONTEXT') return error
  return new KmsEncryptedError({
    code: error.code,
    message: `${group.model.name}.${group.column}: could not ${operation} the data key of ${recordName(request)}: ${error.message.split('\n', 1)[0] ?? ''}`,
    why: error.why,
    fix: error.fix,
    cause: error,
  })
}

/** What a provider rejects with as a whole; an error of its own making may hold a request, so it is not passed on. */
export function serviceFailure(reason: unknown): KmsEncryptedError {
  return isKmsEncryptedError(reason) ? reason : unclassified('The key service failed')
}

function unclassified(message: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'KMS_UNAVAILABLE',
    message,
    why: 'The provider failed in a way that it does not classify.',
    fix: 'Look at the key service; its own message is withheld because it may hold key material.',
  })
}

/** The error for a stored key that is not the record's own. */
export function refusedKey(request: KeyOwner, cause?: Error): KmsEncryptedError {
  const { group } = request
  return new KmsEncryptedError({
    code: 'DECRYPTION_FAILED',
    message: `${group.model.name}.${group.column}: the stored key of ${recordName(request)} does not open in this record's context`,
    why: 'The key was wrapped for another record, model or context, under another KMS key, or it was changed in the database.',
    fix: 'Restore the row from a trusted copy. After renaming a model, pin its old name with @kmsKey(model: …).',
    ...(cause ? { cause } : {}),
  })
}

function recordName({ group, identity }: KeyOwner): string {
  return `${group.model.name} ${identity.id ?? '(new)'}`
}
