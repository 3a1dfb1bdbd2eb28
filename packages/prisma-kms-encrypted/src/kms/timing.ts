/** The clock, timer and randomness of the call policies, injected so that tests own the time. */

/** Where time and chance come from. */
export interface Timing {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Resolves after `ms`; rejects when `signal` fires. Must not keep the process alive for a signal's sake. */
  readonly sleep: (ms: number, signal?: AbortSignal) => Promise<unknown>
  /** Runs `run` after `ms`, unless what it gives is called before; by default made of `sleep`. */
  readonly after?: (ms: number, run: () => void) => () => void
  /** At least 0, less than 1. Spreads retries; needs no cryptographic quality. */
  readonly random: () => number
}

/** Node's timers fire at once when asked for more milliseconds (`setTimeout`, Node.js documentation). */
export const maxTimerMs = 2 ** 31 - 1

/** The system's clock and timers. */
export const systemTiming: Timing = {
  now: Date.now,
  sleep: sleepFor,
  // Every call has a deadline and nearly all stop it: no promise and no signal for each.
  after(ms, run) {
    const timer = setTimeout(run, ms)
    return () => {
      clearTimeout(timer)
    }
  },
  random: Math.random,
}

/** Given to a sleep that is stopped; one for all, since each error would cost a stack trace. */
const stopped = new Error('the time is not needed any more')

/**
 * Runs `run` once `ms` have passed.
 * @returns what stops it
 */
export function runAfter(timing: Timing, ms: number, run: () => void): () => void {
  if (timing.after) return timing.after(ms, run)
  const waking = new AbortController()
  timing.sleep(ms, waking.signal).then(run, () => undefined)
  return () => {
    waking.abort(stopped)
  }
}

/** Sleeps are often cut short: `node:timers/promises` would build an error for each. */
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
