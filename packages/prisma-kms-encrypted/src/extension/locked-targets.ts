/** Finds and locks the rows that the changes of one operation are for. */
import type { Args, OwnArgs } from '../records/arguments.js'
import { sealingGroups, siblingsToRead } from '../records/change-keys.js'
import type { ChangedRecord, NestedChange } from '../records/data-plan.js'
import { groupBy } from '../records/group-by.js'
import { sealedText, type Row } from '../records/rows.js'
import { primaryKeyOf } from '../records/place-changes.js'
import { plainWhere } from '../records/row-filter.js'
import type { Operation } from './operation.js'
import { delegateOf } from './prisma-internals.js'
import { lockRows } from './row-lock.js'

/** A change and the rows that it is for. */
export interface Target {
  readonly changed: ChangedRecord
  /** `null`: the root of the operation. */
  readonly nested: NestedChange | null
  readonly rows: readonly Row[]
}

/** Looks for the rows of every change that the operation plans, with their keys. */
export async function findTargets(operation: Operation): Promise<readonly Target[]> {
  const { plan } = operation
  const targets: Target[] = []
  if (plan.changed) {
    const { where, limit } = plan.args
    const filter = plan.kind === 'update' ? plainWhere(plan.model, where) : (where as Args | undefined)
    const rows = await findRows(operation, plan.changed, filter ?? {}, limit)
    targets.push({ changed: plan.changed, nested: null, rows })
  }
  for (const nested of plan.nested) {
    const rows = await findRows(operation, nested.changed, nested.filter)
    targets.push({ changed: nested.changed, nested, rows })
  }
  return targets
}

/** The rows with their ids and keys, and where new keys must be made also the values that the stored ones serve. */
async function findRows(
  { session }: Operation,
  changed: ChangedRecord,
  filter: Args,
  limit?: unknown,
): Promise<readonly Row[]> {
  const { model } = changed
  const delegate = delegateOf(session.client, model.delegate)
  const columns = sealingGroups(changed).map((group) => group.column)
  const select: OwnArgs = {}
  for (const name of [...model.definition.primaryKey, ...model.contextFields, ...columns]) select[name] = true
  const orderBy = model.definition.primaryKey.map((field) => ({ [field]: 'asc' }))
  const query = { where: filter, select, orderBy, ...(typeof limit === 'number' ? { take: limit } : {}) }
  const rows = await delegate.findMany(query)
  const siblings = new Set(rows.flatMap((row) => siblingsToRead(changed, row)))
  if (siblings.size === 0) return rows
  for (const field of siblings) select[field.name] = true
  return delegate.findMany(query)
}

/** Locks the rows of all targets, the models in one order everywhere. */
export async function lockTargets(
  { runtime, session }: Operation,
  targets: readonly Target[],
): Promise<void> {
  const byModel = groupBy(targets, ({ changed }) => changed.model)
  const sorted = [...byModel].sort(([a], [b]) => (a.name < b.name ? -1 : 1))
  for (const [model, own] of sorted) {
    const rows = own.flatMap((target) => target.rows)
    if (rows.length > 0) await lockRows(runtime, session, model, rows)
  }
}

/** Whether each change is still for the same records. */
export function sameRows(before: readonly Target[], now: readonly Target[]): boolean {
  const ids = ({ changed, rows }: Target) =>
    sameText(rows.map((row) => ({ ...primaryKeyOf(changed.model, row) })))
  return before.every((target, index) => now[index] && ids(target) === ids(now[index]))
}

/** Rows as comparable text; both sides were read with the same columns in the same order. */
function sameText(rows: readonly Row[]): string {
  return JSON.stringify(rows, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}n` : sealedText(value),
  )
}
