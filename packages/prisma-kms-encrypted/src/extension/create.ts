/** Creates records: ids and keys first, then one insert; around the insert where only it can tell the id. */
import { sendWithLateKeys, type LateResult } from './late-records.js'
import { sealNewRecords } from './new-records.js'
import type { Operation } from './operation.js'
import { unwrapConnectedKeys } from './result-keys.js'

/** Sends a `create`, `createMany` or `createManyAndReturn`. */
export async function sendCreate(operation: Operation): Promise<LateResult> {
  const { plan } = operation
  await unwrapConnectedKeys(operation)
  const late = await sealNewRecords(operation, plan.created)
  if (late.length > 0) return sendWithLateKeys(operation, late)
  return { result: await operation.send(plan.args), shape: plan.shape, lateKeys: new Map() }
}
