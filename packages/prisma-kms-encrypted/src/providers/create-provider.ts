/** Turns two functions, which encrypt and decrypt one value, into a provider for a service of the user's own. */
import pLimit from 'p-limit'
import * as z from 'zod/mini'
import { KmsEncryptedError } from '../errors.js'
import { canonicalContextJson } from '../kms/context.js'
import { isKmsFailureCode, kmsFailure } from '../kms/failure.js'
import type { KmsFailureCode, KmsFailurePlace } from '../kms/failure.js'
import { checkPlaintextKey, checkUnwrapped } from '../kms/outcome.js'
import type { EncryptionContext, KmsCall, KmsProvider, UnwrapItem, WrapItem } from '../kms/provider.js'
import { checkForm, functionSchema, lazySchema } from '../lazy-schema.js'
import { runItems } from './run-items.js'

/** What {@link KmsProviderOptions.encrypt} and {@link KmsProviderOptions.decrypt} are asked. */
export interface KmsRequest {
  readonly keyId: string
  /** To encrypt: the data key, 32 bytes. To decrypt: what `encrypt` gave. Must be neither changed nor kept. */
  readonly bytes: Uint8Array
  /** The pairs that the result is bound to; decrypting under any others must fail. */
  readonly context: EncryptionContext
  /** The same pairs as sorted JSON in UTF-8, for services that take additional authenticated data. */
  readonly contextBytes: Uint8Array
  /** Fires when the call is aborted or out of time; pass it to what can drop a request. */
  readonly signal: AbortSignal
}

/** Options of {@link createKmsProvider}. */
export interface KmsProviderOptions {
  /** Stands in messages and events. */
  readonly name: string
  /** Whether a key id is one of this service. Must be pure: it is asked at configuration. */
  readonly accepts: (keyId: string) => boolean
  readonly encrypt: (request: KmsRequest) => Promise<Uint8Array>
  readonly decrypt: (request: KmsRequest) => Promise<Uint8Array>
  /**
   * What an error of `encrypt` or `decrypt` means: its text and properties go no further, since they may hold the
   * request. `undefined`, and what this throws, stand for `KMS_UNAVAILABLE`. Throttling, timeouts, outages and damaged
   * answers are tried again, refusals are not.
   */
  readonly codeOf: (error: unknown) => KmsFailureCode | undefined
  /** Requests under way at the same time; 64. */
  readonly concurrency?: number
}

const optionsSchema = lazySchema(() => {
  const isFunction = functionSchema<() => void>()
  return z.strictObject({
    name: z.string().check(z.regex(/^[A-Za-z][\w-]*$/, 'expected a short name of letters, digits, _ and -')),
    accepts: isFunction,
    encrypt: isFunction,
    decrypt: isFunction,
    codeOf: isFunction,
    concurrency: z._default(z.int().check(z.positive()), 64),
  })
})

/**
 * Makes a provider that passes the contract suite (`providerContract`) if its two functions do their part: batches,
 * bounded parallel requests, aborts, deadlines, checks of contexts and key lengths, and errors that show nothing of a
 * request are done here. Services that take whole batches are better served by a {@link KmsProvider} written out.
 * @throws INVALID_CONFIGURATION for wrong options
 */
export function createKmsProvider(options: KmsProviderOptions): KmsProvider {
  const { concurrency } = checkOptions(options)
  const { name, accepts, encrypt, decrypt, codeOf } = options
  const limit = pLimit(concurrency)

  const run = <Item extends WrapItem | UnwrapItem>(
    operation: 'wrap' | 'unwrap',
    keyId: string,
    items: readonly Item[],
    call: KmsCall,
    send: (item: Item, request: Omit<KmsRequest, 'bytes'>, place: KmsFailurePlace) => Promise<Uint8Array>,
  ) => {
    const place: KmsFailurePlace = { provider: name, keyId, operation }
    return runItems({
      place,
      items,
      call,
      limit,
      send: async (item, signal) => {
        const contextBytes = Buffer.from(canonicalContextJson(item.context), 'utf8')
        const bytes = await send(item, { keyId, context: item.context, contextBytes, signal }, place)
        // The type promises bytes, but users' functions may be plain JavaScript.
        const answer: unknown = bytes
        if (!(answer instanceof Uint8Array) || answer.byteLength === 0) {
          throw kmsFailure('KMS_INVALID_RESPONSE', place)
        }
        return bytes
      },
      toFailure: (error) => kmsFailure(attemptCode(codeOf, error) ?? 'KMS_UNAVAILABLE', place),
    })
  }

  return Object.freeze<KmsProvider>({
    name,
    accepts: (keyId) => accepts(keyId),
    wrap: (keyId, items, call) =>
      run('wrap', keyId, items, call, async ({ plaintext }, request) => {
        checkPlaintextKey(plaintext)
        return encrypt({ ...request, bytes: plaintext })
      }),
    unwrap: (keyId, items, call) =>
      run('unwrap', keyId, items, call, async (item, request, place) => {
        if (item.ciphertext.byteLength === 0) throw kmsFailure('KMS_INVALID_CIPHERTEXT', place)
        return checkUnwrapped(await decrypt({ ...request, bytes: item.ciphertext }), item, place)
      }),
  })
}

/** A faulty `codeOf` must not let through the error that it could not read. */
function attemptCode(codeOf: KmsProviderOptions['codeOf'], error: unknown): KmsFailureCode | undefined {
  try {
    const code = codeOf(error)
    return isKmsFailureCode(code) ? code : undefined
  } catch {
    return undefined
  }
}

function checkOptions(options: KmsProviderOptions): z.output<ReturnType<typeof optionsSchema>> {
  const checked = checkForm(optionsSchema, options)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  throw new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `createKmsProvider: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`,
    why: 'A provider needs a name, the form of its key ids, both operations, and the meaning of its errors.',
    fix: 'See docs/providers.md for a whole example.',
  })
}
