/** How much is measured: everything, within three minutes, or only whether every figure comes out. */
import type { Rounds } from './measuring/rounds.js'

/** The sizes of one run. */
export interface Sizes {
  /** Rows in the small and in the large table. */
  readonly rows: number
  readonly manyRows: number
  /** Rows that the sequential way reads in each round; its time is per row. */
  readonly sequentialRows: number
  /** Creates in one sample. */
  readonly creates: number
  /** Operations in one sample of the pass-through. */
  readonly passes: number
  /** Processes for each import. */
  readonly processes: number
  /** Rows of the small and the large rotation. */
  readonly rotated: number
  readonly manyRotated: number
  /** Times that the large rotation runs. */
  readonly rotations: number
  /** Rows of the table that rotates in a process of its own before and after it has grown. */
  readonly few: number
  readonly million: number
  /** Rows that each worker rotates in each comparison on the large table. */
  readonly shared: number
  /** Rounds of work that takes milliseconds. */
  readonly short: Rounds
  /** Rounds of work that takes a second. */
  readonly long: Rounds
}

const minimum = 15

/** `pnpm bench` */
export const full: Sizes = {
  rows: 1_000,
  manyRows: 10_000,
  sequentialRows: 1_000,
  creates: 100,
  passes: 400,
  processes: 30,
  rotated: 20_000,
  manyRotated: 200_000,
  rotations: 3,
  few: 100_000,
  million: 1_000_000,
  shared: 100_000,
  short: { least: minimum, budgetMs: 20_000 },
  long: { least: minimum, budgetMs: 30_000 },
}

/** `pnpm bench --quick` */
export const quick: Sizes = {
  ...full,
  sequentialRows: 100,
  creates: 50,
  passes: 300,
  processes: 20,
  rotated: 2_000,
  manyRotated: 20_000,
  rotations: 2,
  short: { least: minimum, budgetMs: 4_000 },
  long: { least: minimum, budgetMs: 1_000, warmUps: 1 },
}

/** `pnpm bench --smoke` */
export const smoke: Sizes = {
  rows: 20,
  manyRows: 60,
  sequentialRows: 5,
  creates: 2,
  passes: 2,
  processes: 1,
  rotated: 20,
  manyRotated: 60,
  rotations: 1,
  few: 30,
  million: 90,
  shared: 10,
  short: { least: 2, budgetMs: 0, warmUps: 1 },
  long: { least: 2, budgetMs: 0, warmUps: 1 },
}
