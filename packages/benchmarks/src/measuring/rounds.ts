/** Turns several ways of doing the same into samples taken side by side: each round runs all of them, in turned order. */
import { estimate, type Estimate } from './statistics.js'

/** One way of doing what is compared. */
export interface Way {
  /** What is timed. */
  run(): Promise<unknown>
  /** Puts back what `run` changed; not timed. */
  reset?(): Promise<unknown>
}

/** How long to measure. */
export interface Rounds {
  /** At least so many, whatever it takes. */
  readonly least: number
  /** Goes on until so many milliseconds have passed. */
  readonly budgetMs: number
  /** Rounds before the first that counts; 3. */
  readonly warmUps?: number
}

/** Who pays for collecting the young garbage of a way: nobody, between the samples, or the way itself. */
export type GarbageCharge = 'nobody' | 'itself'

/** What each way took, in milliseconds, in the order of the rounds. */
export interface Samples<Name extends string> {
  readonly wallMs: Readonly<Record<Name, readonly number[]>>
  /** Time that processors worked for this process, all threads together. */
  readonly cpuMs: Readonly<Record<Name, readonly number[]>>
}

/**
 * Runs all ways in each round, in the given order and in the opposite one by turns (ABBA), so that neither a drift of
 * the machine nor what one way leaves behind for the next favours one of them.
 */
export async function measureRounds<Name extends string>(
  ways: Readonly<Record<Name, Way>>,
  { least, budgetMs, warmUps = 3 }: Rounds,
  charge: GarbageCharge = 'nobody',
): Promise<Samples<Name>> {
  const names = Object.keys(ways) as Name[] // `ways` is a literal with exactly these keys
  const empty = (): Record<Name, number[]> =>
    Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>
  const wallMs = empty()
  const cpuMs = empty()
  let until = Infinity
  for (let round = -warmUps; round < least || performance.now() < until; round++) {
    if (round === 0) until = performance.now() + budgetMs
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      const sample = await time(ways[name], charge)
      if (round < 0) continue
      wallMs[name].push(sample.wallMs)
      cpuMs[name].push(sample.cpuMs)
    }
  }
  return { wallMs, cpuMs }
}

/** Estimates a figure by wall time, and by processor time to compare: work of other processes does not count there. */
export function estimateTimes<Name extends string>(
  { wallMs, cpuMs }: Samples<Name>,
  figure: (ms: Readonly<Record<Name, number>>) => number,
): Estimate {
  return { ...estimate(wallMs, figure), byCpuTime: estimate(cpuMs, figure).value }
}

async function time(way: Way, charge: GarbageCharge): Promise<{ wallMs: number; cpuMs: number }> {
  // What the way before has left on the young heap must not be charged to this one.
  if (charge === 'nobody') collectYoung()
  const cpu = process.cpuUsage()
  const start = performance.now()
  await way.run()
  if (charge === 'itself') collectYoung()
  const wallMs = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  await way.reset?.()
  return { wallMs, cpuMs: (user + system) / 1_000 }
}

function collectYoung(): void {
  globalThis.gc?.({ type: 'minor', execution: 'sync' })
}
