/** Turns what the AWS SDK throws into the library's errors; nothing of the request or the answer's text gets through. */
import { isKmsEncryptedError } from '../errors.js'
import type { KmsEncryptedError } from '../errors.js'
import { kmsFailure } from '../kms/failure.js'
import type { KmsFailureCode, KmsFailurePlace } from '../kms/failure.js'

/** Names of exceptions of AWS KMS, of AWS's signature check and of the SDK's credential chain. */
const codes: { readonly [name: string]: KmsFailureCode } = {
  InvalidCiphertextException: 'KMS_INVALID_CIPHERTEXT',
  IncorrectKeyException: 'KMS_INVALID_CIPHERTEXT',
  AccessDeniedException: 'KMS_ACCESS_DENIED',
  NotAuthorizedException: 'KMS_ACCESS_DENIED',
  InvalidGrantTokenException: 'KMS_ACCESS_DENIED',
  UnrecognizedClientException: 'KMS_ACCESS_DENIED',
  InvalidClientTokenId: 'KMS_ACCESS_DENIED',
  InvalidSignatureException: 'KMS_ACCESS_DENIED',
  SignatureDoesNotMatch: 'KMS_ACCESS_DENIED',
  IncompleteSignatureException: 'KMS_ACCESS_DENIED',
  MissingAuthenticationTokenException: 'KMS_ACCESS_DENIED',
  ExpiredTokenException: 'KMS_ACCESS_DENIED',
  CredentialsProviderError: 'KMS_ACCESS_DENIED',
  TokenProviderError: 'KMS_ACCESS_DENIED',
  NotFoundException: 'KMS_KEY_NOT_FOUND',
  InvalidArnException: 'KMS_KEY_NOT_FOUND',
  DisabledException: 'KMS_KEY_DISABLED',
  KMSInvalidStateException: 'KMS_KEY_DISABLED',
  InvalidKeyUsageException: 'KMS_REQUEST_REFUSED',
  UnsupportedOperationException: 'KMS_REQUEST_REFUSED',
  ThrottlingException: 'KMS_THROTTLED',
  Throttling: 'KMS_THROTTLED',
  TooManyRequestsException: 'KMS_THROTTLED',
  RequestLimitExceeded: 'KMS_THROTTLED',
  LimitExceededException: 'KMS_THROTTLED',
  KeyUnavailableException: 'KMS_UNAVAILABLE',
  KMSInternalException: 'KMS_UNAVAILABLE',
  DependencyTimeoutException: 'KMS_UNAVAILABLE',
  TimeoutError: 'KMS_TIMEOUT',
  AbortError: 'KMS_TIMEOUT',
  SyntaxError: 'KMS_INVALID_RESPONSE',
}

/** Codes of Node's network errors. The SDK reports a reset as `TimeoutError`, so these come first. */
const networkCodes: ReadonlySet<unknown> = new Set([
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

const aliasFix =
  'If the alias was pointed to another key, that is a new key version: configure the old key by its ARN under the version of these records, and the alias (better: the new ARN) under the next version.'

/** The error that stands for what the SDK threw. */
export function toAwsFailure(error: unknown, place: KmsFailurePlace): KmsEncryptedError {
  if (isKmsEncryptedError(error)) return error
  if (!(error instanceof Error)) return kmsFailure('KMS_UNAVAILABLE', place)
  if ('code' in error && networkCodes.has(error.code)) {
    return kmsFailure('KMS_UNAVAILABLE', place, { detail: String(error.code) })
  }
  const status = statusOf(error)
  // A proxy or gateway refuses in a form of its own; its status still says what happened.
  const code =
    error.name === 'SyntaxError' && status !== undefined && status >= 400 ? undefined : codes[error.name]
  if (code !== undefined) {
    const fix =
      error.name === 'IncorrectKeyException' && place.keyId.includes('alias/') ? aliasFix : undefined
    return kmsFailure(code, place, { detail: error.name, ...(fix === undefined ? {} : { fix }) })
  }
  if (status === undefined) return kmsFailure('KMS_UNAVAILABLE', place)
  const detail = `HTTP ${status}`
  if (status === 429) return kmsFailure('KMS_THROTTLED', place, { detail })
  if (status === 401 || status === 403) return kmsFailure('KMS_ACCESS_DENIED', place, { detail })
  if (status >= 500) return kmsFailure('KMS_UNAVAILABLE', place, { detail })
  return kmsFailure(status >= 400 ? 'KMS_REQUEST_REFUSED' : 'KMS_INVALID_RESPONSE', place, { detail })
}

function statusOf(error: Error): number | undefined {
  // The SDK's errors carry `$metadata`; others do not.
  const { $metadata } = error as { $metadata?: { httpStatusCode?: unknown } }
  return typeof $metadata?.httpStatusCode === 'number' ? $metadata.httpStatusCode : undefined
}
