/** Keeps the rows that other writers held until they get another turn, and knows which batches wait for them. */
import type { Row } from '../records/rows.js'
import type { BatchPlace } from './walk-tally.js'

/** The rows that wait, by their cursors. */
export class HeldRows {
  readonly #rows = new Map<string, { readonly row: Row; readonly place: BatchPlace }>()
  readonly #open = new Map<BatchPlace, number>()
  /** The batches of rows in doubt, one entry a row. */
  readonly #doubtful: BatchPlace[] = []
  readonly #settled: (place: BatchPlace) => void

  /** @param settled called when no row of a batch waits any more */
  constructor(settled: (place: BatchPlace) => void) {
    this.#settled = settled
  }

  /** Rows that wait. */
  get size(): number {
    return this.#rows.size
  }

  /** Takes the held rows of a batch whose other rows are handled. */
  hold(place: BatchPlace, rows: ReadonlyMap<string, Row>): void {
    if (rows.size === 0) this.#settled(place)
    else this.#open.set(place, rows.size)
    for (const [cursor, row] of rows) this.#rows.set(cursor, { row, place })
  }

  /** All rows that wait, a number at a time. */
  *batches(size: number): Generator<ReadonlyMap<string, Row>> {
    const all = [...this.#rows].map(([cursor, { row }]) => [cursor, row] as const)
    for (let start = 0; start < all.length; start += size) yield new Map(all.slice(start, start + size))
  }

  /** A row no longer waits. */
  release(cursor: string): void {
    const place = this.#take(cursor)
    if (place) this.#close(place)
  }

  /** A row no longer waits, but its batch is not settled before {@link settleDoubtful}. */
  doubt(cursor: string): void {
    const place = this.#take(cursor)
    if (place) this.#doubtful.push(place)
  }

  /** What was in doubt is settled. */
  settleDoubtful(): void {
    for (const place of this.#doubtful.splice(0)) this.#close(place)
  }

  #take(cursor: string): BatchPlace | null {
    const held = this.#rows.get(cursor)
    this.#rows.delete(cursor)
    return held?.place ?? null
  }

  #close(place: BatchPlace): void {
    const left = (this.#open.get(place) ?? 1) - 1
    if (left > 0) this.#open.set(place, left)
    else {
      this.#open.delete(place)
      this.#settled(place)
    }
  }
}
