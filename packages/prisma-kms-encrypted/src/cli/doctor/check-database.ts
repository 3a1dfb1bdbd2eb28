/** Compares the generated models with the tables: columns, types, lengths and indexes. */
import { OVERHEAD_BYTES } from '../../envelope/field-format.js'
import type { Runtime } from '../../extension/runtime.js'
import type { RecordModel } from '../../records/models.js'
import { errorParts } from '../report-error.js'
import { check, type Check, type Severity } from './check.js'
import { knowsCatalogue, readColumns, type DatabaseColumn, type DatabaseColumns } from './database-columns.js'

/** Prisma's types as the types of columns that hold them unchanged. */
const expectedTypes: Readonly<Record<'String' | 'Json' | 'Bytes', RegExp>> = {
  String:
    /^(text|tinytext|mediumtext|longtext|varchar|character varying|character|bpchar|char|citext|nvarchar)$/,
  Json: /^(jsonb?|longtext|text)$/,
  Bytes: /^(bytea|(tiny|medium|long)?blob|(var)?binary)$/,
}
/** A data key wrapped by AWS, with room for a second entry while it changes. */
const roomForKeys = 512
/** Base64 of 256 bits. */
const indexCharacters = 44

/** Checks every encrypted model; one row when nothing is wrong with it. */
export async function checkDatabase(runtime: Runtime, redact: (text: string) => string): Promise<Check[]> {
  if (!knowsCatalogue(runtime)) {
    const finding = `not checked: the catalogue of ${runtime.base._activeProvider} is not known`
    const fix = 'Compare the columns with the schema yourself.'
    return [check('Database', 'columns', 'WARN', 'database', finding, { fix })]
  }
  const checks: Check[] = []
  for (const model of runtime.models.values()) {
    if (!model.encrypted) continue
    try {
      checks.push(...checkModel(model, await readColumns(runtime, model)))
    } catch (error) {
      const fix = 'Check the connection and the rights of its user.'
      checks.push(about(model, 'columns', 'CRITICAL', model.name, errorParts(error, redact).message, fix))
    }
  }
  return checks
}

function checkModel(model: RecordModel, columns: DatabaseColumns): Check[] {
  if (columns.size === 0) {
    const table = [model.definition.schema, model.definition.table].filter((part) => part !== null).join('.')
    return [about(model, 'columns', 'CRITICAL', model.name, `the table ${table} is not there`, migrate)]
  }
  const problems = [
    ...[...model.fields.keys()].flatMap((field) => checkField(model, field, columns)),
    ...[...model.groups.values()].flatMap((group) => checkKeyColumn(model, group.column, columns)),
    ...model.indexes.flatMap((index) => checkIndex(model, index, columns)),
  ]
  if (problems.length > 0) return problems
  const count = model.fields.size
  const finding = `${count} encrypted ${count === 1 ? 'field' : 'fields'} in columns that hold them`
  return [about(model, 'columns', 'OK', model.name, finding, null)]
}

const migrate = 'Migrate the database to the schema.'

function checkField(model: RecordModel, name: string, columns: DatabaseColumns): Check[] {
  const place = `${model.name}.${name}`
  const definition = model.definition.encrypted[name]
  const found = definition && columns.get(definition.column)
  if (!definition || !found) return [missing(model, place, definition?.column ?? name)]
  const checks = checkType(model, place, definition.type, found)
  if (found.length !== null && (definition.capacity === null || found.length < definition.capacity)) {
    const expected = definition.capacity === null ? 'no limit' : `${definition.capacity}`
    const finding = `the column holds ${found.length} characters, the schema says ${expected}`
    checks.push(
      about(model, 'length', 'CRITICAL', place, `${finding}: longer values would be cut or refused`, migrate),
    )
  } else if (found.length !== null && roomIn(found.length) < 64) {
    const finding = `the column has room for ${Math.max(roomIn(found.length), 0)} bytes of plaintext`
    checks.push(about(model, 'length', 'WARN', place, finding, 'Use text, or a longer column.'))
  }
  if (found.unique) {
    const finding = 'a unique index on ciphertext: it enforces nothing and refuses long values'
    const fix = 'Drop the index; a unique blind index takes its place (docs/searching.md).'
    checks.push(about(model, 'unique-ciphertext', 'WARN', place, finding, fix))
  }
  return checks
}

/** Bytes of plaintext in a base64 column of this many characters. */
function roomIn(characters: number): number {
  return Math.floor(characters / 4) * 3 - OVERHEAD_BYTES
}

function checkKeyColumn(model: RecordModel, name: string, columns: DatabaseColumns): Check[] {
  const place = `${model.name}.${name}`
  const column = model.definition.scalars[name]?.column ?? name
  const found = columns.get(column)
  if (!found) return [missing(model, place, column)]
  const checks = checkType(model, place, 'String', found)
  if (found.length !== null && found.length < roomForKeys) {
    const finding = `the key column holds ${found.length} characters only`
    checks.push(about(model, 'length', 'CRITICAL', place, finding, 'Use text, or at least varchar(4096).'))
  }
  return checks
}

function checkIndex(
  model: RecordModel,
  { column: name, unique, field }: RecordModel['indexes'][number],
  columns: DatabaseColumns,
): Check[] {
  const place = `${model.name}.${name}`
  const column = model.definition.scalars[name]?.column ?? name
  const found = columns.get(column)
  if (!found) return [missing(model, place, column)]
  const checks = checkType(model, place, 'String', found)
  if (found.length !== null && found.length < indexCharacters) {
    const finding = `the index column holds ${found.length} of ${indexCharacters} characters`
    checks.push(about(model, 'length', 'CRITICAL', place, finding, 'Use text.'))
  }
  if (unique && !found.unique) {
    const finding = `not unique in the database, so that equal values of ${field.name} are accepted`
    checks.push(about(model, 'unique-index', 'CRITICAL', place, finding, migrate))
  } else if (!found.indexed) {
    const finding = 'the database has no index on it: each search reads the whole table'
    checks.push(about(model, 'search-index', 'WARN', place, finding, `Add @@index([${name}]) and migrate.`))
  }
  return checks
}

function checkType(
  model: RecordModel,
  place: string,
  type: 'String' | 'Json' | 'Bytes',
  found: DatabaseColumn,
): Check[] {
  if (expectedTypes[type].test(found.type)) return []
  const finding = `the column is ${found.type}, which does not hold a ${type} unchanged`
  return [about(model, 'type', 'CRITICAL', place, finding, migrate)]
}

function missing(model: RecordModel, place: string, column: string): Check {
  return about(model, 'columns', 'CRITICAL', place, `the column ${column} is not there`, migrate)
}

function about(
  model: RecordModel,
  id: string,
  severity: Severity,
  subject: string,
  finding: string,
  fix: string | null,
): Check {
  return check('Database', id, severity, subject, finding, { fix, models: [model.name] })
}
