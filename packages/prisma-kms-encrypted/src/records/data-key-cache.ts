/** Keeps opened data keys between operations, within strict bounds, so that a record read again costs neither call nor derivation. */
import type { DataKey } from '../envelope/data-key.js'
import { DATA_KEY_BYTES } from '../envelope/data-key.js'
import { emitCached, tellsCached, type CachedUse, type KmsAudit } from '../kms/audit.js'
import type { DataKeyCacheOptions } from '../kms/cache-options.js'
import { createKeptKeys, type KeyKind } from '../kms/kept-keys.js'
import { systemTiming, type Timing } from '../kms/timing.js'

/**
 * The data keys in memory. What a key is called holds its whole context and its wrapped form, so that a wrapped key that was
 * copied to another record is not found, and the key service gets to refuse it. Only unwrapping fills it: who may only
 * encrypt must not become able to decrypt.
 */
export interface DataKeyCache {
  /** Changes with each {@link flush}: a key whose unwrapping began before is not kept. */
  readonly generation: number
  /** Whether somebody counts the uses of keys: `maxUses`, or the audit. */
  countsUses(): boolean
  /** A key that is kept, which counts as one use and is told to the audit. */
  take(name: string, describe: () => CachedUse): DataKey | undefined
  /** Keeps a key that was just unwrapped, and used once. */
  keep(name: string, key: DataKey, generation: number): void
  /** Forgets every key at once. */
  flush(): void
}

/** Nothing to overwrite: a key's memory belongs to Node's `KeyObject`, which does so when it is collected. */
const openedKeys: KeyKind<DataKey> = { bytesOf: () => DATA_KEY_BYTES, copy: (key) => key }

/**
 * Makes an empty cache.
 * @throws INVALID_CONFIGURATION for bounds that are not positive integers
 */
export function createDataKeyCache(
  options: DataKeyCacheOptions,
  audit: KmsAudit,
  timing: Timing = systemTiming,
): DataKeyCache {
  const kept = createKeptKeys(options, openedKeys, timing)
  let generation = 0
  return {
    get generation() {
      return generation
    },
    countsUses: () => kept.limitsUses || tellsCached(audit),
    take(name, describe) {
      const key = kept.take(name)
      if (key !== undefined && tellsCached(audit)) emitCached(audit, describe())
      return key
    },
    keep(name, key, startedIn) {
      if (startedIn !== generation) return
      // Operations that waited for one answer together each count their use; the time runs from the first.
      if (kept.take(name) === undefined) kept.keep(name, key, 1)
    },
    flush() {
      generation += 1
      kept.clear()
    },
  }
}
