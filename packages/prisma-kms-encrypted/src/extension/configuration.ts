/** What an application configures: the options of `kmsEncrypted()`. */
import type { KmsEvent } from '../kms/audit-event.js'
import type { DataKeyCacheOptions } from '../kms/cache-options.js'
import type { Mode } from '../kms/permissions.js'
import type { KmsProvider } from '../kms/provider.js'
import type { ContextFn, EagerMode } from '../records/key-config.js'
import type { LegacyOpener } from '../records/legacy-opener.js'
import type { EncryptedModelName, KeyName, ModelDefinitions } from '../schema/model.js'
import type { BranchKeyOptions } from './branch-key-options.js'
import type { IndexKeyConfig } from './index-key.js'
import type { MigratingConfig } from './migrating.js'

/** What holds for all versions of a key. */
export interface KeyOptions {
  /** When a new record's id comes from the database: fetched before the insert, after it, or not used at all. */
  readonly eager?: EagerMode
  /** Replaces the default context; gets the record's id and `contextColumns`, returns 1 to 8 pairs of strings. */
  readonly context?: ContextFn
  /** Immutable columns that the context uses besides the id. */
  readonly contextColumns?: readonly string[]
  /** `'off'` acknowledges a custom context that holds neither the id nor a unique immutable column. */
  readonly rowBinding?: 'off'
  /** The key service wraps one key for each model or tenant, which wraps the records' data keys; off unless given. */
  readonly branchKeys?: BranchKeyOptions
  /** `true`: every write of an encrypted field gets a data key of its own; see the guide on permissions. */
  readonly freshKeys?: boolean
}

/** One version of a key. */
export interface KeyVersionConfig {
  readonly keyId: string
  /** Replaces {@link KeyOptions.context} for this version. */
  readonly context?: ContextFn
  /** Replaces {@link KeyOptions.branchKeys} for this version. */
  readonly branchKeys?: BranchKeyOptions
}

/** A key: one id, or several versions of which one is current. */
export type KeyConfig =
  | ({ readonly keyId: string } & KeyOptions)
  | ({ readonly current: number; readonly versions: Readonly<Record<number, KeyVersionConfig>> } & KeyOptions)

/** The configuration of {@link kmsEncrypted}. `M` is the type of the generated `encryptedModels`. */
export interface KmsEncryptedConfig<M extends ModelDefinitions, K extends string = KeyName<M>> {
  /** What the generator emitted; checked against the client when extending. */
  readonly models: M
  /** Key services of your own making or configuration; the known ones are otherwise loaded on first use, by key id. */
  readonly providers?: readonly KmsProvider[]
  /** Shorthand for `keys.default`. Default: the environment's `KMS_KEY_ID`. */
  readonly keyId?: string
  readonly keys?: { readonly [name in K]?: KeyConfig }
  /** The wrapped index master key of the models' blind indexes, from `createIndexKey()`. Default: `KMS_INDEX_KEY`. */
  readonly indexKey?: IndexKeyConfig
  /**
   * What this server may do. `encrypt-only` never unwraps a data key, `decrypt-only` never wraps one, whatever their
   * credentials would allow. Default: `read-write`.
   */
  readonly mode?: Mode
  /** Models whose tables no other deployment writes; see the guide on permissions. */
  readonly exclusive?: readonly (keyof M & string)[]
  /** Keeps unwrapped data keys in memory; off unless given. */
  readonly cache?: DataKeyCacheOptions
  /**
   * Limits of calls to key services. `deadlineMs`: until when throttling, timeouts and outages are tried again, for each
   * 1,000 keys; 10,000. How many requests are under way at once is an option of the provider (`concurrency`).
   */
  readonly calls?: { readonly deadlineMs?: number }
  /** An extra context pair, for databases that share a KMS key. */
  readonly namespace?: string
  /** Models whose rows are partly plaintext: `read` goes on storing plaintext, `write` encrypts, both read both. */
  readonly migrating?: MigratingConfig<EncryptedModelName<M>>
  /** Open what other libraries wrote, until `encryptAll()` has rewritten it. */
  readonly legacy?: readonly LegacyOpener[]
  /**
   * Takes the ids of new records from their sequences in blocks of so many (2 to 10,000), so that only one create in so many
   * waits for a trip to the database; ids left over when the process ends are skipped. Off unless given: see docs/ids.md.
   */
  readonly idBlock?: number
  /** Limits in ms of the transactions that the library opens itself. Default: 10,000 to get one, 60,000 to finish it. */
  readonly transaction?: { readonly maxWait?: number; readonly timeout?: number }
  /** Told of every use of a data key, one event per record; nobody waits for it, and what it throws stops nothing. */
  readonly onKmsEvent?: (event: KmsEvent) => void
}

/**
 * Refuses key names that the models do not have. `K` is inferred from the configuration itself, since a mapped type over
 * the names in `M` would leave the context functions in it without parameter types.
 */
export type KnownKeys<M extends ModelDefinitions, K extends string> = [K] extends [KeyName<M>]
  ? unknown
  : { readonly keys: { readonly [name in Exclude<K, KeyName<M>>]: never } }
