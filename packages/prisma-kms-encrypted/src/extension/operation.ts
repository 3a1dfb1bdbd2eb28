/** One intercepted operation: its plan, where it runs, and how it is sent. */
import type { KmsCall } from '../kms/provider.js'
import type { Args } from '../records/arguments.js'
import { KeyRing } from '../records/data-keys.js'
import type { OperationPlan } from '../records/plan.js'
import type { InternalParams, LazyOperation } from './prisma-internals.js'
import type { Runtime } from './runtime.js'
import { insideSession, outsideSession, type Session } from './transactions.js'

/** Sends the operation on to the next extension or the database. */
export type Query = (args: unknown, params: InternalParams) => LazyOperation

/** An operation on its way. */
export interface Operation {
  readonly runtime: Runtime
  readonly plan: OperationPlan
  /** Where the operation and our own statements for it run. */
  readonly session: Session
  /** The data keys it has in hand. */
  readonly ring: KeyRing
  readonly call: KmsCall
  /** Sends it with these arguments; once per attempt. `action` replaces the operation's name. */
  send(args: Args, action?: string): Promise<unknown>
  /** The same operation in another session, such as a transaction of our own. */
  within(session: Session): Operation
}

/** Builds an operation from what Prisma handed to the extension. */
export function createOperation(
  runtime: Runtime,
  plan: OperationPlan,
  params: InternalParams,
  query: Query,
): Operation {
  const given = params.transaction ?? null
  const ring = new KeyRing()
  const inSession = (session: Session): Operation => ({
    runtime,
    plan,
    session,
    ring,
    call: runtime.call,
    send(args, action) {
      // A copy of the parameters for each attempt: Prisma's `query` writes the arguments and the transaction into them.
      const lazy = query(args, { ...params, ...(action === undefined ? {} : { action }) })
      if (session.transaction === given || !session.transaction) return lazy
      if (lazy.requestTransaction) return lazy.requestTransaction(session.transaction)
      throw new TypeError('an inner extension returned a promise that cannot join a transaction')
    },
    within: inSession,
  })
  return inSession(
    given?.kind === 'itx' ? insideSession(runtime.base, given) : outsideSession(runtime.base, given),
  )
}
