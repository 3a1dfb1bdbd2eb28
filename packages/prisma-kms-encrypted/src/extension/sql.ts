/** Names and values in our own PostgreSQL statements: always schema-qualified, always quoted, values only as parameters. */
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/open-rows.js'

/** A name as an SQL identifier. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/**
 * A model's table with its schema; an unqualified name could be another tenant's table.
 * @param schema the connection's schema for models without `@@schema`; `null` leaves it to the server's search path
 */
export function qualifiedTable(model: RecordModel, schema: string | null): string {
  const { table } = model.definition
  const own = model.definition.schema ?? schema
  return own === null ? quoted(table) : `${quoted(own)}.${quoted(table)}`
}

/** Rows as JSON for `json_populate_recordset`, which gives every value its column's own type. */
export function jsonRows(model: RecordModel, fields: readonly string[], rows: readonly Row[]): string {
  return JSON.stringify(
    rows.map((row) =>
      Object.fromEntries(
        fields.map((field) => [model.definition.scalars[field]?.column ?? field, jsonValue(row[field])]),
      ),
    ),
  )
}

function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return value
}
