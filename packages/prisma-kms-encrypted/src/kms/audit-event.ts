/** What one use of a data key looks like to who listens: which key of which record, by what means, with what outcome. */
import type { ErrorCode } from '../errors.js'
import type { BatchOperation } from './decorate.js'
import type { EncryptionContext } from './provider.js'

/** What answered: the key service, the data-key cache of this process, or a branch key held by this process. */
export type KmsEventSource = 'service' | 'cache' | 'branch-key'

/**
 * One record's part in one call. It holds no plaintext, no key, no ciphertext and no token; the context is what the
 * key service logs too. Frozen, and the same object for every listener.
 */
export interface KmsEvent {
  readonly operation: BatchOperation
  readonly source: KmsEventSource
  /** Name of the provider: `aws`, `gcp`, `vault`, `local`, `test`, or the user's own. */
  readonly provider: string
  readonly keyId: string
  /** Name of the key in the configuration, `default` unless the schema says otherwise; `box` for boxes; otherwise `null`. */
  readonly keyName: string | null
  /** Configured version of the key, that of the result for a rewrap; `null` for the index key and branch keys. */
  readonly keyVersion: number | null
  /** Prisma's name of the model; `null` for keys of no record (the index key, branch keys, boxes). */
  readonly model: string | null
  /** The record's id in its canonical form; `null` while the database has not given it, and for keys of no record. */
  readonly recordId: string | null
  readonly context: EncryptionContext
  /** `success`, or the code of the error. */
  readonly outcome: 'success' | ErrorCode
  /** Milliseconds since 1970 when the call was made. */
  readonly startedAtMs: number
  /** Milliseconds, with fractions, from the call to its answer: retries, waiting for others and batching included. */
  readonly durationMs: number
  /** Items in the caller's call, this one included; the service may have got them in another number of requests. */
  readonly items: number
}

/** Names of the channels of `node:diagnostics_channel` on which each operation's events are published. */
export const kmsEventChannels = {
  wrap: 'prisma-kms-encrypted:wrap',
  unwrap: 'prisma-kms-encrypted:unwrap',
  rewrap: 'prisma-kms-encrypted:rewrap',
} as const satisfies { readonly [operation in BatchOperation]: string }
