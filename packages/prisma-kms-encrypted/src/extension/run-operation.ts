/** The way of one operation: plan, give new records ids and keys, seal, send, open what comes back. */
import { KmsEncryptedError } from '../errors.js'
import { isArgs, type Args } from '../records/arguments.js'
import type { RecordModel } from '../records/models.js'
import { openRows } from '../records/open-rows.js'
import { planOperation } from '../records/plan.js'
import { unsupported } from '../records/refusals.js'
import { sendWithLateKeys, type LateResult } from './late-records.js'
import { sealNewRecords } from './new-records.js'
import { createOperation, type Operation, type Query } from './operation.js'
import type { InternalParams } from './prisma-internals.js'
import type { Runtime } from './runtime.js'
import { sendUpdate, unwrapResultKeys } from './update.js'

/** Runs one intercepted operation on a model that has, or can reach, encrypted fields. */
export async function runOperation(
  runtime: Runtime,
  model: RecordModel,
  name: string,
  args: Args,
  params: InternalParams,
  query: Query,
): Promise<unknown> {
  const plan = planOperation(model, name, args, runtime.globalOmit)
  const operation = createOperation(runtime, plan, params, query)
  const sent = await sendPlanned(operation)
  return plan.returnsRows ? open(operation, sent, params) : sent.result
}

/** Sends the operation in the way that its kind asks for. */
async function sendPlanned(operation: Operation): Promise<LateResult> {
  const { plan } = operation
  switch (plan.kind) {
    case 'read':
    case 'count':
      return send(operation)
    case 'create':
    case 'createMany': {
      const late = await sealNewRecords(operation)
      return late.length > 0 ? sendWithLateKeys(operation, late) : send(operation)
    }
    case 'update':
      return sendUpdate(operation)
    case 'delete':
      await unwrapResultKeys(operation)
      return send(operation)
    case 'updateMany':
    case 'upsert':
      refuseSealing(operation)
      return send(operation)
  }
}

async function send(operation: Operation): Promise<LateResult> {
  return {
    result: await operation.send(operation.plan.args),
    shape: operation.plan.shape,
    lateKeys: new Map(),
  }
}

function refuseSealing({ plan }: Operation): void {
  if (!plan.changed && plan.created.length === 0) return
  throw unsupported(
    `${plan.model.name}.${plan.operation}`,
    'setting encrypted values here',
    'Read the record first, then use create or update.',
  )
}

/** Opens the result; after a write outside the caller's transaction, a failure says that the write had happened. */
async function open(
  { plan, ring, call, session }: Operation,
  sent: LateResult,
  params: InternalParams,
): Promise<unknown> {
  const { model, shape } = shownModel(plan.model, sent, params.dataPath ?? [])
  try {
    return await openRows(model, sent.result, shape, ring, call, sent.lateKeys)
  } catch (error) {
    if (plan.kind === 'read' || session.transaction || !(error instanceof KmsEncryptedError)) throw error
    throw error.afterWrite()
  }
}

/** Fluent calls (`user.findUnique(…).posts()`) return the relation at the end of their path, already taken out. */
function shownModel(
  model: RecordModel,
  { shape }: LateResult,
  dataPath: readonly string[],
): { readonly model: RecordModel; readonly shape: LateResult['shape'] } {
  let shown = { model, shape }
  for (const name of dataPath.filter((_, index) => index % 2 === 1)) {
    const relation = shown.model.relation(name)
    if (!relation) break
    shown = { model: relation.model, shape: shown.shape?.relations[name] ?? null }
  }
  return shown
}

/** The arguments of an operation; Prisma allows leaving them out. */
export function argumentsOf(args: unknown): Args {
  return isArgs(args) ? args : {}
}
