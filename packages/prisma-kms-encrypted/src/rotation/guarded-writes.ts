/** Replaces key columns in many rows with one statement, each row only if its column is still what was read. */
import { delegateOf } from '../extension/prisma-internals.js'
import { untouched } from '../extension/key-column-writes.js'
import type { Runtime } from '../extension/runtime.js'
import { columnIdentifier, jsonRow, qualifiedTable } from '../extension/sql.js'
import type { KeyGroup } from '../records/models.js'
import type { Row } from '../records/open-rows.js'
import { primaryKeyOf } from '../records/place-changes.js'

/** One key column to replace. */
export interface ColumnReplacement {
  readonly row: Row
  readonly before: string
  readonly after: string
}

/**
 * Replaces the key columns of one group; everything else in the rows, `@updatedAt` too, stays.
 * @returns per replacement whether it was made; `false`: another writer has changed the column or deleted the row
 */
export async function replaceKeyColumns(
  runtime: Runtime,
  group: KeyGroup,
  replacements: readonly ColumnReplacement[],
): Promise<readonly boolean[]> {
  if (replacements.length === 0) return []
  if (runtime.base._activeProvider !== 'postgresql') return replaceOneByOne(runtime, group, replacements)
  const { model } = group
  const table = qualifiedTable(model, runtime.schema)
  const column = columnIdentifier(model, group.column)
  const sameRow = model.definition.primaryKey
    .map((field) => columnIdentifier(model, field))
    .map((name) => `t.${name} = v.${name}`)
    .join(' AND ')
  // The row type of the table itself gives every id its column's own type, whatever that is.
  const sql = `UPDATE ${table} t SET ${column} = e.value->>'after'
FROM json_array_elements($1::json) WITH ORDINALITY e, LATERAL json_populate_record(NULL::${table}, e.value->'id') v
WHERE ${sameRow} AND t.${column} = e.value->>'before' RETURNING e.ordinality::integer AS n`
  const parameter = JSON.stringify(
    replacements.map(({ row, before, after }) => ({
      id: jsonRow(model, model.definition.primaryKey, row),
      before,
      after,
    })),
  )
  const rows = await runtime.base.$queryRawUnsafe(sql, parameter)
  const done = new Set(rows.map((row) => Number(row['n'])))
  return replacements.map((_, index) => done.has(index + 1))
}

async function replaceOneByOne(
  runtime: Runtime,
  group: KeyGroup,
  replacements: readonly ColumnReplacement[],
): Promise<readonly boolean[]> {
  const { model } = group
  const delegate = delegateOf(runtime.base, model.delegate)
  const done: boolean[] = []
  for (const { row, before, after } of replacements) {
    // Guarding on the @updatedAt columns too keeps a newer value from being set back.
    const { count } = await delegate.updateMany({
      where: { ...primaryKeyOf(model, row), [group.column]: before, ...untouched(model, row) },
      data: { [group.column]: after, ...untouched(model, row) },
    })
    done.push(count === 1)
  }
  return done
}
