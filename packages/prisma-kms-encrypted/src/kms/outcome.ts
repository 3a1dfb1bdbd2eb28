/** Builds the per-item outcomes of a batch. */
import { isKmsEncryptedError, KmsEncryptedError } from '../errors.js'
import { kmsFailure } from './failure.js'
import type { KmsFailurePlace } from './failure.js'
import type { Outcome, UnwrapItem } from './provider.js'

/** Bytes of every data key, index key and branch key. */
export const dataKeyBytes = 32

/** The outcome of an item that worked. */
export function succeeded<T>(value: T): Outcome<T> {
  return { ok: true, value }
}

/** The outcome of an item that did not. */
export function failed(error: Error): { readonly ok: false; readonly error: Error } {
  return { ok: false, error }
}

/**
 * Runs `action` and turns what it throws into a failed outcome. Foreign errors are not passed on, since they may
 * hold a request with its plaintext: they become `KMS_UNAVAILABLE`.
 */
export function attempt<T>(place: KmsFailurePlace, action: () => T): Outcome<T> {
  try {
    return succeeded(action())
  } catch (error) {
    return failed(isKmsEncryptedError(error) ? error : kmsFailure('KMS_UNAVAILABLE', place))
  }
}

/**
 * Gives an unwrapped key back if it has the length of a key.
 * @throws KMS_INVALID_CIPHERTEXT otherwise: what was wrapped is no data key, and asking again gives the same
 */
export function checkDataKey(key: Uint8Array, place: KmsFailurePlace): Uint8Array {
  if (key.byteLength === dataKeyBytes) return key
  const detail = `expected a key of ${dataKeyBytes} bytes inside, got ${key.byteLength}`
  key.fill(0)
  throw kmsFailure('KMS_INVALID_CIPHERTEXT', place, { detail })
}

/**
 * {@link checkDataKey}, unless the item says that it holds a value of any length.
 * @throws KMS_INVALID_CIPHERTEXT
 */
export function checkUnwrapped(bytes: Uint8Array, { holds }: UnwrapItem, place: KmsFailurePlace): Uint8Array {
  return holds === 'value' ? bytes : checkDataKey(bytes, place)
}

/**
 * Refuses to wrap what is not a data key.
 * @throws INVALID_VALUE
 */
export function checkPlaintextKey(key: Uint8Array): void {
  if (key.byteLength === dataKeyBytes) return
  throw new KmsEncryptedError({
    code: 'INVALID_VALUE',
    message: `Data key: expected ${dataKeyBytes} bytes, got ${key.byteLength}`,
    why: 'Data keys are AES-256 keys, and providers wrap nothing else.',
    fix: `Pass ${dataKeyBytes} random bytes.`,
  })
}
