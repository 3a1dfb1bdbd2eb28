/** Reads encrypted fields, keys and indexes of rows exactly as they are stored, with the version of each row to guard on. */
import { StoredJson } from '../envelope/json-text.js'
import type { SideClient } from '../extension/prisma-internals.js'
import type { Runtime } from '../extension/runtime.js'
import { columnIdentifier, jsonRow, qualifiedTable } from '../extension/sql.js'
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'

/** A row as it was stored at one moment. */
export interface StoredRow {
  /** Its ids and context columns, and what is stored in the columns that were asked for. Json fields: see `json`. */
  readonly row: Row
  /** Json columns as text: parsing would cost digits. */
  readonly json: ReadonlyMap<string, StoredJson>
  /** PostgreSQL's `xmin`: every change of the row, by whomever, gives it another one. */
  readonly version: string
}

/**
 * Reads rows again, by primary key.
 * @param rows rows with their primary key and everything that their contexts need, which never changes
 * @param fields what to read: encrypted fields, key and index columns
 * @param client a transaction's, where the rows are locked in it
 * @returns the rows that are still there, in the order of `rows`
 */
export async function readStoredRows(
  { base, schema }: Runtime,
  model: RecordModel,
  rows: readonly Row[],
  fields: readonly string[],
  client: SideClient = base,
): Promise<readonly StoredRow[]> {
  if (rows.length === 0) return []
  const { primaryKey } = model.definition
  const table = qualifiedTable(model, schema)
  const keys = primaryKey.map((field) => columnIdentifier(model, field))
  const values = fields.map((field, index) => `${textOf(model, field)} AS f${index}`)
  const sql = `SELECT ${['e.ordinality::integer AS n', 't.xmin::text AS version', ...values].join(', ')}
FROM json_array_elements($1::json) WITH ORDINALITY e, LATERAL json_populate_record(NULL::${table}, e.value) v
JOIN ${table} t ON ${keys.map((key) => `t.${key} = v.${key}`).join(' AND ')}`
  const found = await client.$queryRawUnsafe(
    sql,
    JSON.stringify(rows.map((row) => jsonRow(model, primaryKey, row))),
  )
  const byPosition = new Map(found.map((read) => [Number(read['n']), read]))
  return rows.flatMap((row, index) => {
    const read = byPosition.get(index + 1)
    return read ? [storedRow(model, row, fields, read)] : []
  })
}

/** One column as text; bytes in hexadecimal, which every client reads alike. */
function textOf(model: RecordModel, field: string): string {
  const column = `t.${columnIdentifier(model, field)}`
  return model.definition.scalars[field]?.type === 'Bytes' ? `encode(${column}, 'hex')` : `${column}::text`
}

function storedRow(model: RecordModel, row: Row, fields: readonly string[], read: Row): StoredRow {
  const json = new Map<string, StoredJson>()
  const stored: Row = { ...row }
  fields.forEach((field, index) => {
    const text = read[`f${index}`]
    const type = model.definition.scalars[field]?.type
    if (typeof text !== 'string') stored[field] = null
    else if (type === 'Bytes') stored[field] = new Uint8Array(Buffer.from(text, 'hex'))
    else if (type === 'Json') {
      stored[field] = jsonValue(text)
      json.set(field, new StoredJson(text))
    } else stored[field] = text
  })
  return { row: stored, json, version: String(read['version']) }
}

/** As Prisma reads it: both nulls are null. */
function jsonValue(text: string): unknown {
  return JSON.parse(text) as unknown
}
