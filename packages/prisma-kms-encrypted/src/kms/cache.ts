/** Turns repeated unwraps of one wrapped key into one, by keeping data keys in memory within strict bounds. */
import type { DataKeyCacheOptions } from './cache-options.js'
import { createKeptKeys, type KeyKind } from './kept-keys.js'
import type { KmsProvider } from './provider.js'
import { withSingleFlight } from './single-flight.js'
import { systemTiming } from './timing.js'
import type { Timing } from './timing.js'

/** A provider with a cache in front. */
export interface CachingKmsProvider extends KmsProvider {
  /** Forgets and zeroes every key at once, those still on their way included. */
  flush(): void
}

/** Callers get copies, since the memory zeroes its own bytes. */
const rawKeys: KeyKind<Uint8Array> = {
  bytesOf: (key) => key.byteLength,
  copy: (key) => Uint8Array.from(key),
  dispose: (key) => key.fill(0),
}

/**
 * Caches what {@link KmsProvider.unwrap} gives; concurrent unwraps of one key are sent once. Wraps are never cached,
 * and do not fill the cache either: who may only encrypt must not become able to decrypt.
 * @throws INVALID_CONFIGURATION for bounds that are not positive integers
 */
export function withCache(
  provider: KmsProvider,
  options: DataKeyCacheOptions,
  timing: Timing = systemTiming,
): CachingKmsProvider {
  const kept = createKeptKeys(options, rawKeys, timing)
  const { forget, ...joining } = withSingleFlight(provider, timing, kept)
  return {
    ...joining,
    flush() {
      forget()
      kept.clear()
    },
  }
}
