/** Checks, before a write by an indexed field, that the record which the index finds really holds the value. */
import { openRows } from '../records/open-rows.js'
import { checkColumns } from '../records/plan-selection.js'
import type { Operation } from './operation.js'
import { delegateOf } from './prisma-internals.js'

/**
 * Reads the one record that an `update`, `delete` or `upsert` finds through a blind index, and checks the index.
 * @throws KmsEncryptedError `INDEX_MISMATCH`; what opening the field throws
 */
export async function checkFoundRecord(operation: Operation): Promise<void> {
  const { plan, session, runtime, ring, call } = operation
  const uses = plan.uses.filter(({ index }) => index.verify)
  const one = plan.kind === 'update' || plan.kind === 'delete' || plan.kind === 'upsert'
  if (uses.length === 0 || !one) return
  const columns = uses.flatMap(({ index }) => checkColumns(index))
  const select = Object.fromEntries(columns.map((name) => [name, true]))
  const row = await delegateOf(session.client, plan.model.delegate).findUnique({
    where: plan.args['where'],
    select,
  })
  if (!row) return
  const shape = { added: [], conceal: false, uses, relations: {} }
  await openRows(plan.model, row, shape, ring, call, undefined, runtime.selection().indexKeys)
}
