/**
 * Turns the ends of many lives into one timer. Own code, because the timers of lru-cache look at their entry once: Node counts
 * a timer from the beginning of the turn in which it was set, so after a turn with much work it fires before the entry's
 * time is over, and the entry stays for as long as nobody asks for it.
 */
import { maxTimerMs } from './timing.js'

/** Names whose lives all last equally long. */
export interface Expiries {
  /** Begins the life of a name, or begins it anew. */
  add(name: string): void
  /** Forgets a name; its end is not told. */
  remove(name: string): void
}

/**
 * Makes an empty set of lives. Its timer does not keep the process alive.
 * @param lifeMs milliseconds
 * @param now milliseconds since any moment; never goes back
 * @param end told of each name whose life is over
 */
export function createExpiries(lifeMs: number, now: () => number, end: (name: string) => void): Expiries {
  const endsMs = new Map<string, number>() // in the order of the ends
  let timer: NodeJS.Timeout | undefined

  const schedule = (): void => {
    const [nextMs] = endsMs.values()
    if (timer !== undefined || nextMs === undefined) return
    timer = setTimeout(endDue, Math.min(Math.max(nextMs - now(), 1), maxTimerMs)).unref()
  }
  const endDue = (): void => {
    timer = undefined
    for (const [name, endMs] of endsMs) {
      if (now() < endMs) break
      endsMs.delete(name)
      end(name)
    }
    schedule()
  }

  return {
    add(name) {
      endsMs.delete(name) // or it would keep its place
      endsMs.set(name, now() + lifeMs)
      schedule()
    },
    remove(name) {
      endsMs.delete(name)
    },
  }
}
