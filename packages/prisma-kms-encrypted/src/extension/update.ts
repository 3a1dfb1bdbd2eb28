/** Updates one record: under a guard outside transactions, under a lock inside them. */
import { KmsEncryptedError } from '../errors.js'
import { asList, isArgs, type Args, type OwnArgs } from '../records/arguments.js'
import { sealChange, sealingGroups, siblingsToRead } from '../records/change-keys.js'
import { keysOf, type Row } from '../records/open-rows.js'
import type { ChangedRecord } from '../records/plan-data.js'
import { selectKeys } from '../records/select-keys.js'
import { atomically } from './atomically.js'
import { sendAndSetKeys, sendWithLateKeys, type LateResult } from './late-records.js'
import { sealNewRecords, type LateRecord } from './new-records.js'
import type { Operation } from './operation.js'
import { delegateOf, isPrismaError } from './prisma-internals.js'
import { lockRows } from './row-lock.js'

/** Attempts of a guarded update; each lost one means that another writer has changed the record's key meanwhile. */
const maxAttempts = 10

/** Sends an `update`, with its new values sealed under the record's own data keys. */
export async function sendUpdate(operation: Operation): Promise<LateResult> {
  const late = await sealNewRecords(operation)
  const { changed } = operation.plan
  const { transaction } = operation.session
  if (!changed || sealingGroups(changed).length === 0) {
    await unwrapResultKeys(operation)
    return late.length > 0 ? sendWithLateKeys(operation, late) : sent(operation, operation.plan.args)
  }
  if (late.length > 0 || transaction?.kind === 'itx') {
    return atomically(operation, 'this update', (inside) => updateUnderLock(inside, changed, late))
  }
  return updateUnderGuard(operation, changed)
}

/**
 * Unwraps, before a write is sent, the keys that its result will need: a denied Decrypt must not follow a commit.
 * @throws KmsEncryptedError `DECRYPTION_FAILED`, `KMS_…`
 */
export async function unwrapResultKeys(operation: Operation): Promise<void> {
  const { plan, session, runtime, ring, call } = operation
  if (!plan.returnsRows) return
  const select = selectKeys(plan.model, plan.given, runtime.globalOmit)
  if (!select) return
  const row = await delegateOf(session.client, plan.model.delegate).findUnique({
    where: plan.args['where'],
    select,
  })
  await ring.unwrap(keysOf(plan.model, row), call)
}

async function updateUnderGuard(operation: Operation, changed: ChangedRecord): Promise<LateResult> {
  const { plan, ring, call } = operation
  let previous: Row | null = null
  let miss: unknown = null
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const row = await readCurrent(operation, changed)
    if (!row) {
      if (miss) throw miss
      return sent(operation, missingRecord(plan.args, changed))
    }
    if (previous && sameKeys(changed, previous, row))
      throw hasNestedWrites(changed) ? miss : writeConflict(operation)
    const guards = await sealChange(changed, row, ring, call)
    await ring.unwrap(keysOf(plan.model, row), call)
    try {
      return await sent(operation, { ...plan.args, where: narrowed(plan.args['where'], guards) })
    } catch (error) {
      if (!isPrismaError(error, 'P2025') || operation.session.transaction) throw error
      previous = row
      miss = error
    }
  }
  throw writeConflict(operation)
}

async function updateUnderLock(
  operation: Operation,
  changed: ChangedRecord,
  late: readonly LateRecord[],
): Promise<LateResult> {
  const { plan, ring, call, runtime, session } = operation
  const found = await readCurrent(operation, changed, plan.model.definition.primaryKey)
  const [locked] = found ? await lockRows(runtime, session, plan.model, [found]) : []
  if (!found || !locked) return sendAndSetKeys(operation, late, missingRecord(plan.args, changed))
  const siblings = await readSiblings(operation, changed, { ...found, ...locked })
  if (!siblings) return sendAndSetKeys(operation, late, missingRecord(plan.args, changed))
  const row: Row = { ...found, ...locked, ...siblings }
  await sealChange(changed, row, ring, call)
  await ring.unwrap(keysOf(plan.model, row), call)
  return late.length > 0 ? sendAndSetKeys(operation, late, plan.args) : sent(operation, plan.args)
}

/** Reads the record as the change needs it, and the keys that the result needs; a second read only for siblings. */
async function readCurrent(
  operation: Operation,
  changed: ChangedRecord,
  extra: readonly string[] = [],
): Promise<Row | null> {
  const { plan, session, runtime } = operation
  const columns = sealingGroups(changed).map((group) => group.column)
  const select: OwnArgs = { ...selectKeys(plan.model, plan.given, runtime.globalOmit) }
  for (const name of [...plan.model.contextFields, ...columns, ...extra]) select[name] = true
  const delegate = delegateOf(session.client, plan.model.delegate)
  const row = await delegate.findUnique({ where: plan.args['where'], select })
  if (!row || extra.length > 0) return row
  const siblings = siblingsToRead(changed, row)
  if (siblings.length === 0) return row
  for (const field of siblings) select[field.name] = true
  return delegate.findUnique({ where: plan.args['where'], select })
}

/** The siblings of a locked row; `null`: the caller's `where` no longer finds it. */
async function readSiblings(operation: Operation, changed: ChangedRecord, row: Row): Promise<Row | null> {
  const siblings = siblingsToRead(changed, row)
  if (siblings.length === 0) return {}
  const { plan, session } = operation
  const select = Object.fromEntries(siblings.map((field) => [field.name, true]))
  return delegateOf(session.client, plan.model.delegate).findUnique({ where: plan.args['where'], select })
}

async function sent(operation: Operation, args: Args): Promise<LateResult> {
  return { result: await operation.send(args), shape: operation.plan.shape, lateKeys: new Map() }
}

/** The caller's own `where`, and these conditions besides. */
function narrowed(where: unknown, conditions: readonly Args[]): Args {
  const own = isArgs(where) ? where : {}
  return { ...own, AND: [...asList(own['AND']), ...conditions] }
}

/** Arguments that let Prisma report the missing record in its own words, and write nothing should it appear meanwhile. */
function missingRecord(args: Args, changed: ChangedRecord): Args {
  const data: OwnArgs = { ...changed.data }
  for (const [group, { slots }] of changed.groups) {
    Reflect.deleteProperty(data, group.column)
    for (const { field } of slots) Reflect.deleteProperty(data, field.name)
  }
  return { ...args, where: narrowed(args['where'], [{ OR: [] }]), data }
}

function sameKeys(changed: ChangedRecord, before: Row, now: Row): boolean {
  return sealingGroups(changed).every((group) =>
    [group.column, ...group.fields.map((field) => field.name)].every((name) => before[name] === now[name]),
  )
}

function hasNestedWrites({ model, data }: ChangedRecord): boolean {
  return Object.keys(model.definition.relations).some((name) => isArgs(data[name]))
}

function writeConflict({ plan }: Operation): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'WRITE_CONFLICT',
    message: `${plan.model.name}.${plan.operation}: other writers kept changing the record's keys`,
    why: 'The new values were sealed under a key that was no longer the stored one when the update arrived.',
    fix: 'Run the operation again; nothing was written.',
  })
}
