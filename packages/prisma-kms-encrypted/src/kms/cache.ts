/** Turns repeated unwraps of one wrapped key into one, by keeping data keys in memory within strict bounds. */
import { LRUCache } from 'lru-cache'
import * as z from 'zod/mini'
import { KmsEncryptedError } from '../errors.js'
import { lazySchema } from '../lazy-schema.js'
import { withinCall } from './call.js'
import { decorateProvider } from './decorate.js'
import type { SendBatch } from './decorate.js'
import { createFlights } from './flights.js'
import { itemKey } from './item-key.js'
import { attempt } from './outcome.js'
import type { KmsProvider, Outcome, UnwrapItem } from './provider.js'
import { systemTiming } from './timing.js'
import type { Timing } from './timing.js'

/**
 * Bounds of the data-key cache. While a key is cached, reading its record leaves no trace in the audit log of the
 * KMS, and a disabled key keeps working, for `ttlMs` at most.
 */
export interface DataKeyCacheOptions {
  /** Milliseconds that a key is kept after it was unwrapped; at least 1. */
  readonly ttlMs: number
  /** Keys kept; the least recently used goes first. */
  readonly maxEntries: number
  /** Times that one key is handed out before it is unwrapped anew; unlimited unless given. */
  readonly maxUses?: number
  /** Bytes of key material kept; unlimited unless given. */
  readonly maxBytes?: number
}

/** A provider with a cache in front. */
export interface CachingKmsProvider extends KmsProvider {
  /** Forgets and zeroes every key at once, those still on their way included. */
  flush(): void
}

interface Entry {
  readonly key: Uint8Array
  usesLeft: number
}

/**
 * Caches what {@link KmsProvider.unwrap} gives; concurrent unwraps of one key are sent once. Wraps are never cached,
 * and do not fill the cache either: who may only encrypt must not become able to decrypt.
 * Callers get copies, since the cache zeroes its own bytes on eviction.
 * @throws INVALID_CONFIGURATION for bounds that are not positive integers
 */
export function withCache(
  provider: KmsProvider,
  options: DataKeyCacheOptions,
  timing: Timing = systemTiming,
): CachingKmsProvider {
  const { ttlMs, maxEntries, maxUses = Infinity, maxBytes } = checkCacheOptions(options)
  const entries = new LRUCache<string, Entry>({
    max: maxEntries,
    ttl: ttlMs,
    ttlAutopurge: true, // an expired key must not stay in memory until somebody asks for it
    ttlResolution: 0,
    perf: timing,
    ...(maxBytes === undefined ? {} : { maxSize: maxBytes, sizeCalculation: ({ key }) => key.byteLength }),
    dispose: ({ key }) => key.fill(0),
  })
  const takeCached = (name: string): Uint8Array | undefined => {
    const entry = entries.get(name)
    if (entry === undefined) return undefined
    const copy = Uint8Array.from(entry.key)
    entry.usesLeft -= 1
    if (entry.usesLeft <= 0) entries.delete(name)
    return copy
  }
  const keep = (name: string, key: Uint8Array, uses: number): void => {
    const usesLeft = maxUses - uses
    if (usesLeft > 0) entries.set(name, { key: Uint8Array.from(key), usesLeft })
  }
  const flights = createFlights(keep)

  const decorated = decorateProvider(provider, async ({ place, items, call }, send) => {
    if (place.operation !== 'unwrap') return send(items, call)
    // The cast: items of an unwrap are unwrap items.
    const unwrapItems = items as unknown as readonly UnwrapItem[]
    const names = unwrapItems.map((item) => attempt(place, () => itemKey(place.provider, place.keyId, item)))
    const wanted = new Map<string, UnwrapItem>()
    const cached = names.map((name, index) => {
      if (!name.ok) return undefined
      const key = takeCached(name.value)
      const item = unwrapItems[index]
      if (key === undefined && item !== undefined) wanted.set(name.value, item)
      return key
    })
    const gather = async (): Promise<readonly Outcome<Uint8Array>[]> => {
      flights.send(wanted, place, send as unknown as SendBatch<UnwrapItem>) // as above
      return Promise.all(
        names.map(async (name, index) => {
          if (!name.ok) return name
          const key = cached[index]
          if (key !== undefined) return { ok: true, value: key, source: 'cache' }
          return flights.land(name.value, place)
        }),
      )
    }
    return withinCall(call, place, gather, timing)
  })

  return {
    ...decorated,
    flush() {
      flights.forget()
      entries.clear()
    },
  }
}

const optionsSchema = lazySchema(() => {
  const positiveInteger = z.int().check(z.positive())
  return z.strictObject({
    ttlMs: positiveInteger,
    maxEntries: positiveInteger,
    maxUses: z.optional(positiveInteger),
    maxBytes: z.optional(positiveInteger),
  })
})

/**
 * Checks the bounds of a cache.
 * @throws INVALID_CONFIGURATION for bounds that are not positive integers
 */
export function checkCacheOptions(options: DataKeyCacheOptions): DataKeyCacheOptions {
  const checked = optionsSchema().safeParse(options)
  if (checked.success) return options
  const [issue] = checked.error.issues
  throw new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `cache${issue === undefined ? '' : `${issue.path.map((name) => `.${String(name)}`).join('')}: ${issue.message}`}`,
    why: 'The cache keeps data keys in memory, so each of its bounds must be exact.',
    fix: 'For example cache: { ttlMs: 60_000, maxEntries: 1_000 }; leave the cache out to keep no keys.',
  })
}
