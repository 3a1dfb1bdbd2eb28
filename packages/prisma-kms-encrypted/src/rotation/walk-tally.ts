/** Counts what a walk did: rows, failures, rate, time to the end, and up to which row everything is settled. */
import type { RowFailure, WalkProgress, WalkResult } from './walk-options.js'

/** What came of the rows of one batch. */
export interface BatchOutcome {
  readonly done: number
  readonly skipped: number
  /** Rows; each has at least one of the failures. */
  readonly failed: number
  readonly failures: readonly RowFailure[]
}

/** One batch of rows in the order of the primary key. */
export interface BatchPlace {
  /** Cursor of the last row before it; `null`: it begins the walk. */
  readonly before: string | null
  /** Cursor of its last row. */
  readonly last: string
}

/** All failures are counted; a table full of them must not fill the memory. */
const keptFailures = 100

/** The running account of one walk. */
export class WalkTally {
  readonly #startMs: number
  readonly #now: () => number
  readonly #total: number
  readonly #settledBefore: number
  /** Batches that are not settled, oldest first. */
  readonly #open = new Set<BatchPlace>()
  readonly #failures: RowFailure[] = []
  #last: string | null
  #done = 0
  #skipped: number
  #failed = 0

  /**
   * @param counts rows in scope, and those among them that need nothing
   * @param cursor where the walk begins
   * @param now clock in ms
   */
  constructor(
    counts: { readonly total: number; readonly settled: number },
    cursor: string | null,
    now: () => number,
  ) {
    this.#startMs = now()
    this.#now = now
    this.#total = counts.total
    this.#settledBefore = counts.settled
    this.#skipped = counts.settled
    this.#last = cursor
  }

  /** A batch was read: the cursor stays before it until it is settled. */
  begin(place: BatchPlace): void {
    this.#open.add(place)
    this.#last = place.last
  }

  /** Every row of the batch is done, skipped or failed. */
  settle(place: BatchPlace): void {
    this.#open.delete(place)
  }

  /** Adds what came of some rows. */
  add({ done, skipped, failed, failures }: BatchOutcome): void {
    this.#done += done
    this.#skipped += skipped
    this.#failed += failed
    this.#failures.push(...failures.slice(0, keptFailures - this.#failures.length))
  }

  /** How far the walk is now. */
  progress(): WalkProgress {
    const handled = this.#done + this.#skipped + this.#failed
    const total = Math.max(this.#total, handled)
    const elapsedMs = this.#now() - this.#startMs
    const byThisWalk = handled - this.#settledBefore
    const rowsPerSecond = byThisWalk > 0 ? (byThisWalk * 1000) / Math.max(elapsedMs, 1) : 0
    const left = total - handled
    const [oldest] = this.#open
    return {
      done: this.#done,
      total,
      skipped: this.#skipped,
      failed: this.#failed,
      rowsPerSecond,
      etaMs: left === 0 ? 0 : rowsPerSecond > 0 ? (left * 1000) / rowsPerSecond : null,
      cursor: oldest ? oldest.before : this.#last,
    }
  }

  /** The account at the end; rows of the count that were gone, or done by others before they were read, need nothing. */
  result(finished: boolean): WalkResult {
    if (finished) this.#skipped = Math.max(this.#skipped, this.#total - this.#done - this.#failed)
    return { ...this.progress(), finished, failures: [...this.#failures] }
  }
}
