/** Turns the samples of many rounds into one figure with its spread and its 95 % interval. */

/** One figure, as it was estimated from all rounds. */
export interface Estimate {
  readonly value: number
  /** 95 % interval, by resampling the rounds. */
  readonly low: number
  readonly high: number
  /** Quartiles of the figure when each round is taken for itself. */
  readonly quartiles: readonly [number, number]
  readonly rounds: number
  /** The same figure by processor time, where that was measured too; `null` otherwise. */
  readonly byCpuTime: number | null
}

/** What stands for many samples of one way. */
export type Centre = (samples: readonly number[]) => number

const RESAMPLES = 2_000

/**
 * Estimates `figure` from the centres of all ways. Rounds are resampled whole, so that what disturbed a round disturbs
 * all of its ways.
 * @param samples equally many for each way, in the order of the rounds
 */
export function estimate<Way extends string>(
  samples: Readonly<Record<Way, readonly number[]>>,
  figure: (centres: Readonly<Record<Way, number>>) => number,
  centre: Centre = median,
): Estimate {
  const ways = Object.keys(samples) as Way[] // `samples` is a literal with exactly these keys
  const rounds = Math.min(...ways.map((way) => samples[way].length))
  if (rounds === 0) throw new RangeError('an estimate needs one round at least')
  const from = (indexes: readonly number[]): number =>
    figure(
      Object.fromEntries(
        ways.map((way) => [way, centre(indexes.map((index) => sampleAt(samples[way], index)))]),
      ) as Record<Way, number>,
    )
  const all = Array.from({ length: rounds }, (_, index) => index)
  const random = createRandom(1)
  const resampled = Array.from({ length: RESAMPLES }, () =>
    from(all.map(() => Math.floor(random() * rounds))),
  )
  const single = all.map((index) => from([index]))
  return {
    value: from(all),
    low: quantile(resampled, 0.025),
    high: quantile(resampled, 0.975),
    quartiles: [quantile(single, 0.25), quantile(single, 0.75)],
    rounds,
    byCpuTime: null,
  }
}

/** The middle sample. */
export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5)
}

/** The smallest sample: for work that noise can only make longer. */
export function smallest(samples: readonly number[]): number {
  return Math.min(...samples)
}

/** The value below which `fraction` of the samples lie, between two samples by linear interpolation. */
export function quantile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const position = (sorted.length - 1) * fraction
  const below = sampleAt(sorted, Math.floor(position))
  const above = sampleAt(sorted, Math.ceil(position))
  return below + (above - below) * (position - Math.floor(position))
}

function sampleAt(samples: readonly number[], index: number): number {
  const sample = samples[index]
  if (sample === undefined) throw new RangeError(`no sample ${index} among ${samples.length}`)
  return sample
}

/** Mulberry32: the same rounds give the same interval. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
