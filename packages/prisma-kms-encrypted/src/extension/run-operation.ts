/** The way of one operation: plan, give new records ids and keys, seal, send, open what comes back. */
import { KmsEncryptedError } from '../errors.js'
import { isArgs } from '../records/arguments.js'
import type { RecordModel } from '../records/models.js'
import { openRows, storedRows } from '../records/open-rows.js'
import { sendCreate } from './create.js'
import type { LateResult } from './late-records.js'
import { sendUnderLocks } from './locked-changes.js'
import { createOperation, isWrite, type Operation, type Request } from './operation.js'
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
  const operation = severalVersions ? await settleVersion(planned) : planned
  const stored = wantsStoredValues()
  const sent = await inTurn(operation, () => sendPlanned(operation)).catch((error: unknown) => {
    throw nameUniqueField(error, runtime.models)
  })
  return operation.plan.returnsRows
    ? open(operation, sent, request.params.dataPath ?? [], stored)
    : sent.result
}

/** Sends the operation in the way that its kind asks for. */
async function sendPlanned(operation: Operation): Promise<LateResult> {
  const { plan } = operation
  if (isWrite(plan)) await checkFoundRecord(operation)
  switch (plan.kind) {
    case 'read':
    case 'count':
      return sendAsPlanned(operation)
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
  return sendAsPlanned(operation)
}

async function sendAsPlanned({ plan, send }: Operation): Promise<LateResult> {
  return { result: await send(plan.args), shape: plan.shape, lateKeys: new Map() }
}

/** Inside an interactive transaction, writes with statements of our own wait for each other; reads go at once. */
function inTurn<T>({ plan, session, runtime }: Operation, work: () => Promise<T>): Promise<T> {
  if (!isWrite(plan) || session.transaction?.kind !== 'itx') return work()
  return runtime.queues.run(session.transaction.id, work)
}

/** Opens the result; after a write that nothing can roll back any more, a failure says that it had happened. */
async function open(
  { plan, ring, call, session }: Operation,
  sent: LateResult,
  dataPath: readonly string[],
  stored: boolean,
): Promise<unknown> {
  const path = dataPath.filter((_, index) => index % 2 === 1) // ['select', 'posts', 'select', 'author']
  try {
    if (isWrite(plan)) {
      const opened = stored
        ? storedRows(plan.model, sent.result, sent.shape)
        : await openRows(plan.model, sent.result, sent.shape, ring, call, sent.lateKeys)
      return takeOut(opened, path)
    }
    const { model, shape } = shownModel(plan.model, sent, path)
    if (stored) return storedRows(model, sent.result, shape)
    return await openRows(model, sent.result, shape, ring, call, undefined, plan.indexKeys)
  } catch (error) {
    if (!isWrite(plan) || session.transaction?.kind === 'itx' || !(error instanceof KmsEncryptedError))
      throw error
    throw error.afterWrite()
  }
}

/** The relation that a fluent write asks for. */
function takeOut(result: unknown, path: readonly string[]): unknown {
  return path.reduce((row, relation) => (isArgs(row) ? row[relation] : row), result)
}

/** Fluent reads (`user.findUnique(…).posts()`) return the relation at the end of their path, already taken out. */
function shownModel(
  model: RecordModel,
  { shape }: LateResult,
  path: readonly string[],
): { readonly model: RecordModel; readonly shape: LateResult['shape'] } {
  let shown = { model, shape }
  for (const name of path) {
    const relation = shown.model.relation(name)
    if (!relation) break
    shown = { model: relation.model, shape: shown.shape?.relations[name] ?? null }
  }
  return shown
}
