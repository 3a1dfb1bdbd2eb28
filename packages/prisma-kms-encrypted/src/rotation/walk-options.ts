/** The options and the progress that every walk over a whole table shares, such as rotation and backfill. */
import type { KmsEncryptedError } from '../errors.js'

/** Part of a table, by primary key; made by `rotationRanges()`, and plain JSON, so that a job queue can carry it. */
export interface RowRange {
  /** Cursor of the last row before the range; `null`: from the first row on. */
  readonly after: string | null
  /** Cursor of the last row of the range; `null`: to the end, rows that are added meanwhile included. */
  readonly upTo: string | null
}

/** How a table is walked. */
export interface WalkOptions {
  /** Rows read, worked on and written together; default 500. */
  readonly batchSize?: number
  /** Batches in hand at once, so that reading, the key service and writing overlap; default 4. */
  readonly concurrency?: number
  /** Ends the walk after the batches in hand; the result then says `finished: false`. */
  readonly signal?: AbortSignal
  /** What a row does that cannot be handled: `'continue'` (default) reports it and goes on, `'stop'` throws its error. */
  readonly onError?: 'continue' | 'stop'
  /** Goes on behind the row with this cursor, which `onProgress` and the result give. */
  readonly cursor?: string
  /** Only this part of the table, so that several processes can share it. */
  readonly range?: RowRange
  /** Called after each batch, and once more at the end, whatever the end is. */
  readonly onProgress?: (progress: WalkProgress) => void
  /** Called for each row that could not be handled, also beyond those that the result keeps. */
  readonly onFailure?: (failure: RowFailure) => void
}

/** How far a walk is; counts are of rows. */
export interface WalkProgress {
  /** Changed; in a dry run: would have been. */
  readonly done: number
  /** Rows in scope. Counted at the start; grows if more turn up. */
  readonly total: number
  /** Nothing to do, or done by somebody else meanwhile. */
  readonly skipped: number
  /** Left as they are, because they could not be opened or written. */
  readonly failed: number
  /** Rows handled per second so far; 0 before the first batch. */
  readonly rowsPerSecond: number
  /** Expected time to the end in ms; `null`: not known yet. */
  readonly etaMs: number | null
  /** Everything up to this row is settled: give it as `cursor` to go on there. `null`: nothing is. */
  readonly cursor: string | null
}

/** A row that was left as it is. */
export interface RowFailure {
  /** The id as in encryption contexts: several ids as a JSON array of strings. */
  readonly id: string
  /** Name of the key whose columns could not be handled. */
  readonly key: string
  readonly error: KmsEncryptedError
}

/** What a walk did. */
export interface WalkResult extends WalkProgress {
  /** `false`: the signal ended it early; go on at `cursor`. */
  readonly finished: boolean
  /** The first 100 rows that were left as they are. */
  readonly failures: readonly RowFailure[]
}
