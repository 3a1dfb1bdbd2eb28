/** Reads the columns in which values of another library may be that this server knows nothing of. */
import type { SideClient } from '../extension/prisma-internals.js'
import type { Runtime } from '../extension/runtime.js'
import { columnIdentifier, encryptedColumns, jsonRow, qualifiedTable } from '../extension/sql.js'
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'

/** Column of the database → text or bytes. */
export type OtherColumns = ReadonlyMap<string, string | Uint8Array>

/**
 * Reads what is stored in the columns that are no encrypted fields, key columns or columns of an opener, on PostgreSQL:
 * values of another library have no form by which they could be told.
 * @param client a transaction's, where the rows are locked in it
 * @returns per row what is long enough to be encrypted
 */
export async function readOtherColumns(
  { schema }: Runtime,
  client: SideClient,
  model: RecordModel,
  rows: readonly Row[],
): Promise<readonly OtherColumns[]> {
  if (rows.length === 0) return []
  const { primaryKey, scalars } = model.definition
  const table = qualifiedTable(model, schema)
  const sameRow = primaryKey
    .map((field) => columnIdentifier(model, field))
    .map((column) => `t.${column} = v.${column}`)
  const known = [
    ...new Set([...model.groups.values()].flatMap((group) => [group.column, ...group.contextFields])),
  ]
  const sql = `SELECT e.ordinality::integer AS n, c.key AS name, c.value AS value
FROM json_array_elements($1::json) WITH ORDINALITY e
CROSS JOIN LATERAL json_populate_record(NULL::${table}, e.value) v
JOIN ${table} t ON ${sameRow.join(' AND ')}
CROSS JOIN LATERAL json_each_text(row_to_json(t)) c
WHERE length(c.value) >= ${shortestChars} AND c.key NOT IN (SELECT json_array_elements_text($2::json))`
  const found = await client.$queryRawUnsafe(
    sql,
    JSON.stringify(rows.map((row) => jsonRow(model, primaryKey, row))),
    JSON.stringify([...encryptedColumns(model), ...known.map((field) => scalars[field]?.column ?? field)]),
  )
  const columns = rows.map(() => new Map<string, string | Uint8Array>())
  for (const { n, name, value } of found)
    columns[Number(n) - 1]?.set(String(name), storedBytes(String(value)))
  return columns
}

/** Twelve bytes in base64, as nonces have them in columns of their own. */
const shortestChars = 16

/** PostgreSQL gives bytes as `\\x` and hexadecimal digits, or under `bytea_output = 'escape'` with octal numbers. */
function storedBytes(text: string): string | Uint8Array {
  if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex')
  if (!/\\[0-7]{3}/.test(text)) return text
  const byte = (_: string, code: string) => (code === '\\' ? code : String.fromCharCode(parseInt(code, 8)))
  return Buffer.from(text.replaceAll(/\\([0-7]{3}|\\)/g, byte), 'latin1')
}
