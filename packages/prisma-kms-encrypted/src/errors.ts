/** The one error type of the library: what went wrong, why, and how to fix it, without any secret. */

/** Stable identifiers of every failure; `docs/errors.md` explains each. Compare codes, never messages. */
export const errorCodes = [
  'INVALID_CONFIGURATION',
  'MODELS_MISMATCH',
  'INVALID_SCHEMA_COMMENT',
  'INVALID_SCHEMA',
  'UNKNOWN_KEY_ID',
  'UNKNOWN_KEY_VERSION',
  'INVALID_CONTEXT',
  'CONTEXT_COLUMN_IMMUTABLE',
  'UNSUPPORTED_OPERATION',
  'UNSUPPORTED_IN_BATCH',
  'ENCRYPTED_FILTER',
  'ENCRYPTED_ORDER',
  'INDEX_MISMATCH',
  'MANAGED_COLUMN',
  'INVALID_VALUE',
  'VALUE_TOO_LONG',
  'KEY_MISSING',
  'INVALID_KEY_COLUMN',
  'INVALID_CIPHERTEXT',
  'DECRYPTION_FAILED',
  'PLAINTEXT_FOUND',
  'WRITE_CONFLICT',
  'DECRYPT_NOT_PERMITTED',
  'ENCRYPT_NOT_PERMITTED',
  'BRANCH_KEY_MISSING',
  'BRANCH_KEY_REFUSED',
  'BRANCH_KEY_STORE_FAILED',
  'KMS_INVALID_CIPHERTEXT',
  'KMS_ACCESS_DENIED',
  'KMS_KEY_NOT_FOUND',
  'KMS_KEY_DISABLED',
  'KMS_REQUEST_REFUSED',
  'KMS_THROTTLED',
  'KMS_TIMEOUT',
  'KMS_UNAVAILABLE',
  'KMS_INVALID_RESPONSE',
  'KMS_ABORTED',
  'MISSING_DEPENDENCY',
] as const

/** One of {@link errorCodes}. */
export type ErrorCode = (typeof errorCodes)[number]

/** What an error is built from. None of the texts may hold plaintext, a key, a ciphertext or a token. */
export interface ErrorDetails {
  readonly code: ErrorCode
  /** What went wrong, with `Model.field`, what was expected and what was found. */
  readonly message: string
  /** Why this is refused or cannot work. */
  readonly why: string
  /** What the reader can do now. */
  readonly fix: string
  /** The error underneath; give only errors that are known to hold no secret. */
  readonly cause?: unknown
  /** The database write had been committed when the error arose. */
  readonly written?: boolean
}

/** Everything this library throws. Tell failures apart by {@link KmsEncryptedError.code}. */
export class KmsEncryptedError extends Error {
  override readonly name = 'KmsEncryptedError'
  readonly code: ErrorCode
  readonly why: string
  readonly fix: string
  /** `true` when the write itself had been committed before this failure. */
  readonly written: boolean
  readonly #details: ErrorDetails

  constructor(details: ErrorDetails) {
    super(`${details.message}\n  why: ${details.why}\n  fix: ${details.fix}\n  code: ${details.code}`, {
      ...(details.cause === undefined ? {} : { cause: details.cause }),
    })
    this.code = details.code
    this.why = details.why
    this.fix = details.fix
    this.written = details.written ?? false
    this.#details = details
  }

  /** The same failure, marked as having arisen after the write was committed. */
  afterWrite(): KmsEncryptedError {
    return new KmsEncryptedError({ ...this.#details, written: true })
  }
}

/**
 * Tells whether `error` comes from this library, and, with `code`, whether it is that failure.
 * Works across duplicate copies of the package, unlike `instanceof`.
 */
export function isKmsEncryptedError(error: unknown, code?: ErrorCode): error is KmsEncryptedError {
  return (
    error instanceof Error &&
    error.name === 'KmsEncryptedError' &&
    'code' in error &&
    (code === undefined || error.code === code)
  )
}
