/** Reads a table page by page in primary-key order, in constant memory, wherever rows come and go meanwhile. */
import type { Delegate } from '../extension/prisma-internals.js'
import type { Args } from '../records/arguments.js'
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/open-rows.js'

/**
 * The pages of a table.
 * @param where which rows; `null`: all
 * @param columns what to read besides the primary key
 * @param pageSize rows a page
 */
export async function* readPages(
  delegate: Delegate,
  model: RecordModel,
  where: Args | null,
  columns: readonly string[],
  pageSize: number,
): AsyncGenerator<readonly Row[]> {
  const { primaryKey } = model.definition
  const select = Object.fromEntries([...primaryKey, ...columns].map((name) => [name, true]))
  const orderBy = primaryKey.map((field) => ({ [field]: 'asc' }))
  let last: Row | null = null
  for (;;) {
    const conditions: Args[] = [...(where ? [where] : []), ...(last ? [after(primaryKey, last)] : [])]
    const page = await delegate.findMany({ where: { AND: conditions }, select, orderBy, take: pageSize })
    if (page.length > 0) yield page
    if (page.length < pageSize) return
    last = page.at(-1) ?? null
  }
}

/**
 * The rows behind one, in primary-key order. Prisma's own `cursor` would end the walk early when the row that it
 * stands on has been deleted.
 */
function after(primaryKey: readonly string[], last: Row): Args {
  return {
    OR: primaryKey.map((field, index) => ({
      ...Object.fromEntries(primaryKey.slice(0, index).map((earlier) => [earlier, last[earlier]])),
      [field]: { gt: last[field] },
    })),
  }
}
