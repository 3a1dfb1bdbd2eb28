/** Creates records: ids and keys first, then one insert; around the insert where only it can tell the id. */
import { sendWithLateKeys } from './late-records.js'
import { sealNewRecords } from './new-records.js'
import { sendOn, type Operation, type SentResult } from './operation.js'
import { unwrapConnectedKeys } from './result-keys.js'

/** Sends a `create`, `createMany` or `createManyAndReturn`. */
export async function sendCreate(operation: Operation): Promise<SentResult> {
  await unwrapConnectedKeys(operation)
  const late = await sealNewRecords(operation, operation.plan.created)
  return late.length > 0 ? sendWithLateKeys(operation, late) : sendOn(operation)
}
