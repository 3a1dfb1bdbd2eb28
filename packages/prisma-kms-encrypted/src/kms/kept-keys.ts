/** Keeps keys in memory within strict bounds of time, number, size and uses. */
import { LRUCache } from 'lru-cache'
import { checkCacheOptions, type DataKeyCacheOptions } from './cache-options.js'
import { createExpiries } from './expiries.js'
import type { Timing } from './timing.js'

/** Keys in memory, by name. */
export interface KeptKeys<Key> {
  /** Whether keys end with their uses. */
  readonly limitsUses: boolean
  /** Hands out a key that is kept, which counts as one use. */
  take(name: string): Key | undefined
  /** Keeps a key that was used so many times already, if any of its uses are left. Its time begins now. */
  keep(name: string, key: Key, uses: number): void
  /** Forgets every key at once. */
  clear(): void
}

/** What is done with keys of one kind. */
export interface KeyKind<Key> {
  bytesOf(key: Key): number
  /** What is kept of a key that is given, and handed out of one that is kept: a copy, where {@link dispose} overwrites. */
  copy(key: Key): Key
  /** Called once for each key that leaves memory. */
  dispose?(key: Key): void
}

interface Entry<Key> {
  readonly key: Key
  usesLeft: number
}

/**
 * Makes an empty memory.
 * @throws INVALID_CONFIGURATION for bounds that are not positive integers
 */
export function createKeptKeys<Key>(
  options: DataKeyCacheOptions,
  kind: KeyKind<Key>,
  timing: Timing,
): KeptKeys<Key> {
  const { ttlMs, maxEntries, maxUses = Infinity, maxBytes } = checkCacheOptions(options)
  const entries = new LRUCache<string, Entry<Key>>({
    max: maxEntries,
    ttl: ttlMs,
    ttlResolution: 0,
    perf: timing,
    ...(maxBytes === undefined ? {} : { maxSize: maxBytes, sizeCalculation: ({ key }) => kind.bytesOf(key) }),
    dispose({ key }, name) {
      expiries.remove(name)
      kind.dispose?.(key)
    },
  })
  // An expired key must not stay in memory until somebody asks for it, nor longer because a clock was set back.
  const expiries = createExpiries(
    ttlMs,
    () => performance.now(),
    (name) => entries.delete(name),
  )
  return {
    limitsUses: maxUses !== Infinity,
    take(name) {
      const entry = entries.get(name)
      if (entry === undefined) return undefined
      const key = kind.copy(entry.key) // before the entry may be disposed of
      entry.usesLeft -= 1
      if (entry.usesLeft <= 0) entries.delete(name)
      return key
    },
    keep(name, key, uses) {
      const usesLeft = maxUses - uses
      if (usesLeft <= 0) return
      const copy = kind.copy(key)
      entries.set(name, { key: copy, usesLeft })
      if (entries.has(name)) expiries.add(name)
      else kind.dispose?.(copy) // larger than all that may be kept
    },
    clear: () => {
      entries.clear()
    },
  }
}
