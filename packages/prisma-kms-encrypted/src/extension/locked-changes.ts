/** Changes existing records under locks: seals for each of their rows, and sends only if the keys still fit. */
import {
  placeNested,
  refuseAdditions,
  copyChange,
  primaryKeyOf,
  withConditions,
  withoutValues,
  type RowChange,
} from '../records/place-changes.js'
import type { Branch, NestedChange } from '../records/data-plan.js'
import { without, type OwnArgs } from '../records/arguments.js'
import { noRow } from '../records/row-filter.js'
import { noLateKeys } from '../records/rows.js'
import { refuseBatch } from './atomically.js'
import { writeConflict } from './conflicts.js'
import { sendAndSetKeys } from './late-records.js'
import { findTargets, lockTargets, sameRows, type Target } from './locked-targets.js'
import { sealNewRecords, type LateRecord } from './new-records.js'
import { sendOn, type Operation, type SentResult } from './operation.js'
import { delegateOf } from './prisma-internals.js'
import { unwrapResultKeys } from './result-keys.js'
import { sealRecords, settleRecords, type SealedRecord } from './sealed-records.js'
import { inOwnTransaction } from './transactions.js'

/** Attempts before giving up; each lost one means that another writer changed the rows between reading and locking. */
const maxAttempts = 10

/**
 * Sends an operation that changes encrypted fields of records which exist, in one transaction with the locks.
 * @throws KmsEncryptedError `WRITE_CONFLICT`, `UNSUPPORTED_IN_BATCH`, `UNSUPPORTED_OPERATION`
 */
export async function sendUnderLocks(operation: Operation): Promise<SentResult> {
  refuseBatch(operation, 'changing these records')
  if (operation.session.transaction) return lockThenSeal(operation)
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const fresh = operation.again()
    const targets = await findTargets(fresh)
    const sealed = await sealTargets(fresh, targets)
    const { base, config } = fresh.runtime
    // Committing a transaction that has only locked changes nothing, so a difference needs no rollback.
    const sent = await inOwnTransaction(base, config.transaction, async (own) => {
      const inside = fresh.within(own)
      await lockTargets(inside, targets)
      const now = await findTargets(inside)
      const settled = sameRows(targets, now) && (await settleRecords(inside, sealed.records, now))
      return settled ? deliver(inside, sealed) : null
    })
    if (sent) return sent
  }
  // Against so many others nothing is left but to keep them waiting while the key service answers.
  const { base, config } = operation.runtime
  return inOwnTransaction(base, config.transaction, (own) => lockThenSeal(operation.again().within(own)))
}

/** Inside the caller's transaction the locks come first, since nothing can be started again there. */
async function lockThenSeal(operation: Operation): Promise<SentResult> {
  let targets = await findTargets(operation)
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    await lockTargets(operation, targets)
    const now = await findTargets(operation)
    const settled = sameRows(targets, now)
    targets = now
    if (!settled) continue // rows that came to match meanwhile are not locked yet
    const sealed = await sealTargets(operation, targets)
    if (!(await settleRecords(operation, sealed.records, targets))) break
    return deliver(operation, sealed)
  }
  throw writeConflict(operation)
}

/** An operation's changes, sealed and in their places. */
interface SealedTargets {
  readonly records: readonly SealedRecord[]
  readonly late: readonly LateRecord[]
  /** The root records; `null`: the operation changes none. */
  readonly rootRows: readonly RowChange[] | null
}

/** Puts the changes of every row in their places and seals their values; wraps the keys of new records. */
async function sealTargets(operation: Operation, targets: readonly Target[]): Promise<SealedTargets> {
  const { plan } = operation
  const taken = new Map<OwnArgs, Branch['side']>()
  const changes: RowChange[] = []
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
    changes.push(...perRow)
    if (!nested) rootRows = perRow
    else {
      const side = placeNested(nested, perRow)
      if (side) taken.set(nested.site.item, side)
    }
  }
  const records = await sealRecords(operation, changes)
  const created = plan.created.filter((record) => happens(record.branches))
  const late = await sealNewRecords(operation, created)
  await unwrapResultKeys(operation)
  return { records, late, rootRows }
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

async function deliver(operation: Operation, { late, rootRows }: SealedTargets): Promise<SentResult> {
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
  return late.length > 0 ? sendAndSetKeys(operation, late, args) : sendOn(operation, args)
}

/** One statement per record, each with the caller's own condition besides. */
async function deliverMany(operation: Operation, rows: readonly RowChange[]): Promise<SentResult> {
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
  return { result: plan.returnsRows ? returned : { count }, shape: plan.shape, lateKeys: noLateKeys }
}
