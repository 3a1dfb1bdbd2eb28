/** Changes columns of many rows with one statement, each row only if what was read of it is still stored. */
import { isDeepStrictEqual } from 'node:util'

import { untouched } from '../extension/key-column-writes.js'
import { asWriteConflict, delegateOf, isPrismaError, type SideClient } from '../extension/prisma-internals.js'
import { lockRows } from '../extension/row-lock.js'
import type { Runtime } from '../extension/runtime.js'
import { columnIdentifier, jsonRow, qualifiedTable } from '../extension/sql.js'
import { inOwnTransaction } from '../extension/transactions.js'
import { anyNull } from '../records/arguments.js'
import type { UnknownValues } from '../records/kept-entries.js'
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { primaryKeyOf } from '../records/place-changes.js'
import { findUnknownValues } from './unknown-values.js'

/** What is to be written into one row. */
export interface RowChange {
  /** The row as read: its primary key, the guarded columns and those that Prisma would touch by itself. */
  readonly row: Row
  /** Columns that must still hold what {@link row} has. */
  readonly guards: readonly string[]
  /** PostgreSQL's `xmin` of the row as read, which guards on all of it. */
  readonly version?: string
  /** Whether unique indexes may get values that they do not have yet. */
  readonly newIndexes?: boolean
  /** What looked encrypted in columns unknown here; where there is no `version`, it must be the same under the lock. */
  readonly elsewhere?: UnknownValues
  /** New values by field name, as they are stored. */
  readonly set: Row
}

/** What came of one change: written; not written, because others hold or have changed the row; refused by the database. */
export type WriteOutcome = 'written' | 'lost' | 'refused'

/**
 * Writes what still applies; everything else in the rows, `@updatedAt` too, stays. Rows are locked in the order of their
 * ids and never waited for, so that no deadlock comes from here.
 * @param locked the client of a transaction that has locked the rows; `null`: none has
 * @returns per change what came of it; `refused`: a unique index has its new value already
 */
export async function writeChanges(
  runtime: Runtime,
  model: RecordModel,
  changes: readonly RowChange[],
  locked: SideClient | null = null,
): Promise<readonly WriteOutcome[]> {
  if (changes.length === 0) return []
  const client = locked ?? runtime.base
  try {
    if (runtime.base._activeProvider === 'postgresql')
      return await writeTogether(client, runtime.schema, model, changes)
    const outcomes: WriteOutcome[] = []
    for (const change of changes) {
      const looks = !locked && change.elsewhere !== undefined && !model.exclusive
      outcomes.push(
        await (looks ? writeUnderLock(runtime, model, change) : writeAlone(client, model, change)),
      )
    }
    return outcomes
  } catch (error) {
    if (isPrismaError(asWriteConflict(error), 'P2034')) return changes.map(() => 'lost')
    if (!isUniqueViolation(error)) throw error
    if (changes.length === 1) return ['refused']
    const outcomes: WriteOutcome[] = []
    for (const change of changes) outcomes.push(...(await writeChanges(runtime, model, [change])))
    return outcomes
  }
}

async function writeTogether(
  client: SideClient,
  schema: string | null,
  model: RecordModel,
  changes: readonly RowChange[],
): Promise<readonly WriteOutcome[]> {
  const table = qualifiedTable(model, schema)
  const keys = model.definition.primaryKey.map((field) => columnIdentifier(model, field))
  const sameRow = (one: string, other: string) =>
    keys.map((key) => `${one}.${key} = ${other}.${key}`).join(' AND ')
  const guards = namesIn(changes, ({ guards: names }) => names).map((field) => {
    const name = columnIdentifier(model, field)
    return `(NOT v.guard ? ${literal(columnName(model, field))} OR ${comparable(model, field, `t.${name}`)} IS NOT DISTINCT FROM ${comparable(model, field, `g.${name}`)})`
  })
  const sets = namesIn(changes, ({ set }) => Object.keys(set)).map((field) => {
    const name = columnIdentifier(model, field)
    return `${name} = CASE WHEN h.set ? ${literal(columnName(model, field))} THEN s.${name} ELSE t.${name} END`
  })
  // A new value in a unique index takes the stronger lock anyway, and would wait for it once others hold theirs.
  const strength = changes.some(({ newIndexes }) => newIndexes === true) ? 'UPDATE' : 'NO KEY UPDATE'
  // The row type of the table itself gives every value its column's own type, whatever that is. Child rows may be added
  // beside this lock, and their writers do not make it skip the row.
  const sql = `WITH v AS MATERIALIZED (
  SELECT e.ordinality AS n, e.value->'guard' AS guard, e.value->'set' AS set, e.value->>'version' AS version, ${keys.map((key) => `i.${key}`).join(', ')}
  FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY e, LATERAL jsonb_populate_record(NULL::${table}, e.value->'id') i
), h AS MATERIALIZED (
  SELECT v.n, v.set, ${keys.map((key) => `t.${key}`).join(', ')}
  FROM ${table} t JOIN v ON ${sameRow('t', 'v')}, LATERAL jsonb_populate_record(NULL::${table}, v.guard) g
  WHERE ${['(v.version IS NULL OR t.xmin::text = v.version)', ...guards].join(' AND ')}
  ORDER BY ${keys.map((key) => `t.${key}`).join(', ')} FOR ${strength} OF t SKIP LOCKED
)
UPDATE ${table} t SET ${sets.join(', ')}
FROM h, LATERAL jsonb_populate_record(NULL::${table}, h.set) s
WHERE ${sameRow('t', 'h')} RETURNING h.n::integer AS n`
  const parameter = JSON.stringify(
    changes.map(({ row, guards: names, version, set }) => ({
      version,
      id: jsonRow(model, model.definition.primaryKey, row),
      guard: jsonRow(model, names, row),
      set: jsonRow(model, Object.keys(set), set),
    })),
  )
  const rows = await client.$queryRawUnsafe(sql, parameter)
  const written = new Set(rows.map((row) => Number(row['n'])))
  return changes.map((_, index) => (written.has(index + 1) ? 'written' : 'lost'))
}

/** Json columns as text, both nulls alike: type json cannot be compared, and Prisma reads both nulls as one. */
function comparable(model: RecordModel, field: string, column: string): string {
  return model.definition.scalars[field]?.type === 'Json' ? `nullif(${column}::text, 'null')` : column
}

function columnName(model: RecordModel, field: string): string {
  return model.definition.scalars[field]?.column ?? field
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

function namesIn(
  changes: readonly RowChange[],
  names: (change: RowChange) => readonly string[],
): readonly string[] {
  return [...new Set(changes.flatMap(names))]
}

/** Where there is no statement of our own, Prisma's: guarding on the `@updatedAt` columns too keeps a newer value from being set back. */
async function writeAlone(client: SideClient, model: RecordModel, change: RowChange): Promise<WriteOutcome> {
  const { row, guards, set } = change
  const { count } = await delegateOf(client, model.delegate).updateMany({
    where: {
      ...primaryKeyOf(model, row),
      ...untouched(model, row),
      ...Object.fromEntries(guards.flatMap((field) => stillHolds(model, field, row[field] ?? null))),
    },
    data: { ...set, ...untouched(model, row) },
  })
  return count === 1 ? 'written' : 'lost'
}

/** As {@link writeAlone}, if no deployment that knows more fields has written one of them since the row was looked at. */
async function writeUnderLock(
  runtime: Runtime,
  model: RecordModel,
  change: RowChange,
): Promise<WriteOutcome> {
  return inOwnTransaction(runtime.base, runtime.config.transaction, async (session) => {
    await lockRows(runtime, session, model, [change.row])
    const [now] = await findUnknownValues(runtime, session.client, model, [change.row])
    if (!isDeepStrictEqual(now?.values, change.elsewhere)) return 'lost'
    return writeAlone(session.client, model, change)
  })
}

/** Nothing for a required column, which cannot be null: Prisma refuses the comparison. */
function stillHolds(model: RecordModel, field: string, value: unknown): readonly [string, unknown][] {
  const scalar = model.definition.scalars[field]
  if (value === null && scalar?.required) return []
  return [[field, scalar?.type === 'Json' ? { equals: value ?? anyNull } : value]]
}

/** PostgreSQL's SQLSTATE of a unique violation (appendix A), or Prisma's code for its own statements. */
function isUniqueViolation(error: unknown): boolean {
  if (isPrismaError(error, 'P2002')) return true
  if (!isPrismaError(error, 'P2010')) return false
  const { meta } = error as { meta?: unknown }
  return `${error.message} ${JSON.stringify(meta)}`.includes('23505')
}
