/** Turns a row's primary key into text that a log, a file or a job queue can keep, and back. */
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { invalidOptions } from './option-forms.js'

/** A row's primary key as JSON: `[42]`, or `["a",7]` for a compound one. */
export function cursorOf(model: RecordModel, row: Row): string {
  return JSON.stringify(model.definition.primaryKey.map((field) => plainValue(row[field])))
}

/**
 * The primary key that a cursor stands for.
 * @param caller for the error
 * @throws KmsEncryptedError `INVALID_CONFIGURATION` when it is none of this model
 */
export function readCursor(model: RecordModel, cursor: string, caller: string): Row {
  const { primaryKey } = model.definition
  const parts = parseList(cursor)
  const row = Object.fromEntries(
    primaryKey.map((field, index) => [field, typedValue(model, field, parts?.[index])]),
  )
  if (parts?.length === primaryKey.length && cursorOf(model, row) === cursor) return row
  throw invalidOptions(caller, `cursor: expected one of ${model.name}, as onProgress gives them`)
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return value // a Decimal has a JSON form of its own
}

/** With the type that Prisma gives the column. */
function typedValue(model: RecordModel, field: string, value: unknown): unknown {
  const type = model.definition.scalars[field]?.type
  if (typeof value !== 'string') return value
  if (type === 'BigInt') return /^-?\d+$/.test(value) ? BigInt(value) : value
  if (type === 'Bytes') return new Uint8Array(Buffer.from(value, 'base64'))
  if (type !== 'DateTime') return value
  const date = new Date(value)
  return Number.isNaN(date.getTime()) ? value : date
}

function parseList(cursor: string): readonly unknown[] | null {
  try {
    const parsed: unknown = JSON.parse(cursor)
    return Array.isArray(parsed) ? parsed : null
  } catch {
    return null
  }
}
