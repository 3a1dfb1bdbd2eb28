/** A clock that only the test moves, so that retries, deadlines and lifetimes are exact. */
import type { Timing } from '../../src/kms/timing.js'

export interface FakeTiming extends Timing {
  /** Moves the time, waking sleepers in order and letting what they started settle. */
  advance(ms: number): Promise<void>
  /** What has been slept for, in order of the calls; deadlines count too. */
  readonly slept: readonly number[]
}

/** @param random what every draw gives; 1 (not reached by a real one) makes each delay its upper bound */
export function createFakeTiming(random = 1): FakeTiming {
  let nowMs = 1_000_000
  const slept: number[] = []
  let sleepers: { readonly atMs: number; readonly wake: () => void }[] = []
  return {
    now: () => nowMs,
    random: () => random,
    slept,
    sleep: (ms, signal) =>
      new Promise<void>((resolve, reject) => {
        slept.push(ms)
        const sleeper = { atMs: nowMs + ms, wake: resolve }
        sleepers.push(sleeper)
        signal?.addEventListener('abort', () => {
          sleepers = sleepers.filter((other) => other !== sleeper)
          reject(new Error('sleep aborted'))
        })
      }),
    async advance(ms) {
      const endMs = nowMs + ms
      await settle()
      for (;;) {
        const [next] = sleepers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
        if (next === undefined) break
        nowMs = Math.max(nowMs, next.atMs)
        sleepers = sleepers.filter((sleeper) => sleeper !== next)
        next.wake()
        await settle()
      }
      nowMs = endMs
    },
  }
}

/** Lets everything run that waits for no timer. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
}
