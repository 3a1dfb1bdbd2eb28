/** The clock, timer and randomness of the call policies, injected so that tests own the time. */
import { setTimeout as sleepFor } from 'node:timers/promises'

/** Where time and chance come from. */
export interface Timing {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Resolves after `ms`; rejects when `signal` fires. Must not keep the process alive for a signal's sake. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<unknown>
  /** At least 0, less than 1. Spreads retries; needs no cryptographic quality. */
  readonly random: () => number
}

/** The system's clock and timers. */
export const systemTiming: Timing = {
  now: Date.now,
  sleep: (ms, signal) => sleepFor(ms, undefined, signal === undefined ? {} : { signal }),
  random: Math.random,
}
