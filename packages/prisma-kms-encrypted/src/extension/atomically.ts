/** Runs several statements of one operation as one: in the caller's transaction, otherwise in one of our own. */
import { KmsEncryptedError } from '../errors.js'
import type { Operation } from './operation.js'
import { inOwnTransaction } from './transactions.js'

/**
 * Runs `work` so that all its statements take effect or none.
 * @param what the clause that needs more than one statement, for the error
 * @throws KmsEncryptedError `UNSUPPORTED_IN_BATCH` when the operation is part of a batch of another client object
 */
export function atomically<T>(
  operation: Operation,
  what: string,
  work: (operation: Operation) => Promise<T>,
): Promise<T> {
  const { runtime, session } = operation
  if (session.transaction === null) {
    return inOwnTransaction(runtime.base, runtime.config.transaction, (own) => work(operation.within(own)))
  }
  refuseBatch(operation, what)
  return work(operation)
}

/**
 * Refuses what a batch of another client object cannot do.
 * @throws KmsEncryptedError `UNSUPPORTED_IN_BATCH`
 */
export function refuseBatch({ plan, session }: Operation, what: string): void {
  if (session.transaction?.kind !== 'batch') return
  throw new KmsEncryptedError({
    code: 'UNSUPPORTED_IN_BATCH',
    message: `${plan.model.name}.${plan.operation}: ${what} needs several statements, which this batch cannot take`,
    why: 'A batch that was started on another client object sends each operation as exactly one statement.',
    fix: 'Start $transaction([…]) on the client that was extended last, or use $transaction(async (tx) => …).',
  })
}
