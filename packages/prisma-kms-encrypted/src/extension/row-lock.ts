/** Locks rows in the transaction of the statement that will change them. */
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/open-rows.js'
import { unsupported } from '../records/refusals.js'
import { asWriteConflict } from './prisma-internals.js'
import type { Runtime } from './runtime.js'
import { columnIdentifier, jsonRow, qualifiedTable } from './sql.js'
import type { Session } from './transactions.js'

/**
 * Locks rows in the order of their primary key, so that two of our own operations never deadlock.
 * @param rows rows with their primary key; those that are gone are ignored
 * @throws KmsEncryptedError `UNSUPPORTED_OPERATION` on databases other than PostgreSQL; Prisma's P2034 for a conflict
 */
export async function lockRows(
  { base, schema }: Runtime,
  { client }: Session,
  model: RecordModel,
  rows: readonly Row[],
): Promise<void> {
  if (base._activeProvider !== 'postgresql') {
    throw unsupported(
      model.name,
      `changing several records at once, or inside a transaction, on ${base._activeProvider}`,
      'Update one record at a time, outside transactions.',
    )
  }
  const { primaryKey } = model.definition
  const columns = primaryKey.map((field) => columnIdentifier(model, field))
  const table = qualifiedTable(model, schema)
  const sql = `SELECT 1 FROM ${table} t
JOIN json_populate_recordset(NULL::${table}, $1::json) v ON ${columns.map((column) => `t.${column} = v.${column}`).join(' AND ')}
ORDER BY ${columns.map((column) => `t.${column}`).join(', ')} FOR UPDATE OF t`
  try {
    await client.$queryRawUnsafe(sql, JSON.stringify(rows.map((row) => jsonRow(model, primaryKey, row))))
  } catch (error) {
    throw asWriteConflict(error)
  }
}
