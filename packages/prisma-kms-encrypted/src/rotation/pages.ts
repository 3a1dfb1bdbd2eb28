/** Reads a table page by page in primary-key order, in constant memory, wherever rows come and go meanwhile. */
import { KmsEncryptedError } from '../errors.js'
import type { Delegate } from '../extension/prisma-internals.js'
import type { Args } from '../records/arguments.js'
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { primaryKeyOf } from '../records/place-changes.js'
import { cursorOf } from './cursors.js'
import type { Batch } from './table-job.js'

/** Which rows of a table are read, and what of them. */
export interface PageScope {
  /** Which rows, in the database's own terms (encrypted fields as they are stored); `null`: all. */
  readonly where: Args | null
  /** What to read besides the primary key. */
  readonly columns: readonly string[]
  /** Primary key of the row before the first one; `null`: from the beginning. */
  readonly after: Row | null
  /** Primary key of the last row; `null`: to the end. */
  readonly upTo: Row | null
}

/**
 * The pages of a table.
 * @param delegate the model's delegate of the un-extended client
 * @param pageSize rows a page
 * @throws KmsEncryptedError `UNSUPPORTED_OPERATION` when the ids cannot be walked in order
 */
export async function* readPages(
  delegate: Delegate,
  model: RecordModel,
  scope: PageScope,
  pageSize: number,
): AsyncGenerator<Batch> {
  const query = { select: selectColumns(model, scope.columns), orderBy: orderOf(model), take: pageSize }
  let last = scope.after
  for (;;) {
    const rows = await delegate.findMany({ ...query, where: within(model, { ...scope, after: last }) })
    const end = rows.at(-1)
    if (end) {
      const before = last && cursorOf(model, last)
      const cursor = cursorOf(model, end)
      // JavaScript's dates end at milliseconds, the database's may not.
      if (cursor === before) throw unordered(model)
      yield { rows, before, last: cursor }
      last = primaryKeyOf(model, end)
    }
    if (rows.length < pageSize) return
  }
}

/** Conditions in one filter: with thousands of them the planning of a statement takes longer than the statement. */
const maxConditions = 500

/**
 * Rows as they are now, in primary-key order; those that are gone are missing.
 * @param columns what to read besides the primary key
 */
export async function readRows(
  delegate: Delegate,
  model: RecordModel,
  rows: readonly Row[],
  columns: readonly string[],
): Promise<readonly Row[]> {
  const [first = '', ...rest] = model.definition.primaryKey
  const query = { select: selectColumns(model, columns), orderBy: orderOf(model) }
  const found: Row[] = []
  for (let start = 0; start < rows.length; start += maxConditions) {
    const some = rows.slice(start, start + maxConditions)
    const where =
      rest.length === 0
        ? { [first]: { in: some.map((row) => row[first]) } }
        : { OR: some.map((row) => primaryKeyOf(model, row)) }
    found.push(...(await delegate.findMany({ ...query, where })))
  }
  return found
}

/** A scope as one filter. */
export function within(model: RecordModel, { where, after, upTo }: PageScope): Args {
  const { primaryKey } = model.definition
  return {
    AND: [
      ...(where ? [where] : []),
      ...(after ? beyond(primaryKey, after, 'gt') : []),
      ...(upTo ? beyond(primaryKey, upTo, 'lt', 'lte') : []),
    ],
  }
}

/** The selection of some columns beside the primary key. */
export function selectColumns(model: RecordModel, columns: readonly string[]): Args {
  return Object.fromEntries([...model.definition.primaryKey, ...columns].map((name) => [name, true]))
}

/** The order of the primary key. */
export function orderOf(model: RecordModel): readonly Args[] {
  return model.definition.primaryKey.map((field) => ({ [field]: 'asc' }))
}

/**
 * The rows on one side of a row, in primary-key order. Prisma's own `cursor` would end the walk early when the row that it
 * stands on has been deleted.
 * @param last how the last component of the key compares
 */
function beyond(
  primaryKey: readonly string[],
  row: Row,
  operator: 'gt' | 'lt',
  last: 'gt' | 'lt' | 'lte' = operator,
): readonly Args[] {
  const [first = '', ...rest] = primaryKey
  if (rest.length === 0) return [{ [first]: { [last]: row[first] } }]
  const steps = primaryKey.map((field, index) => ({
    ...Object.fromEntries(primaryKey.slice(0, index).map((earlier) => [earlier, row[earlier]])),
    [field]: { [index === primaryKey.length - 1 ? last : operator]: row[field] },
  }))
  // The first condition alone lets the database begin in the middle of its index.
  return [{ [first]: { [`${operator}e`]: row[first] } }, { OR: steps }]
}

function unordered(model: RecordModel): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'UNSUPPORTED_OPERATION',
    message: `${model.name}: the ids of two rows in a row read the same`,
    why: 'A column of the primary key holds more than JavaScript can tell apart, such as microseconds.',
    fix: 'Give the column millisecond precision, for instance @db.Timestamp(3).',
  })
}
