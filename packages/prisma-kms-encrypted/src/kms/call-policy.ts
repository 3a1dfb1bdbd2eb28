/** Turns a bare provider into the one that is used: audit, cache, coalescing, circuit breaker and retry around it, in this order. */
import { withAudit } from './audit.js'
import type { KmsAudit } from './audit.js'
import { withCache } from './cache.js'
import type { CachingKmsProvider, DataKeyCacheOptions } from './cache.js'
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
 * Puts all policies around `provider`. A call is looked up in the cache first, then joined with concurrent ones,
 * then refused if the service is down, then sent and sent again. `flush` empties the cache, if there is one.
 * @throws INVALID_CONFIGURATION for impossible cache bounds
 */
export function withCallPolicy(provider: KmsProvider, options: CallPolicyOptions = {}): CachingKmsProvider {
  const shared = options.timing === undefined ? {} : { timing: options.timing }
  const retrying = withRetry(provider, { ...shared, ...options.retry })
  const breaking = withCircuitBreaker(retrying, { ...shared, ...options.circuitBreaker })
  const coalescing = withCoalescing(breaking, { ...shared, ...options.coalescing })
  const caching = options.cache === undefined ? null : withCache(coalescing, options.cache, options.timing)
  const audited = options.audit === undefined ? null : withAudit(caching ?? coalescing, options.audit)
  return { ...(audited ?? caching ?? coalescing), flush: () => caching?.flush() }
}
