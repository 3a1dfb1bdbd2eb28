/** The figures that this benchmark is held to: what each is, and the target that it is to reach. */
import type { Estimate } from './measuring/statistics.js'

/** One figure's meaning and target. */
export interface Target {
  readonly what: string
  readonly target: number
  /** Whether the figure is to stay at or below its target, or to reach it. */
  readonly bound: 'most' | 'least'
}

/** All figures, in the order of the report. */
export const targets = {
  readWarmVsPeer: {
    what: 'findMany, 1,000 rows × 3 fields, keys cached: overhead ÷ overhead of prisma-field-encryption',
    target: 0.65,
    bound: 'most',
  },
  readWarmVsFloor: { what: 'the same overhead ÷ the floor', target: 1.25, bound: 'most' },
  coldWaves50ms: {
    what: '(cold − warm) ÷ 50 ms for 1,000 rows, 64 calls at once; the ideal is 15.6',
    target: 20,
    bound: 'most',
  },
  coldWavesBranch50ms: {
    what: 'the same under a branch key: (its first read − the next) ÷ 50 ms',
    target: 1.3,
    bound: 'most',
  },
  readColdVsSequential: {
    what: 'one call after another ÷ ours, 1,000 rows, KMS at 5 ms',
    target: 30,
    bound: 'least',
  },
  createOneVsPlain: { what: 'create, KMS at 0 ms ÷ plain Prisma', target: 2.2, bound: 'most' },
  createOneBlockVsPlain: {
    what: 'the same with ids taken 50 at a time (idBlock: 50)',
    target: 1.3,
    bound: 'most',
  },
  createOneVsFloor: {
    what: 'create ÷ the least that encrypting takes, written by hand around Prisma',
    target: 1.25,
    bound: 'most',
  },
  createOneBlockVsFloor: { what: 'the same with ids taken 50 at a time', target: 1.25, bound: 'most' },
  createManyVsPeer: {
    what: 'createMany, 1,000 rows, KMS at 0 ms: overhead ÷ overhead of prisma-field-encryption',
    target: 1,
    bound: 'most',
  },
  createManyVsFloor: {
    what: 'the same overhead ÷ that of the least, written by hand',
    target: 1.25,
    bound: 'most',
  },
  passThroughVsEmpty: {
    what: 'a plain model through us ÷ through an empty query extension, CPU time',
    target: 1.1,
    bound: 'most',
  },
  importVsDeps: {
    what: 'importing the package ÷ importing zod and @prisma/client/extension, fastest of all processes',
    target: 1.2,
    bound: 'most',
  },
  longestSliceMs: {
    what: 'longest uninterrupted slice of ours while findMany opens 30,000 fields, fastest of all rounds',
    target: 12,
    bound: 'most',
  },
  rotateRowsPerSecond5ms: {
    what: 'rows a second of rotateAll to another key, KMS at 5 ms',
    target: 4_000,
    bound: 'least',
  },
  rotateHeapGrowthMiB: {
    what: 'live heap of rotateAll over the large table − over one of a tenth of its rows',
    target: 30,
    bound: 'most',
  },
  rotateTwoWorkers: {
    what: 'rows a second of two processes that share a table ÷ of one, 16 calls at once each, KMS at 5 ms',
    target: 1.6,
    bound: 'least',
  },
  millionRowsPerSecond5ms: {
    what: 'rows a second of rotateAll over 1,000,000 rows to another key, KMS at 5 ms',
    target: 4_000,
    bound: 'least',
  },
  millionHeapGrowthMiB: {
    what: 'live heap of that process at its most − the same over 100,000 rows',
    target: 5,
    bound: 'most',
  },
  millionTwoWorkers: {
    what: 'rows a second of two processes on that table ÷ of one, 16 calls at once each, KMS at 5 ms',
    target: 1.6,
    bound: 'least',
  },
  scaling: {
    what: 'one read of 10,000 rows ÷ ten of 1,000 rows, keys cached, divided by the same of plain Prisma',
    target: 1.1,
    bound: 'most',
  },
  scalingVsFloor: {
    what: 'the same, divided by that of plain Prisma and the floor',
    target: 1.1,
    bound: 'most',
  },
} as const satisfies Record<string, Target>

/** A figure's name: the key of the JSON report. */
export type FigureName = keyof typeof targets

/** Figures that were measured. */
export type Figures = Partial<Record<FigureName, Estimate>>

/** A target counts as met when the 95 % interval reaches it and the value is no more than 1.2 times off. */
export function isMet(name: FigureName, { value, low, high }: Estimate): boolean {
  const { target, bound } = targets[name] as Target // widens the literal types
  return bound === 'most' ? low <= target && value <= target * 1.2 : high >= target && value >= target / 1.2
}
