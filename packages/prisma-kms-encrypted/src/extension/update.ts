/** Updates one record: under a guard where one statement is enough, otherwise under locks. */
import type { OwnArgs } from '../records/arguments.js'
import { isArgs } from '../records/arguments.js'
import { identityOf } from '../records/context.js'
import {
  dropsEntries,
  replacesEverything,
  sealChanges,
  sealingGroups,
  siblingsToRead,
} from '../records/change-keys.js'
import { keysOf } from '../records/row-keys.js'
import { sealedText, type Row } from '../records/rows.js'
import { withConditions, withoutValues } from '../records/place-changes.js'
import type { ChangedRecord } from '../records/data-plan.js'
import { noRow, plainWhere } from '../records/row-filter.js'
import { selectKeys } from '../records/select-keys.js'
import type { CanonicalForm } from '../schema/model.js'
import { writeConflict } from './conflicts.js'
import { reportsLostUpdates } from './dialects/find-dialect.js'
import { sendWithLateKeys } from './late-records.js'
import { sendUnderLocks } from './locked-changes.js'
import { sealNewRecords } from './new-records.js'
import { sendOn, type Operation, type SentResult } from './operation.js'
import { delegateOf, isPrismaError } from './prisma-internals.js'
import { unwrapConnectedKeys, unwrapResultKeys } from './result-keys.js'

/** Attempts of a guarded update; each lost one means that another writer has changed the record's key meanwhile. */
const maxAttempts = 10

/** Sends an `update`, with its new values sealed under the record's own data keys. */
export async function sendUpdate(operation: Operation): Promise<SentResult> {
  const { changed, nested, created } = operation.plan
  const replaced = changed && nested.length === 0 ? replacedRecord(operation, changed) : null
  if (nested.length > 0 || (changed && !replaced && !canGuard(operation))) return sendUnderLocks(operation)
  const late = await sealNewRecords(operation, created)
  if (!changed) {
    await unwrapResultKeys(operation)
    return late.length > 0 ? sendWithLateKeys(operation, late) : sendOn(operation)
  }
  if (late.length > 0) return sendUnderLocks(operation)
  return replaced ? replaceValues(operation, changed, replaced) : updateUnderGuard(operation, changed)
}

/** Ids that a `where` names in the very form in which they are stored; text may be compared without regard to case. */
const exactForms: ReadonlySet<CanonicalForm> = new Set(['integer', 'uuid', 'boolean', 'datetime', 'bytes'])

/**
 * The record as its `where` identifies it, for a change that needs nothing else of it: a full write of a table that no
 * other deployment writes. `null`: the record has to be read.
 */
function replacedRecord({ plan }: Operation, changed: ChangedRecord): Row | null {
  const { model } = plan
  if (!replacesEverything(changed)) return null
  const exact = model.definition.contextId.every(({ canonical }) => exactForms.has(canonical))
  if (!exact || sealingGroups(changed).some((group) => group.config.contextColumns.length > 0)) return null
  const row = { ...plainWhere(model, plan.args['where']) }
  return identityOf(model, row) ? row : null
}

/** Replaces all values of the record together with their keys: whoever else writes it does so before or after. */
async function replaceValues(operation: Operation, changed: ChangedRecord, row: Row): Promise<SentResult> {
  const { plan, ring, call, runtime } = operation
  await sealChanges([changed], row, ring, call)
  const own = new Set(sealingGroups(changed).flatMap((group) => [group.column, ...group.contextFields]))
  const shown = selectKeys(plan.model, plan.args, runtime.globalOmit)
  if (shown && Object.keys(shown).some((name) => !own.has(name))) await unwrapResultKeys(operation)
  else await unwrapConnectedKeys(operation)
  return sendOn(operation)
}

/** Whether a lost guard ends the operation alone, and is noticed. */
function canGuard({ session, runtime }: Operation): boolean {
  return session.transaction?.kind !== 'itx' && reportsLostUpdates(runtime.base._activeProvider)
}

async function updateUnderGuard(operation: Operation, changed: ChangedRecord): Promise<SentResult> {
  const { plan, ring, call } = operation
  let previous: Row | null = null
  let miss: Error | null = null
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const row = await readCurrent(operation, changed).catch(unlessInvalid)
    if (!row) {
      if (miss) throw miss
      // Prisma reports the missing record, or the invalid `where`, in its own words.
      const where = withConditions(plan.args['where'], [noRow(plan.model)])
      return sendOn(operation, { ...plan.args, where, data: withoutValues(changed) })
    }
    if (previous && sameKeys(changed, previous, row))
      throw (hasNestedWrites(changed) && miss) || writeConflict(operation)
    // Under a lock, fresh keys stand beside whatever other writers have added meanwhile: nothing starts again.
    const contended = attempt > 0 && sealingGroups(changed).some((group) => group.config.freshKeys)
    if (contended || dropsEntries(changed, row)) return sendUnderLocks(operation)
    if (attempt === 0) await unwrapConnectedKeys(operation)
    const { guards } = await sealChanges([changed], row, ring, call)
    if (selectKeys(plan.model, plan.args, operation.runtime.globalOmit))
      await ring.unwrap(keysOf(plan.model, row), call)
    try {
      return await sendOn(operation, {
        ...plan.args,
        where: withConditions(plan.args['where'], guards),
      })
    } catch (error) {
      if (!isPrismaError(error, 'P2025') || operation.session.transaction) throw error
      previous = row
      miss = error
    }
  }
  if (operation.runtime.dialect) return sendUnderLocks(operation)
  throw writeConflict(operation)
}

/** Reads the record as the change needs it, and the keys that the result needs; a second read only for siblings. */
async function readCurrent(operation: Operation, changed: ChangedRecord): Promise<Row | null> {
  const { plan, session, runtime } = operation
  const columns = sealingGroups(changed).map((group) => group.column)
  const select: OwnArgs = { ...selectKeys(plan.model, plan.args, runtime.globalOmit) }
  const { primaryKey } = plan.model.definition
  for (const name of [...primaryKey, ...plan.model.contextFields, ...columns]) select[name] = true
  const delegate = delegateOf(session.client, plan.model.delegate)
  const query = { where: plan.args['where'], select }
  const row = await delegate.findUnique(query)
  const siblings = row && !replacesEverything(changed) ? siblingsToRead(changed, row) : []
  if (siblings.length === 0) return row
  for (const field of siblings) select[field.name] = true
  return delegate.findUnique(query)
}

/** A `where` that Prisma refuses finds nothing, so that the operation itself is what gets refused. */
function unlessInvalid(error: unknown): null {
  if (error instanceof Error && error.name === 'PrismaClientValidationError') return null
  throw error
}

function sameKeys(changed: ChangedRecord, before: Row, now: Row): boolean {
  return sealingGroups(changed).every((group) =>
    [group.column, ...group.model.definition.primaryKey, ...group.fields.map(({ name }) => name)].every(
      (name) => sealedText(before[name]) === sealedText(now[name]),
    ),
  )
}

function hasNestedWrites({ model, data }: ChangedRecord): boolean {
  return Object.keys(model.definition.relations).some((name) => isArgs(data[name]))
}
