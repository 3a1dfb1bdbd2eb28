/** The way of one operation: plan, give new records ids and keys, seal, send, open what comes back. */
import { KmsEncryptedError } from '../errors.js'
import { isArgs } from '../records/arguments.js'
import { openRows, storedRows } from '../records/open-rows.js'
import { sendCreate } from './create.js'
import { sendUnderLocks } from './locked-changes.js'
import { nameMigrating, namesMigrating } from './migrating-record.js'
import {
  createOperation,
  isWrite,
  sendOn,
  type Operation,
  type Request,
  type SentResult,
} from './operation.js'
import { unwrapResultKeys } from './result-keys.js'
import type { Runtime } from './runtime.js'
import { checkFoundRecord, settleVersion } from './found-record.js'
import { wantsStoredValues } from './stored-values.js'
import { nameUniqueField } from './unique-violation.js'
import { sendUpdate } from './update.js'
import { sendUpsert } from './upsert.js'

/** Runs one intercepted operation on a model that has, or can reach, encrypted fields. */
export async function runOperation(runtime: Runtime, request: Request): Promise<unknown> {
  // Nothing is awaited once the index key is there: reads of one tick must reach Prisma in that tick.
  if (!runtime.isReady()) await runtime.loadIndexKeys()
  const planned = createOperation(runtime, request)
  const severalVersions = planned.plan.namesOne && (planned.plan.indexKeys?.versions.length ?? 0) > 1
  const operation = namesMigrating(planned)
    ? await nameMigrating(planned)
    : severalVersions
      ? await settleVersion(planned)
      : planned
  const stored = wantsStoredValues()
  let sent: SentResult
  try {
    sent = await inTurn(operation, () => sendPlanned(operation))
  } catch (error) {
    throw nameUniqueField(error, runtime.models)
  }
  return operation.plan.returnsRows
    ? open(operation, sent, request.params.dataPath ?? [], stored)
    : sent.result
}

/** Sends the operation in the way that its kind asks for. */
async function sendPlanned(operation: Operation): Promise<SentResult> {
  const { plan } = operation
  if (isWrite(plan)) await checkFoundRecord(operation)
  switch (plan.kind) {
    case 'read':
    case 'count':
      return sendOn(operation)
    case 'create':
    case 'createMany':
      return sendCreate(operation)
    case 'update':
      return sendUpdate(operation)
    case 'updateMany':
      if (plan.changed) return sendUnderLocks(operation)
      break
    case 'upsert':
      return sendUpsert(operation)
    case 'delete':
  }
  await unwrapResultKeys(operation)
  return sendOn(operation)
}

/** Inside an interactive transaction, writes with statements of our own wait for each other; reads go at once. */
function inTurn<T>({ plan, session, runtime }: Operation, work: () => Promise<T>): Promise<T> {
  if (!isWrite(plan) || session.transaction?.kind !== 'itx') return work()
  return runtime.queues.run(session.transaction.id, work)
}

/** Opens the result; after a write that nothing can roll back any more, a failure says that it had happened. */
async function open(
  { plan, ring, call, session }: Operation,
  { result, shape, lateKeys }: SentResult,
  dataPath: readonly string[],
  stored: boolean,
): Promise<unknown> {
  const path = dataPath.filter((_, index) => index % 2 === 1) // ['select', 'posts', 'select', 'author']
  try {
    if (stored) return takeOut(storedRows(plan.model, result, shape), path)
    return takeOut(await openRows(plan.model, result, shape, ring, call, lateKeys, plan.indexKeys), path)
  } catch (error) {
    const undone = !isWrite(plan) || session.transaction?.kind === 'itx'
    throw undone || !(error instanceof KmsEncryptedError) ? error : error.afterWrite()
  }
}

/** The relation that a fluent call (`findUnique(…).posts()`) asks for; the record itself for other calls. */
function takeOut(result: unknown, path: readonly string[]): unknown {
  return path.reduce((row, relation) => (isArgs(row) ? row[relation] : row), result)
}
