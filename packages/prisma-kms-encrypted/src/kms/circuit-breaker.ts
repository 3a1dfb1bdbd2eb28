/**
 * Turns an outage into an immediate refusal, so that requests do not each wait for their own timeout.
 * Own code: cockatiel 4 needs Node 22, its 3.x is no longer developed, and like other breakers both judge a call as a
 * whole by exceptions, while here a batch with one answered item proves that the service works.
 */
import { isKmsEncryptedError } from '../errors.js'
import { decorateProvider } from './decorate.js'
import { kmsFailure } from './failure.js'
import type { KmsProvider, Outcome } from './provider.js'
import { systemTiming } from './timing.js'
import type { Timing } from './timing.js'

/** Options of {@link withCircuitBreaker}. */
export interface CircuitBreakerOptions {
  /** Calls that fail in a row before the circuit opens; 5. */
  readonly failures?: number
  /** Milliseconds that it stays open before one call may try; 5,000. */
  readonly openMs?: number
  readonly timing?: Timing
  /** Told of every change, for logs and metrics. */
  readonly onChange?: (state: CircuitState) => void
}

/** `open`: calls are refused; `half-open`: one call tries. */
export type CircuitState = 'closed' | 'open' | 'half-open'

type Verdict = 'healthy' | 'failing' | 'unknown'

/**
 * Refuses calls with `KMS_UNAVAILABLE` while the service is down. Only timeouts and outages count: a refusal
 * (bad ciphertext, permission, disabled key) shows that the service works, throttling shows neither.
 * Belongs outside {@link withRetry}, so that a call counts once, after its attempts.
 */
export function withCircuitBreaker(provider: KmsProvider, options: CircuitBreakerOptions = {}): KmsProvider {
  const { failures = 5, openMs = 5_000, timing = systemTiming, onChange } = options
  let state: CircuitState = 'closed'
  let failuresInRow = 0
  let openedAtMs = 0

  const enter = (next: CircuitState): void => {
    if (state === next) return
    state = next
    onChange?.(next)
  }
  const record = (verdict: Verdict): void => {
    if (verdict === 'healthy') {
      failuresInRow = 0
      enter('closed')
    } else if (verdict === 'failing') {
      failuresInRow += 1
      if (failuresInRow >= failures) {
        openedAtMs = timing.now()
        enter('open')
      }
    } else if (state === 'half-open') {
      enter('open') // the probe told nothing; the next call may probe at once
    }
  }

  return decorateProvider(provider, async ({ place, items, call }, send) => {
    const mayProbe = state === 'open' && timing.now() - openedAtMs >= openMs
    if (state !== 'closed' && !mayProbe) {
      const detail = `the circuit is open after ${failuresInRow} failed calls in a row`
      throw kmsFailure('KMS_UNAVAILABLE', place, { detail })
    }
    if (mayProbe) enter('half-open')
    try {
      const outcomes = await send(items, call)
      record(judgeOutcomes(outcomes))
      return outcomes
    } catch (error) {
      record(judgeError(error))
      throw error
    }
  })
}

function judgeOutcomes(outcomes: readonly Outcome<Uint8Array>[]): Verdict {
  const verdicts = outcomes.map((outcome) => (outcome.ok ? 'healthy' : judgeError(outcome.error)))
  if (verdicts.includes('healthy')) return 'healthy'
  return verdicts.includes('failing') ? 'failing' : 'unknown'
}

function judgeError(error: unknown): Verdict {
  if (!isKmsEncryptedError(error)) return 'unknown'
  if (error.code === 'KMS_TIMEOUT' || error.code === 'KMS_UNAVAILABLE') return 'failing'
  const fromService: readonly string[] = [
    'KMS_INVALID_CIPHERTEXT',
    'KMS_ACCESS_DENIED',
    'KMS_KEY_NOT_FOUND',
    'KMS_KEY_DISABLED',
    'KMS_REQUEST_REFUSED',
  ]
  return fromService.includes(error.code) ? 'healthy' : 'unknown'
}
