/** The options and the progress that every walk over a whole table shares, such as rotation and backfill. */
import * as z from 'zod'

import { KmsEncryptedError } from '../errors.js'

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

const callback = z.custom<(value: never) => void>(
  (value) => typeof value === 'function',
  'expected a function',
)

/** The form of {@link WalkOptions}, to be spread into the form of a job's own options. */
export const walkOptions = {
  batchSize: z.int().min(1).max(10_000).optional(),
  concurrency: z.int().min(1).max(64).optional(),
  signal: z.instanceof(AbortSignal).optional(),
  onError: z.enum(['continue', 'stop']).optional(),
  cursor: z.string().min(1).optional(),
  range: z.strictObject({ after: z.string().nullable(), upTo: z.string().nullable() }).optional(),
  onProgress: callback.optional(),
  onFailure: callback.optional(),
}

/**
 * Checks a job's options against its form.
 * @param caller `rotateAll()`, for the error
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`
 */
export function checkOptions<T>(form: z.ZodType, given: T, caller: string): T {
  const parsed = form.safeParse(given)
  if (parsed.success) return given
  throw invalidOptions(
    caller,
    parsed.error.issues.map((issue) => [issue.path.join('.'), issue.message].join(' ').trim()).join('; '),
  )
}

/** The error for options that cannot be used. */
export function invalidOptions(caller: string, what: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `${caller}: unusable options: ${what}`,
    why: 'The options do not have the documented form.',
    fix: 'Correct the named option.',
  })
}
