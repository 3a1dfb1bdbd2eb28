/** Names and values in our own statements: always quoted, schema-qualified where the database has schemas, values only as parameters. */
import { commitmentIn } from '../envelope/sealed-header.js'
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'
import type { FoundValues } from './dialects/dialect.js'
import type { SideClient } from './prisma-internals.js'

/** What encloses an identifier: MySQL's differs from the standard's. */
export type QuotationMark = '"' | '`'

/** A name as an SQL identifier. */
export function quoted(name: string, mark: QuotationMark = '"'): string {
  return `${mark}${name.replaceAll(mark, mark + mark)}${mark}`
}

/**
 * A model's table with its schema; an unqualified name could be another tenant's table.
 * @param schema the connection's schema for models without `@@schema`; `null` leaves it to the server's search path
 */
export function qualifiedTable(model: RecordModel, schema: string | null, mark: QuotationMark = '"'): string {
  const { table } = model.definition
  const own = model.definition.schema ?? schema
  return own === null ? quoted(table, mark) : `${quoted(own, mark)}.${quoted(table, mark)}`
}

/** A field's column as an SQL identifier. */
export function columnIdentifier(model: RecordModel, field: string, mark: QuotationMark = '"'): string {
  return quoted(model.definition.scalars[field]?.column ?? field, mark)
}

/** The columns of the encrypted fields. */
export function encryptedColumns({ definition }: RecordModel): readonly string[] {
  return Object.values(definition.encrypted).map(({ column }) => column)
}

/**
 * Finds what looks encrypted in columns that are no encrypted fields, by reading whole rows: one statement a row.
 * @returns per row the values
 */
export async function findSealedInRows(
  client: SideClient,
  model: RecordModel,
  rows: readonly Row[],
  schema: string | null,
  mark: QuotationMark = '"',
): Promise<readonly FoundValues[]> {
  const { primaryKey } = model.definition
  const known = new Set(encryptedColumns(model))
  const conditions = primaryKey.map((field) => `${columnIdentifier(model, field, mark)} = ?`)
  const sql = `SELECT * FROM ${qualifiedTable(model, schema, mark)} WHERE ${conditions.join(' AND ')}`
  const values: FoundValues[] = []
  for (const row of rows) {
    const [found] = await client.$queryRawUnsafe(sql, ...primaryKey.map((field) => row[field]))
    const others = Object.entries(found ?? {}).filter(([column]) => !known.has(column))
    values.push({
      values: others.map(([, value]) => value).filter((value) => commitmentIn(value) !== null),
    })
  }
  return values
}

/**
 * Some fields of a row as an object for PostgreSQL's `json_populate_record`, by column name. With the table's own row type that
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
