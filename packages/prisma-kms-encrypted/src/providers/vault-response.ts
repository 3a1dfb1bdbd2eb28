/** Turns answers and errors of node-vault into outcomes; its errors hold the token and the plaintext, so none gets through. */
import { isKmsEncryptedError } from '../errors.js'
import type { KmsEncryptedError } from '../errors.js'
import { kmsFailure } from '../kms/failure.js'
import type { KmsFailurePlace } from '../kms/failure.js'
import { failed, succeeded } from '../kms/outcome.js'
import type { Outcome } from '../kms/provider.js'

/**
 * Reads `batch_results` from an answer, or from the error that a partly failed batch (HTTP 400) is thrown as.
 * @returns one outcome an item; none when there are no batch results
 * @throws KMS_INVALID_RESPONSE when an answer has another number of results than items
 */
export function readBatchResults(
  answer: unknown,
  items: number,
  place: KmsFailurePlace,
): readonly Outcome<Record<string, unknown>>[] {
  const isError = answer instanceof Error
  const body = isError ? readPath(answer, 'response', 'body') : answer
  const results = readPath(body, 'data', 'batch_results')
  if (!Array.isArray(results) || results.length !== items) {
    if (isError) return []
    throw kmsFailure('KMS_INVALID_RESPONSE', place)
  }
  return results.map((result: unknown) => {
    if (!isRecord(result)) return failed(kmsFailure('KMS_INVALID_RESPONSE', place))
    const { error } = result
    return typeof error === 'string' && error !== '' ? failed(toItemFailure(error, place)) : succeeded(result)
  })
}

/** The error that stands for what node-vault threw. */
export function toVaultFailure(error: unknown, place: KmsFailurePlace): KmsEncryptedError {
  if (isKmsEncryptedError(error)) return error
  const status = readPath(error, 'response', 'statusCode')
  if (typeof status !== 'number') return toNetworkFailure(error, place)
  const detail = `HTTP ${status}`
  if (status === 403) return kmsFailure('KMS_ACCESS_DENIED', place, { detail })
  if (status === 404) return kmsFailure('KMS_KEY_NOT_FOUND', place, { detail })
  if (status === 429) return kmsFailure('KMS_THROTTLED', place, { detail })
  // 412: the node has not seen the latest write yet; 472, 473: a secondary that cannot answer
  if (status === 412 || status === 472 || status === 473 || status >= 500) {
    return kmsFailure('KMS_UNAVAILABLE', place, { detail })
  }
  if (status < 400) return kmsFailure('KMS_INVALID_RESPONSE', place, { detail })
  const errors = readPath(error, 'response', 'body', 'errors')
  const [text] = Array.isArray(errors) ? (errors as unknown[]) : []
  return typeof text === 'string'
    ? toItemFailure(text, place, detail)
    : kmsFailure('KMS_REQUEST_REFUSED', place, { detail })
}

/** Only the kind of failure is taken from Vault's texts (of Vault 1.x and OpenBao 2.x), never the text. */
function toItemFailure(text: string, place: KmsFailurePlace, detail?: string): KmsEncryptedError {
  const details = detail === undefined ? {} : { detail }
  if (/key not found/i.test(text)) return kmsFailure('KMS_KEY_NOT_FOUND', place, details)
  if (/disallowed by policy/i.test(text)) {
    return kmsFailure('KMS_KEY_DISABLED', place, {
      detail: 'this version of the key is below its min_decryption_version',
    })
  }
  if (/message authentication failed|invalid ciphertext|unable to decrypt|ciphertext/i.test(text)) {
    return kmsFailure('KMS_INVALID_CIPHERTEXT', place, details)
  }
  if (/permission denied/i.test(text)) return kmsFailure('KMS_ACCESS_DENIED', place, details)
  if (/internal error/i.test(text)) return kmsFailure('KMS_UNAVAILABLE', place, details)
  return kmsFailure('KMS_REQUEST_REFUSED', place, details)
}

function toNetworkFailure(error: unknown, place: KmsFailurePlace): KmsEncryptedError {
  const code = readPath(error, 'code')
  // axios: ECONNABORTED is its timeout
  if (code === 'ECONNABORTED' || code === 'ETIMEDOUT') return kmsFailure('KMS_TIMEOUT', place)
  const isKnown = typeof code === 'string' && /^E[A-Z_]{3,30}$/.test(code)
  return kmsFailure('KMS_UNAVAILABLE', place, isKnown ? { detail: code } : {})
}

/** The value at a path of properties, or `undefined` where it ends. */
export function readPath(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce((at: unknown, name) => (isRecord(at) ? at[name] : undefined), value)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
