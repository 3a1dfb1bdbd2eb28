/** Turns what a key service reported into the library's error, and says which failures are worth another attempt. */
import { isKmsEncryptedError, KmsEncryptedError } from '../errors.js'
import type { ErrorCode } from '../errors.js'

/** The codes that a provider may answer with. */
export type KmsFailureCode = Extract<ErrorCode, `KMS_${string}`>

/** Operations of a provider, as they are named in messages. */
export type KmsOperation = 'wrap' | 'unwrap' | 'rewrap' | 'describeKey' | 'contextHash'

/** Where a failure arose. Nothing here is secret: key ids are public by construction. */
export interface KmsFailurePlace {
  readonly provider: string
  readonly keyId: string
  readonly operation: KmsOperation
}

interface FailureText {
  readonly what: string
  readonly why: string
  readonly fix: string
}

const texts: { readonly [code in KmsFailureCode]: FailureText } = {
  KMS_INVALID_CIPHERTEXT: {
    what: 'the wrapped key was refused',
    why: 'It was changed, wrapped by another key, or wrapped under another encryption context (model, id, namespace).',
    fix: 'Check that the row was not copied or edited, that its id and the context function are unchanged, and that this key version names the key that wrapped it.',
  },
  KMS_ACCESS_DENIED: {
    what: 'permission was denied',
    why: 'The credentials of this process may not do this with this key.',
    fix: 'Grant the encrypt (wrap) or decrypt (unwrap) permission on this key, or use a mode that does not need it.',
  },
  KMS_KEY_NOT_FOUND: {
    what: 'the service knows no such key',
    why: 'The key does not exist in the account, region, project or mount that was asked.',
    fix: 'Check the key id, the region (or project, address, mount) and the account of the credentials.',
  },
  KMS_KEY_DISABLED: {
    what: 'the key is not usable in its present state',
    why: 'It is disabled, pending deletion, or not meant for this use.',
    fix: 'Enable the key (or cancel its deletion) at the service, or move records to another key version.',
  },
  KMS_REQUEST_REFUSED: {
    what: 'the service refused the request as such',
    why: 'The key, its type or its settings do not allow this request, or the service is of another version.',
    fix: 'Check that the key is a symmetric one for encryption and decryption, and the settings of the provider.',
  },
  KMS_THROTTLED: {
    what: 'the service limits the request rate',
    why: 'More requests were made than the quota of the account allows.',
    fix: 'Lower the concurrency, use a data-key cache or branch keys, or have the quota raised.',
  },
  KMS_TIMEOUT: {
    what: 'no answer came before the deadline',
    why: 'The service or the network was too slow, or attempts failed until time was up.',
    fix: 'Try again; if it persists, check the network path to the service and the deadline.',
  },
  KMS_UNAVAILABLE: {
    what: 'the service could not be reached or failed',
    why: 'The connection broke or the service reported an internal failure.',
    fix: 'Try again; if it persists, check the endpoint, the network and the health of the service.',
  },
  KMS_INVALID_RESPONSE: {
    what: 'the answer is not what the service promises',
    why: 'It was damaged on the way, or something other than the service answered (a proxy, another version).',
    fix: 'Try again; if it persists, check what answers at the endpoint.',
  },
  KMS_ABORTED: {
    what: 'the call was aborted',
    why: 'The AbortSignal of the call fired.',
    fix: 'Nothing to fix unless the abort was not intended.',
  },
}

/** Whether a value, perhaps of an untyped caller, is one of the codes. */
export function isKmsFailureCode(code: unknown): code is KmsFailureCode {
  return typeof code === 'string' && Object.hasOwn(texts, code)
}

/**
 * Builds the error for one failed call or item.
 * @param detail a short addition in our own words (a status, a length); never text that the service sent
 * @param fix replaces the general advice
 */
export function kmsFailure(
  code: KmsFailureCode,
  place: KmsFailurePlace,
  { detail, fix }: { readonly detail?: string; readonly fix?: string } = {},
): KmsEncryptedError {
  const text = texts[code]
  return new KmsEncryptedError({
    code,
    message: `KMS ${place.operation} with ${place.keyId} (${place.provider}): ${text.what}${detail === undefined ? '' : `: ${detail}`}`,
    why: text.why,
    fix: fix ?? text.fix,
  })
}

const retryableCodes: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'KMS_THROTTLED',
  'KMS_TIMEOUT',
  'KMS_UNAVAILABLE',
  'KMS_INVALID_RESPONSE',
])

/** Whether another attempt can succeed: throttling, timeouts, outages and damaged answers; never a refusal. */
export function isRetryable(error: unknown): boolean {
  return isKmsEncryptedError(error) && retryableCodes.has(error.code)
}
