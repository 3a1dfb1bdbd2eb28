/** Checks, before a write by an indexed field, that the record which the index finds really holds the value. */
import type { IndexKeys } from '../records/index-keys.js'
import { openRows } from '../records/open-rows.js'
import { primaryKeyOf, withConditions } from '../records/place-changes.js'
import { checkColumns } from '../records/plan-selection.js'
import type { Operation } from './operation.js'
import { delegateOf } from './prisma-internals.js'

/**
 * Reads the one record that an `update`, `delete` or `upsert` finds through a blind index, and checks the index.
 * @throws KmsEncryptedError `INDEX_MISMATCH`; what opening the field throws
 */
export async function checkFoundRecord(operation: Operation): Promise<void> {
  const { plan, session, ring, call } = operation
  const uses = plan.uses.filter(({ index }) => index.verify)
  const one = plan.kind === 'update' || plan.kind === 'delete' || plan.kind === 'upsert'
  if (uses.length === 0 || !one) return
  const { primaryKey } = plan.model.definition
  const columns = [...primaryKey, ...uses.flatMap(({ index }) => checkColumns(index))]
  const select = Object.fromEntries(columns.map((name) => [name, true]))
  const row = await delegateOf(session.client, plan.model.delegate).findUnique({
    where: plan.args['where'],
    select,
  })
  if (!row) return
  const shape = { added: [], conceal: false, uses, relations: {} }
  await openRows(plan.model, row, shape, ring, call, undefined, plan.indexKeys)
  // From here on the write is for this row, whoever moves the index meanwhile.
  plan.args['where'] = withConditions(plan.args['where'], [primaryKeyOf(plan.model, row)])
}

/**
 * While rows move from one index key to the next, finds out under which of them the one row that the operation names is
 * stored. Costs a read for each version but the last.
 * @returns the operation planned with that version alone; with the current one when there is no such row
 */
export async function settleVersion(operation: Operation): Promise<Operation> {
  const { plan, session } = operation
  if (plan.uses.length === 0) return operation
  const select = Object.fromEntries(plan.model.definition.primaryKey.map((field) => [field, true]))
  for (const version of plan.indexKeys?.versions ?? []) {
    const { where } = operation.again(undefined, undefined, version).plan.args
    const row = await delegateOf(session.client, plan.model.delegate).findUnique({ where, select })
    if (row) return operation.again(undefined, undefined, withCurrentWrites(version, plan.indexKeys))
  }
  return operation
}

/** Searches with one version, writes with the current one, and accepts every version when checking. */
function withCurrentWrites(version: IndexKeys, all: IndexKeys | null): IndexKeys {
  return {
    candidates: (index, value) => all?.candidates(index, value) ?? [],
    compute: (index, value) => (all ?? version).compute(index, value),
    versions: [version],
  }
}
