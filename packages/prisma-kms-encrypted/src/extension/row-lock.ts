/** Locks rows and reads their key columns as they are now, in the transaction of the statement that will change them. */
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/open-rows.js'
import type { Runtime } from './runtime.js'
import { columnIdentifier, jsonRow, qualifiedTable, quoted } from './sql.js'
import type { Session } from './transactions.js'

/**
 * Locks rows in the order of their primary key, so that two of our own operations never deadlock.
 * @param rows rows with their primary key
 * @returns their key columns under Prisma's field names, in the order of the primary key; rows that are gone are missing
 */
export async function lockRows(
  { schema }: Runtime,
  { client }: Session,
  model: RecordModel,
  rows: readonly Row[],
): Promise<readonly Row[]> {
  const { definition } = model
  const keyColumns = [...model.groups.values()].map(({ column }) => column)
  const selected = keyColumns.map((field) => `t.${columnIdentifier(model, field)} AS ${quoted(field)}`)
  const primaryKey = definition.primaryKey.map((field) => columnIdentifier(model, field))
  const table = qualifiedTable(model, schema)
  const sql = `SELECT ${selected.join(', ')} FROM ${table} t
JOIN json_populate_recordset(NULL::${table}, $1::json) v ON ${primaryKey.map((column) => `t.${column} = v.${column}`).join(' AND ')}
ORDER BY ${primaryKey.map((column) => `t.${column}`).join(', ')} FOR UPDATE OF t`
  return client.$queryRawUnsafe(
    sql,
    JSON.stringify(rows.map((row) => jsonRow(model, definition.primaryKey, row))),
  )
}
