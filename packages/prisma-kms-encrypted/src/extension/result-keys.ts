/** Unwraps, before a write is sent, the keys that its result will need: a denied Decrypt must not follow a commit. */
import { keysOf } from '../records/open-rows.js'
import { plainWhere } from '../records/row-filter.js'
import { selectKeys } from '../records/select-keys.js'
import type { Operation } from './operation.js'
import { delegateOf } from './prisma-internals.js'

/**
 * Reads and unwraps the keys of what is there now; what the write itself brings into the result is opened after it.
 * @throws KmsEncryptedError `DECRYPTION_FAILED`, `KMS_…`
 */
export async function unwrapResultKeys({ plan, session, runtime, ring, call }: Operation): Promise<void> {
  if (!plan.returnsRows) return
  const select = selectKeys(plan.model, plan.args, runtime.globalOmit)
  if (!select) return
  const where = plainWhere(plan.model, plan.args['where'])
  const rows = await delegateOf(session.client, plan.model.delegate).findMany({ where, select })
  await ring.unwrap(keysOf(plan.model, rows), call)
}
