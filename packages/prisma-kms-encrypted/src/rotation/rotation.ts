/** Everything that a rotation's parts need to know of it. */
import type { Runtime } from '../extension/runtime.js'
import type { Args } from '../records/arguments.js'
import type { KeyGroup, RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'
import type { RowRotation } from './rotate-options.js'

/** What is rotated, and how. */
export interface Rotation extends Required<Omit<RowRotation, 'key'>> {
  readonly runtime: Runtime
  readonly model: RecordModel
  readonly groups: readonly KeyGroup[]
  /** Which rows, planned: encrypted fields are named by their indexes. `null`: all. */
  readonly where: Args | null
  /** Primary key of the row before the first one; `null`: from the beginning. */
  readonly after: Row | null
  /** Primary key of the last row; `null`: to the end. */
  readonly upTo: Row | null
  readonly batchSize: number
}
