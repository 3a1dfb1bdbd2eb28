/** Turns a bare provider into the one that is used: audit, cache, circuit breaker, retry and coalescing around it, in this order. */
import { withAudit } from './audit.js'
import type { KmsAudit } from './audit.js'
import { withCache } from './cache.js'
import type { DataKeyCacheOptions } from './cache-options.js'
import type { CachingKmsProvider } from './cache.js'
import { withCircuitBreaker } from './circuit-breaker.js'
import type { CircuitBreakerOptions } from './circuit-breaker.js'
import { withCoalescing } from './coalescing.js'
import type { CoalescingOptions } from './coalescing.js'
import type { KmsProvider } from './provider.js'
import { withRetry } from './retry.js'
import type { RetryOptions } from './retry.js'
import type { Timing } from './timing.js'

/** Options of each policy; what is left out has its default, and without `cache` no key is kept. */
export interface CallPolicyOptions {
  readonly retry?: RetryOptions
  readonly circuitBreaker?: CircuitBreakerOptions
  readonly coalescing?: CoalescingOptions
  readonly cache?: DataKeyCacheOptions
  readonly timing?: Timing
  /** Where the events of each record go; none are made unless given. */
  readonly audit?: KmsAudit
}

/**
 * Puts all policies around `provider`. A call is looked up in the cache first, then refused if the service is down, then
 * sent and sent again, each time joined with concurrent ones: retries belong to a call, so that nobody waits for those
 * of a stranger in the same batch. `flush` empties the cache, if there is one.
 * @throws INVALID_CONFIGURATION for impossible cache bounds
 */
export function withCallPolicy(provider: KmsProvider, options: CallPolicyOptions = {}): CachingKmsProvider {
  const shared = options.timing === undefined ? {} : { timing: options.timing }
  const coalescing = withCoalescing(provider, { ...shared, ...options.coalescing })
  const retrying = withRetry(coalescing, { ...shared, ...options.retry })
  const breaking = withCircuitBreaker(retrying, { ...shared, ...options.circuitBreaker })
  const caching = options.cache === undefined ? null : withCache(breaking, options.cache, options.timing)
  const audited = options.audit === undefined ? null : withAudit(caching ?? breaking, options.audit)
  return { ...(audited ?? caching ?? breaking), flush: () => caching?.flush() }
}
