/** Turns one long piece of work into slices, between which the event loop serves everybody else. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Long enough that the turns between slices cost little, short enough that others hardly wait, garbage collection included. */
const sliceMs = 1

/** Items between two looks at the clock. */
const itemsPerLook = 16

/**
 * Does `work` for every item in order; after each millisecond of it, everything else that is ready gets its turn.
 * @returns a promise only where there are enough items for that
 */
export function inSlices<T>(
  items: readonly T[],
  work: (item: T, index: number) => void,
  now: () => number = () => performance.now(),
): Promise<void> | undefined {
  if (items.length >= itemsPerLook) return inManySlices(items, work, now)
  items.forEach(work)
  return undefined
}

async function inManySlices<T>(
  items: readonly T[],
  work: (item: T, index: number) => void,
  now: () => number,
): Promise<void> {
  let startedMs = now()
  for (let index = 0; index < items.length; index++) {
    work(items[index] as T, index) // below the length
    if (index % itemsPerLook !== itemsPerLook - 1 || now() - startedMs < sliceMs) continue
    await nextTurn()
    startedMs = now()
  }
}
