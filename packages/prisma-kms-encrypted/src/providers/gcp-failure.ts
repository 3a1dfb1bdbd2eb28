/** Turns what Google's client throws into the library's errors; nothing of the request or the answer's text gets through. */
import { isKmsEncryptedError } from '../errors.js'
import type { KmsEncryptedError } from '../errors.js'
import { kmsFailure } from '../kms/failure.js'
import type { KmsFailureCode, KmsFailurePlace } from '../kms/failure.js'

/** gRPC status codes (grpc/status.proto). */
const codes: { readonly [status: number]: KmsFailureCode } = {
  1: 'KMS_UNAVAILABLE', // CANCELLED, not by us: we only stop waiting
  2: 'KMS_UNAVAILABLE', // UNKNOWN
  4: 'KMS_TIMEOUT', // DEADLINE_EXCEEDED
  5: 'KMS_KEY_NOT_FOUND', // NOT_FOUND
  7: 'KMS_ACCESS_DENIED', // PERMISSION_DENIED
  8: 'KMS_THROTTLED', // RESOURCE_EXHAUSTED
  9: 'KMS_KEY_DISABLED', // FAILED_PRECONDITION
  10: 'KMS_UNAVAILABLE', // ABORTED
  13: 'KMS_UNAVAILABLE', // INTERNAL
  14: 'KMS_UNAVAILABLE', // UNAVAILABLE
  15: 'KMS_INVALID_RESPONSE', // DATA_LOSS
  16: 'KMS_ACCESS_DENIED', // UNAUTHENTICATED
}

const invalidArgument = 3

/** The error that stands for what the client threw. */
export function toGcpFailure(error: unknown, place: KmsFailurePlace): KmsEncryptedError {
  if (isKmsEncryptedError(error)) return error
  if (!(error instanceof Error)) return kmsFailure('KMS_UNAVAILABLE', place)
  const status = 'code' in error && typeof error.code === 'number' ? error.code : undefined
  if (status === undefined) return kmsFailure('KMS_UNAVAILABLE', place)
  const detail = `gRPC status ${status}`
  // A wrong context or ciphertext is an invalid argument; nothing else in an unwrap request can be one.
  if (status === invalidArgument && place.operation === 'unwrap') {
    return kmsFailure('KMS_INVALID_CIPHERTEXT', place)
  }
  return kmsFailure(codes[status] ?? 'KMS_REQUEST_REFUSED', place, { detail })
}

/** Node's network errors: while credentials are fetched, they say nothing about the credentials. */
const networkCodes: ReadonlySet<unknown> = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ETIMEDOUT',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

/** The error that stands for a client that could not find or load its credentials. */
export function toGcpStartFailure(error: unknown, place: KmsFailurePlace): KmsEncryptedError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (networkCodes.has(code)) return kmsFailure('KMS_UNAVAILABLE', place)
  return kmsFailure('KMS_ACCESS_DENIED', place, { detail: 'no usable application default credentials' })
}
