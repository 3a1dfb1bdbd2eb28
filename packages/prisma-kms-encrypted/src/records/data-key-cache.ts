/** Keeps opened data keys between operations, within strict bounds, so that a record read again costs neither call nor derivation. */
import { LRUCache } from 'lru-cache'
import type { DataKey } from '../envelope/data-key.js'
import { DATA_KEY_BYTES } from '../envelope/data-key.js'
import { emitCached, tellsCached, type CachedUse, type KmsAudit } from '../kms/audit.js'
import { checkCacheOptions, type DataKeyCacheOptions } from '../kms/cache.js'
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

interface Entry {
  readonly key: DataKey
  usesLeft: number
}

/**
 * Makes an empty cache. A key's memory belongs to Node's `KeyObject`, which overwrites it when it is collected.
 * @throws INVALID_CONFIGURATION for bounds that are not positive integers
 */
export function createDataKeyCache(
  options: DataKeyCacheOptions,
  audit: KmsAudit,
  timing: Timing = systemTiming,
): DataKeyCache {
  const { ttlMs, maxEntries, maxUses = Infinity, maxBytes } = checkCacheOptions(options)
  const entries = new LRUCache<string, Entry>({
    max: maxEntries,
    ttl: ttlMs,
    ttlAutopurge: true, // an expired key must not stay in memory until somebody asks for it
    ttlResolution: 0,
    perf: timing,
    ...(maxBytes === undefined ? {} : { maxSize: maxBytes, sizeCalculation: () => DATA_KEY_BYTES }),
  })
  let generation = 0
  const use = (name: string): DataKey | undefined => {
    const entry = entries.get(name)
    if (entry === undefined) return undefined
    entry.usesLeft -= 1
    if (entry.usesLeft <= 0) entries.delete(name)
    return entry.key
  }
  return {
    get generation() {
      return generation
    },
    countsUses: () => maxUses !== Infinity || tellsCached(audit),
    take(name, describe) {
      const key = use(name)
      if (key !== undefined && tellsCached(audit)) emitCached(audit, describe())
      return key
    },
    keep(name, key, startedIn) {
      if (startedIn !== generation) return
      // Operations that waited for one answer together each count their use; the time runs from the first.
      if (use(name) === undefined && maxUses > 1) entries.set(name, { key, usesLeft: maxUses - 1 })
    },
    flush() {
      generation += 1
      entries.clear()
    },
  }
}
