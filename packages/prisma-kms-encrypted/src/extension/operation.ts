/** One intercepted operation: its plan, where it runs, and how it is sent. */
import type { KmsCall } from '../kms/provider.js'
import type { Args } from '../records/arguments.js'
import { KeyRing } from '../records/data-keys.js'
import type { IndexKeys } from '../records/index-keys.js'
import { checkKnown } from '../records/known-values.js'
import type { RecordModel } from '../records/models.js'
import { planOperation, type OperationPlan } from '../records/plan.js'
import type { Shape } from '../records/plan-selection.js'
import { noLateKeys, type LateKeys } from '../records/rows.js'
import type { InternalParams, LazyOperation } from './prisma-internals.js'
import type { Runtime } from './runtime.js'
import { wantsStoredValues } from './stored-values.js'
import { insideSession, outsideSession, type Session } from './transactions.js'

/** Sends the operation on to the next extension or the database. */
export type Query = (args: unknown, params: InternalParams) => LazyOperation

/** What Prisma handed to the extension. */
export interface Request {
  readonly model: RecordModel
  /** Prisma's name of the operation, such as `findMany`. */
  readonly operation: string
  readonly args: Args
  readonly params: InternalParams
  readonly query: Query
}

/** An operation on its way. */
export interface Operation {
  readonly runtime: Runtime
  readonly plan: OperationPlan
  /** Where the operation and our own statements for it run. */
  readonly session: Session
  /** The data keys it has in hand. */
  readonly ring: KeyRing
  readonly call: KmsCall
  /** Sends it with these arguments; once per attempt. `name` replaces the operation's name. */
  readonly send: (args: Args, name?: string) => Promise<unknown>
  /** The same operation in another session, such as a transaction of our own. */
  within(session: Session): Operation
  /** The operation planned anew, for another attempt, or as another operation that does the same here. */
  again(name?: string, args?: Args, indexKeys?: IndexKeys | null): Operation
}

/** What came back. */
export interface SentResult {
  readonly result: unknown
  /** What of it to hide; `null`: nothing was added. */
  readonly shape: Shape | null
  /** Key columns that were written after the result had been read. */
  readonly lateKeys: LateKeys
}

/** Sends an operation whose keys are set: as planned, or with other arguments. */
export async function sendOn({ plan, send }: Operation, args = plan.args): Promise<SentResult> {
  return { result: await send(args), shape: plan.shape, lateKeys: noLateKeys }
}

/**
 * Plans a request and builds its operation.
 * @throws KmsEncryptedError every refusal, before anything is sent
 */
export function createOperation(runtime: Runtime, request: Request): Operation {
  const given = request.params.transaction ?? null
  const session =
    given?.kind === 'itx' ? insideSession(runtime.base, given) : outsideSession(runtime.base, given)
  const operation = planned(
    runtime,
    request,
    session,
    new KeyRing(),
    request.operation,
    request.args,
    runtime.indexKeys(),
  )
  if (!wantsStoredValues()) checkKnown(operation.plan, runtime.globalOmit)
  return operation
}

function planned(
  runtime: Runtime,
  request: Request,
  session: Session,
  ring: KeyRing,
  name: string,
  args: Args,
  indexKeys: IndexKeys | null,
): Operation {
  const { globalOmit } = runtime
  const opensRows = !wantsStoredValues()
  const plan = planOperation(request.model, name, args, { globalOmit, indexKeys, opensRows })
  const inSession = (where: Session): Operation => ({
    runtime,
    plan,
    session: where,
    ring,
    call: runtime.call,
    send: (sentArgs, sentName = name) => send(request, where, sentArgs, sentName),
    within: inSession,
    again: (otherName = name, otherArgs = args, otherKeys = indexKeys) =>
      planned(runtime, request, where, ring, otherName, otherArgs, otherKeys),
  })
  return inSession(session)
}

function send(
  { params, query, operation }: Request,
  session: Session,
  args: Args,
  name: string,
): Promise<unknown> {
  // A copy of the parameters for each attempt: Prisma's `query` writes the arguments and the transaction into them.
  // The result is needed whole, also where a fluent call (`findUnique(…).posts()`) wants one relation of it.
  const lazy = query(args, {
    ...params,
    ...(name === operation ? {} : { action: name }),
    dataPath: [],
  })
  if (!session.transaction || session.transaction === params.transaction) return lazy
  if (lazy.requestTransaction) return lazy.requestTransaction(session.transaction)
  throw new TypeError('an inner extension returned a promise that cannot join a transaction')
}

/** Whether an operation may change anything. */
export function isWrite({ kind }: OperationPlan): boolean {
  return kind !== 'read' && kind !== 'count'
}
