/** What the walk over a table is given: which batches there are, and what is to be done with each. */
import type { Row } from '../records/rows.js'
import type { RowFailure } from './walk-options.js'
import type { BatchOutcome, BatchPlace } from './walk-tally.js'

/** One batch as read. */
export interface Batch extends BatchPlace {
  readonly rows: readonly Row[]
}

/** What came of some rows, and those that other writers held. */
export interface WorkOutcome extends BatchOutcome {
  /** Locked by others, or changed by them again and again: they get another turn later. */
  readonly busy: readonly Row[]
}

/** A table and what is to be done with it. */
export interface TableJob {
  /** Rows in scope, and those among them that need nothing and will not be read. */
  count(): Promise<{ readonly total: number; readonly settled: number }>
  /** The batches that need work, in the order of the primary key. */
  batches(): AsyncIterable<Batch>
  /**
   * Does the work for some rows, each wholly or not at all.
   * @throws whatever ends the whole walk, such as a database or a key service that is away
   */
  work(rows: readonly Row[], signal: AbortSignal): Promise<WorkOutcome>
  /** Rows as they are now; those that are gone are missing. */
  readAgain(rows: readonly Row[]): Promise<readonly Row[]>
  /** The text that stands for a row's primary key. */
  cursorOf(row: Row): string
  /** The failure of a row that other writers held to the last. */
  giveUp(row: Row): RowFailure
}
