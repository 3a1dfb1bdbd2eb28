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

/** A field's column as an SQL identifier. */
export function columnIdentifier(model: RecordModel, field: string): string {
  return quoted(model.definition.scalars[field]?.column ?? field)
}

/**
 * Some fields of a row as an object for `json_populate_record`, by column name. With the table's own row type that
 * function gives every value its column's type, so that none has to be named here.
 */
export function jsonRow(model: RecordModel, fields: readonly string[], row: Row): Row {
  return Object.fromEntries(
    fields.map((field) => [model.definition.scalars[field]?.column ?? field, jsonValue(row[field])]),
  )
}

function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return value
}
