/** The resolved configuration of one key: which versions exist, which is current, and what their contexts are. */
import type { Mode } from '../kms/permissions.js'
import type { EncryptionContext, KmsProvider } from '../kms/provider.js'
import type { DataKeyCache } from './data-key-cache.js'

/** What a custom context function gets to build the encryption context from. */
export interface ContextInput {
  /** Cryptographic model name. */
  readonly model: string
  /** Name of the key, `default` unless the schema says otherwise. */
  readonly key: string
  /** The record's id in its canonical stored form; several ids as a JSON array of strings. */
  readonly id: string
  readonly version: number
  /** The values of the `contextColumns` as text in canonical form; dates in ISO 8601. */
  readonly columns: Readonly<Record<string, string | null>>
}

/** Builds an encryption context; must be pure, and give the same pairs for the same record for ever. */
export type ContextFn = (input: ContextInput) => Record<string, string>

/** Names the branch that a record belongs to, such as its tenant; pure, and the same for ever, as a {@link ContextFn}. */
export type BranchFn = (input: ContextInput) => string

/** When a new record's id comes from elsewhere than the data; see the guide on ids. */
export type EagerMode = 'fetch-id' | 'after-insert' | 'context-free'

/** One version of a key. */
export interface KeyVersion {
  readonly keyId: string
  readonly provider: KmsProvider
  /** `null`: the default context, `model_name` and `model_id`. */
  readonly context: ContextFn | null
  /** Names the branch whose key wraps a record's data key; `null`: the key service wraps each data key itself. */
  readonly branch: BranchFn | null
  /** Where its opened data keys are kept between operations; `null`: nowhere. */
  readonly cache: DataKeyCache | null
}

/** A key as configured, validated and with its providers found. */
export interface ResolvedKey {
  readonly name: string
  readonly current: number
  readonly versions: ReadonlyMap<number, KeyVersion>
  readonly contextColumns: readonly string[]
  /** `null`: whatever suits the id and the database best. */
  readonly eager: EagerMode | null
  /** `false`: acknowledged with `rowBinding: 'off'`. */
  readonly rowBinding: boolean
  /** `true`: no value is ever sealed under a stored key. */
  readonly freshKeys: boolean
  /** What this server may do with the key. */
  readonly mode: Mode
  /** Extra context pair for databases that share a KMS key. */
  readonly namespace: string | null
}

/** What a record's data key is bound to. */
export interface BoundContext {
  readonly pairs: EncryptionContext
  /** The record's branch; `null` without branch keys. */
  readonly branch: string | null
}
