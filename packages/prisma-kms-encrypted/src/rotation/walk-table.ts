/** Takes a table through a job batch by batch: several batches at once, in constant memory, until the end or a signal. */
import { systemTiming, type Timing } from '../kms/timing.js'
import type { Row } from '../records/rows.js'
import { HeldRows } from './held-rows.js'
import type { Batch, TableJob, WorkOutcome } from './table-job.js'
import type { RowFailure, WalkOptions, WalkResult } from './walk-options.js'
import { WalkTally, type BatchOutcome, type BatchPlace } from './walk-tally.js'

/** Pauses in ms before held rows get another turn; after the last turn they are given up. */
const pausesMs = [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]
/** As many rows one after another that a key service refuses are its outage, not theirs. */
const maxRefused = 100
/** Held rows that may wait for the end of the walk; when there are more, they get their turns at once. */
const maxHeld = 10_000

/**
 * Walks a table. Batches are read one after another and worked on side by side; when the walk ends early, the batches in
 * hand end first.
 * @throws the first row's error with `onError: 'stop'`, or when the key service refuses one row after another; and
 *   whatever the job's own methods throw
 */
export async function walkTable(
  job: TableJob,
  options: WalkOptions,
  timing: Timing = systemTiming,
): Promise<WalkResult> {
  const { concurrency = 4, signal } = options
  const cursor = options.cursor ?? options.range?.after ?? null
  const walk = new Walk(job, options, new WalkTally(await job.count(), cursor, timing.now), timing)
  const inHand = new Set<Promise<void>>()
  const end = () => {
    walk.end()
  }
  signal?.addEventListener('abort', end)
  if (signal?.aborted) end()
  try {
    for await (const batch of walk.ended ? [] : job.batches()) {
      if (walk.ended) break
      const working = walk.work(batch).finally(() => inHand.delete(working))
      inHand.add(working)
      while (inHand.size >= concurrency) await Promise.race(inHand)
      if (walk.mustRevisit) {
        await Promise.all(inHand)
        await walk.revisit()
      }
    }
    await Promise.all(inHand)
    walk.settleDoubtful()
    await walk.revisit()
    walk.settleDoubtful()
  } catch (error) {
    walk.fail(error)
    await Promise.all(inHand)
  } finally {
    signal?.removeEventListener('abort', end)
  }
  return walk.finish()
}

/** The state of one walk. */
class Walk {
  readonly #job: TableJob
  readonly #options: WalkOptions
  readonly #tally: WalkTally
  readonly #timing: Timing
  readonly #held: HeldRows
  readonly #end = new AbortController()
  #refused = 0
  /** Batches that may have to be done again: whoever goes on at the cursor after an outage must find their rows. */
  #doubtful: { readonly place: BatchPlace; readonly busy: ReadonlyMap<string, Row> }[] = []
  #problem: { readonly error: unknown } | null = null

  constructor(job: TableJob, options: WalkOptions, tally: WalkTally, timing: Timing) {
    this.#job = job
    this.#options = options
    this.#tally = tally
    this.#timing = timing
    this.#held = new HeldRows((place) => {
      tally.settle(place)
    })
  }

  get ended(): boolean {
    return this.#end.signal.aborted
  }

  get mustRevisit(): boolean {
    return this.#held.size > maxHeld
  }

  end(): void {
    this.#end.abort()
  }

  /** Ends the walk with an error. Calls that its end interrupts fail as well; what came first counts. */
  fail(error: unknown): void {
    if (!this.ended) this.#problem = { error }
    this.end()
  }

  /** Never rejects: what goes wrong is kept for the end. */
  async work({ rows, before, last }: Batch): Promise<void> {
    const place: BatchPlace = { before, last }
    this.#tally.begin(place)
    try {
      const outcome = await this.#job.work(rows, this.#end.signal)
      this.#settle(place, outcome)
      this.#report(outcome)
    } catch (error) {
      this.fail(error)
    }
  }

  /** There was no outage: what failed is the rows' own fault. */
  settleDoubtful(): void {
    if (this.ended) return
    this.#held.settleDoubtful()
    for (const { place, busy } of this.#doubtful) this.#held.hold(place, busy)
    this.#doubtful = []
  }

  /** Gives the held rows turn after turn, and gives up those that are held to the last. */
  async revisit(): Promise<void> {
    for (const pauseMs of pausesMs) {
      if (this.#held.size === 0) return
      await this.#timing.sleep(pauseMs, this.#end.signal).catch(() => undefined)
      for (const rows of this.#held.batches(this.#options.batchSize ?? 500)) {
        if (this.ended) return
        const now = await this.#job.readAgain([...rows.values()])
        const outcome = await this.#job.work(now, this.#end.signal)
        const busy = this.#byCursor(outcome.busy)
        this.#release(
          [...rows.keys()].filter((cursor) => !busy.has(cursor)),
          outcome,
        )
        this.#report({ ...outcome, skipped: outcome.skipped + rows.size - now.length })
      }
    }
    for (const rows of this.#held.batches(this.#held.size)) {
      const failures = [...rows.values()].map((row) => this.#job.giveUp(row))
      const outcome = { done: 0, skipped: 0, failed: failures.length, failures }
      this.#release([...rows.keys()], outcome)
      this.#report(outcome)
    }
  }

  /** @throws what ended the walk, unless that was the caller's signal */
  finish(): WalkResult {
    const result = this.#tally.result(!this.ended)
    this.#options.onProgress?.(result)
    if (this.#problem) throw this.#problem.error
    return result
  }

  /** Lets the cursor pass a batch, unless its failures end the walk or may yet turn out to be an outage's. */
  #settle(place: BatchPlace, outcome: WorkOutcome): void {
    const batch = { place, busy: this.#byCursor(outcome.busy) }
    if (this.#isDoubtful(outcome)) {
      this.#doubtful.push(batch)
      return
    }
    this.#held.hold(place, batch.busy)
    if (outcome.done > 0) this.settleDoubtful()
  }

  /** The same for rows that have had their turn. */
  #release(cursors: readonly string[], outcome: BatchOutcome): void {
    const isDoubtful = this.#isDoubtful(outcome)
    for (const cursor of cursors) {
      if (isDoubtful) this.#held.doubt(cursor)
      else this.#held.release(cursor)
    }
    if (outcome.done > 0 && !isDoubtful) this.settleDoubtful()
  }

  #isDoubtful({ done, failures }: BatchOutcome): boolean {
    const stops = this.#options.onError === 'stop' && failures.length > 0
    return stops || (done === 0 && failures.some(isRefusal))
  }

  /** Walking on through millions of rows would only report them all. */
  #isOutage({ done, failures }: BatchOutcome): boolean {
    const refused = failures.filter(isRefusal).length
    this.#refused = done > 0 ? 0 : this.#refused + refused
    return this.#refused >= maxRefused
  }

  #byCursor(rows: readonly Row[]): ReadonlyMap<string, Row> {
    return new Map(rows.map((row) => [this.#job.cursorOf(row), row]))
  }

  #report(outcome: BatchOutcome): void {
    this.#tally.add(outcome)
    for (const failure of outcome.failures) this.#options.onFailure?.(failure)
    const [first] = outcome.failures
    if (first && (this.#options.onError === 'stop' || this.#isOutage(outcome))) this.fail(first.error)
    if (!this.ended) this.#options.onProgress?.(this.#tally.progress())
  }
}

function isRefusal({ error }: RowFailure): boolean {
  return error.code.startsWith('KMS_')
}
