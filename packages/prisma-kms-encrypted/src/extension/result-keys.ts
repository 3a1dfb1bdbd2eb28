/** Unwraps, before a write is sent, the keys that its result will need: a denied Decrypt must not follow a commit. */
import { isArgs } from '../records/arguments.js'
import { connectedRecords } from '../records/connected-keys.js'
import { keysOf } from '../records/row-keys.js'
import { plainWhere } from '../records/row-filter.js'
import { selectKeys } from '../records/select-keys.js'
import type { Operation } from './operation.js'
import { delegateOf } from './prisma-internals.js'

/**
 * Reads and unwraps the keys of the records that an update or delete finds, as its result shows them, and of those that
 * the write connects.
 * @throws KmsEncryptedError `DECRYPTION_FAILED`, `KMS_…`
 */
export async function unwrapResultKeys(operation: Operation): Promise<void> {
  const { plan, session, runtime, ring, call } = operation
  if (!plan.returnsRows) return
  const select = isArgs(plan.args['where']) ? selectKeys(plan.model, plan.args, runtime.globalOmit) : null
  if (select) {
    const where = plainWhere(plan.model, plan.args['where'])
    const rows = await delegateOf(session.client, plan.model.delegate).findMany({ where, select })
    await ring.unwrap(keysOf(plan.model, rows), call)
  }
  await unwrapConnectedKeys(operation)
}

/** Reads and unwraps the keys of records that exist and that the write brings into its result. */
export async function unwrapConnectedKeys({ plan, session, runtime, ring, call }: Operation): Promise<void> {
  if (!plan.returnsRows) return
  const { data, create, update } = plan.args
  const connected = [data, create, update].flatMap((written) =>
    connectedRecords(plan.model, written, plan.args, runtime.globalOmit),
  )
  for (const { model, where, select } of connected) {
    const rows = await delegateOf(session.client, model.delegate).findMany({ where, select })
    await ring.unwrap(keysOf(model, rows), call)
  }
}
