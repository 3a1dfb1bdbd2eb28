/** The clock, timer and randomness of the call policies, injected so that tests own the time. */

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
  sleep: sleepFor,
  random: Math.random,
}

/** Every call sleeps until its deadline and is woken before: `node:timers/promises` would build an error for each. */
function sleepFor(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const rejectAborted = (): void => {
      clearTimeout(timer)
      reject(signal?.reason as Error) // whatever the signal was given; nobody looks at it
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', rejectAborted)
      resolve()
    }, ms)
    if (signal?.aborted === true) rejectAborted()
    else signal?.addEventListener('abort', rejectAborted, { once: true })
  })
}
