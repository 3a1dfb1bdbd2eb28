/** The batch-first interface between this library and whatever keeps the master keys. */

/** String pairs that a wrapped key is bound to; the service refuses to unwrap under any other. */
export interface EncryptionContext {
  readonly [name: string]: string
}

/** What a data key belongs to, for the audit events; providers ignore it, and it is no part of any key. */
export interface RecordReference {
  /** Prisma's name of the model; `null` for what belongs to no record, such as a box. */
  readonly model: string | null
  /** Canonical id; `null` while the database has not given it. */
  readonly recordId: string | null
  /** Name of the key in the configuration. */
  readonly keyName: string
  /** Configured version of the key; that of the result for a rewrap. */
  readonly keyVersion: number
}

/** One data key to wrap. */
export interface WrapItem {
  /** The data key, 32 bytes. Providers must not keep it. */
  readonly plaintext: Uint8Array
  readonly context: EncryptionContext
  /** Whose key it is; left out for keys of no record. */
  readonly record?: RecordReference
  /** The branch whose key wraps it, where branch keys are configured; key services have no use for it. */
  readonly branch?: string | undefined
}

/** One wrapped key to unwrap or rewrap. */
export interface UnwrapItem {
  /** The provider's own ciphertext bytes, as {@link KmsProvider.wrap} gave them. */
  readonly ciphertext: Uint8Array
  readonly context: EncryptionContext
  /** Whose key it is; left out for keys of no record. */
  readonly record?: RecordReference
  /** As in {@link WrapItem.branch}. */
  readonly branch?: string | undefined
  /**
   * `'value'`: what was wrapped is no data key but a value of any length, as the gem's box wraps values; only then a
   * provider passes on what has not the length of a data key.
   */
  readonly holds?: 'data-key' | 'value'
}

/** What holds for one call as a whole. */
export interface KmsCall {
  readonly signal?: AbortSignal
  /** Milliseconds since 1970 after which the call gives up with `KMS_TIMEOUT`. */
  readonly deadlineMs?: number
}

/**
 * The result for one item of a batch; one bad item never fails its neighbours. `source` tells the audit what answered
 * when it was not the key service; providers leave it out.
 */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T; readonly source?: 'cache' | 'branch-key' }
  | { readonly ok: false; readonly error: Error }

/** What a service tells of a key. `null`: the service does not say. */
export interface KeyDescription {
  readonly keyId: string
  readonly enabled: boolean | null
  readonly automaticRotation: boolean | null
  readonly rotationPeriodDays: number | null
  readonly lastRotation: Date | null
  readonly nextRotation: Date | null
  readonly multiRegion: boolean | null
  /** The regions that are configured for a multi-Region key. `enabled` is `null` where the key cannot be reached. */
  readonly regions?: readonly { readonly region: string; readonly enabled: boolean | null }[]
  /** Vault only: whether the key enforces the context (`derived=true`). */
  readonly derived: boolean | null
  readonly account: string | null
  readonly tags: { readonly [name: string]: string }
}

/**
 * A key service. Each method takes many items and answers one {@link Outcome} per item, in order;
 * it rejects as a whole only with a `KmsEncryptedError` (for instance `KMS_ABORTED`).
 * `wrap` uses the service's *encrypt* operation, so that encrypt and decrypt permissions stay apart.
 */
export interface KmsProvider {
  /** `aws`, `gcp`, `vault`, `local`, `test`, or a name of your own. */
  readonly name: string
  /** Whether this provider serves `keyId`. Must be pure: it is asked at configuration. */
  accepts(keyId: string): boolean
  wrap(keyId: string, items: readonly WrapItem[], call: KmsCall): Promise<readonly Outcome<Uint8Array>[]>
  unwrap(keyId: string, items: readonly UnwrapItem[], call: KmsCall): Promise<readonly Outcome<Uint8Array>[]>
  /** Wraps anew under the key's current material without the plaintext leaving the service. */
  rewrap?(keyId: string, items: readonly UnwrapItem[], call: KmsCall): Promise<readonly Outcome<Uint8Array>[]>
  describeKey?(keyId: string): Promise<KeyDescription>
  /** The value that stands for this context in the service's audit log at `path`. */
  contextHash?(context: EncryptionContext, path: string): Promise<string>
  /** Closes the connections that the provider itself opened; the next call opens others. */
  close?(): Promise<void>
}
