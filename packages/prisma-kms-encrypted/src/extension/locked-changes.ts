/** Changes existing records under locks: finds their rows, seals for each, and sends only if nothing changed meanwhile. */
import { sealChange, sealingGroups, siblingsToRead } from '../records/change-keys.js'
import {
  placeNested,
  refuseAdditions,
  copyChange,
  primaryKeyOf,
  withConditions,
  withoutValues,
  type RowChange,
} from '../records/place-changes.js'
import { sealedText, type Row } from '../records/open-rows.js'
import type { Branch, ChangedRecord, NestedChange } from '../records/data-plan.js'
import { without, type Args, type OwnArgs } from '../records/arguments.js'
import type { RecordModel } from '../records/models.js'
import { noRow, plainWhere } from '../records/row-filter.js'
import { refuseBatch } from './atomically.js'
import { writeConflict } from './conflicts.js'
import { sendAndSetKeys, type LateResult } from './late-records.js'
import { sealNewRecords, type LateRecord } from './new-records.js'
import type { Operation } from './operation.js'
import { delegateOf } from './prisma-internals.js'
import { unwrapResultKeys } from './result-keys.js'
import { lockRows } from './row-lock.js'
import { inOwnTransaction } from './transactions.js'

/** Attempts before giving up; each lost one means that another writer changed the rows between reading and locking. */
const maxAttempts = 10

/** A change and the rows that it is for. */
interface Target {
  readonly changed: ChangedRecord
  /** `null`: the root of the operation. */
  readonly nested: NestedChange | null
  readonly rows: readonly Row[]
}

/**
 * Sends an operation that changes encrypted fields of records which exist, in one transaction with the locks.
 * @throws KmsEncryptedError `WRITE_CONFLICT`, `UNSUPPORTED_IN_BATCH`, `UNSUPPORTED_OPERATION`
 */
export async function sendUnderLocks(operation: Operation): Promise<LateResult> {
  refuseBatch(operation, 'changing these records')
  if (operation.session.transaction) return lockThenSeal(operation)
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const fresh = operation.again()
    const targets = await findTargets(fresh)
    const { late, rootRows } = await sealTargets(fresh, targets)
    const { base, config } = fresh.runtime
    // Committing a transaction that has only locked changes nothing, so a difference needs no rollback.
    const sent = await inOwnTransaction(base, config.transaction, async (own) => {
      const inside = fresh.within(own)
      await lockTargets(inside, targets)
      return sameTargets(targets, await findTargets(inside)) ? deliver(inside, late, rootRows) : null
    })
    if (sent) return sent
  }
  throw writeConflict(operation)
}

/** Inside the caller's transaction the locks come first, since nothing can be started again there. */
async function lockThenSeal(operation: Operation): Promise<LateResult> {
  let targets = await findTargets(operation)
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    await lockTargets(operation, targets)
    const now = await findTargets(operation)
    const settled = sameRows(targets, now)
    targets = now
    if (!settled) continue // rows that came to match meanwhile are not locked yet
    const { late, rootRows } = await sealTargets(operation, targets)
    return deliver(operation, late, rootRows)
  }
  throw writeConflict(operation)
}

async function findTargets(operation: Operation): Promise<readonly Target[]> {
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

/** Seals the values for every row and puts them in their places; wraps the keys of new records. */
async function sealTargets(
  operation: Operation,
  targets: readonly Target[],
): Promise<{ late: readonly LateRecord[]; rootRows: readonly RowChange[] | null }> {
  const { ring, call, plan } = operation
  const taken = new Map<OwnArgs, Branch['side']>()
  let rootRows: readonly RowChange[] | null = null
  const happens = (branches: readonly Branch[]) =>
    branches.every(({ item, side }) => (taken.get(item) ?? side) === side)
  // Upserts come before the changes inside their branches, of which one does not happen.
  const depth = ({ nested }: Target) => nested?.branches.length ?? 0
  const inOrder = [...targets].sort((a, b) => depth(a) - depth(b))
  for (const { changed, nested, rows } of inOrder) {
    if (nested && !happens(nested.branches)) continue
    if (nested?.site.verb === 'update' && rows.length === 0) await reportMissing(operation, nested)
    const perRow = rows.map((row) => ({ row, changed: copyChange(changed) }))
    await Promise.all(perRow.map((own) => sealChange(own.changed, own.row, ring, call)))
    if (!nested) rootRows = perRow
    else {
      const side = placeNested(nested, perRow)
      if (side) taken.set(nested.site.item, side)
    }
  }
  const created = plan.created.filter((record) => happens(record.branches))
  const late = await sealNewRecords(operation, created)
  await unwrapResultKeys(operation)
  return { late, rootRows }
}

/**
 * Reports a record that a nested update does not find, as Prisma does: P2025. Sending the update nevertheless would be
 * no way to learn it, since a statement that is to find nothing must not be trusted with data.
 */
async function reportMissing({ session }: Operation, nested: NestedChange): Promise<never> {
  refuseAdditions(nested)
  const { model } = nested.changed
  const where = { AND: [nested.filter, noRow(model)] }
  await delegateOf(session.client, model.delegate).findFirstOrThrow({ where })
  throw new TypeError('no record can satisfy this filter')
}

/** Locks the rows of all targets, the models in one order everywhere. */
async function lockTargets({ runtime, session }: Operation, targets: readonly Target[]): Promise<void> {
  const byModel = new Map<RecordModel, Row[]>()
  for (const { changed, rows } of targets) {
    byModel.set(changed.model, [...(byModel.get(changed.model) ?? []), ...rows])
  }
  const models = [...byModel.keys()].sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const model of models) {
    const rows = byModel.get(model) ?? []
    if (rows.length > 0) await lockRows(runtime, session, model, rows)
  }
}

function sameTargets(before: readonly Target[], now: readonly Target[]): boolean {
  return before.every(({ rows }, index) => sameText(rows) === sameText(now[index]?.rows ?? []))
}

function sameRows(before: readonly Target[], now: readonly Target[]): boolean {
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

async function deliver(
  operation: Operation,
  late: readonly LateRecord[],
  rootRows: readonly RowChange[] | null,
): Promise<LateResult> {
  const { plan } = operation
  if (plan.kind === 'updateMany') return deliverMany(operation, rootRows ?? [])
  const args: OwnArgs = { ...plan.args }
  if (rootRows && plan.changed) {
    const [root] = rootRows
    args['data'] = root ? root.changed.data : withoutValues(plan.changed)
    args['where'] = withConditions(args['where'], [
      root ? primaryKeyOf(plan.model, root.row) : noRow(plan.model),
    ])
  }
  if (late.length > 0) return sendAndSetKeys(operation, late, args)
  return { result: await operation.send(args), shape: plan.shape, lateKeys: new Map() }
}

/** One statement per record, each with the caller's own condition besides. */
async function deliverMany(operation: Operation, rows: readonly RowChange[]): Promise<LateResult> {
  const { plan } = operation
  const args = without(plan.args, 'limit')
  const returned: unknown[] = []
  let count = 0
  for (const { row, changed } of rows) {
    const where = { AND: [args['where'] ?? {}, primaryKeyOf(plan.model, row)] }
    const result = await operation.send({ ...args, where, data: changed.data })
    if (Array.isArray(result)) returned.push(...(result as unknown[]))
    else count += (result as { count: number }).count // Prisma's answer to updateMany
  }
  return { result: plan.returnsRows ? returned : { count }, shape: plan.shape, lateKeys: new Map() }
}
