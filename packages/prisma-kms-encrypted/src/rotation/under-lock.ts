/** Takes the lock of one row for a last attempt at it, in a short transaction in which nothing else is locked. */
import { isKmsEncryptedError, type KmsEncryptedError } from '../errors.js'
import { asWriteConflict, isPrismaError, type SideClient } from '../extension/prisma-internals.js'
import { lockRows } from '../extension/row-lock.js'
import type { Runtime } from '../extension/runtime.js'
import { inOwnTransaction } from '../extension/transactions.js'
import { isRetryable } from '../kms/failure.js'
import type { KmsCall } from '../kms/provider.js'
import { systemTiming } from '../kms/timing.js'
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { primaryKeyOf } from '../records/place-changes.js'
import type { WriteOutcome } from './guarded-writes.js'

/** Attempts under the lock; only in the last of them may a key service be asked. */
const lockedAttempts = 4

/** For which other writers of the row may have to wait; then the transaction is rolled back. */
const transactionMs = 5_000
/** For which a key service may be waited for while a row is locked. */
const callMs = 1_000

/** Thrown to roll back; it never leaves this file. */
const undone = new Error('rolled back')

/**
 * Whether what went wrong under the lock is no failure of the row: its keys were changed before, or the key service was too
 * slow or too busy for the little time that there was.
 */
function mayPass(error: KmsEncryptedError): boolean {
  return isKmsEncryptedError(error, 'WRITE_CONFLICT') || isRetryable(error)
}

/** A call to a key service while a row is locked. */
export function shortCall(call: KmsCall): KmsCall {
  return { ...call, deadlineMs: systemTiming.now() + callMs }
}

/** Takes what cannot be done to a row. */
type Report = (row: Row, key: string, error: KmsEncryptedError) => void

/** What is to be done to a row that others change all the time. */
export interface LockedWork {
  /** Asks for what the row needs, before it is locked; `false`: nothing to do any more, or reported. */
  readonly prepare: () => Promise<boolean>
  /** One attempt while the row is locked. */
  readonly attempt: (locked: SideClient, report: Report, isLast: boolean) => Promise<WriteOutcome | 'settled'>
}

/**
 * Makes some last attempts at a row, while its other writers have to wait.
 * @param report told of what an attempt found, unless another attempt follows it
 * @returns `'settled'`: nothing to do any more, or reported
 */
export async function attemptUnderLock(
  runtime: Runtime,
  model: RecordModel,
  row: Row,
  { prepare, attempt }: LockedWork,
  report: Report,
): Promise<WriteOutcome | 'settled'> {
  for (let number = 1; number <= lockedAttempts; number++) {
    if (!(await prepare())) return 'settled'
    let errors: readonly Parameters<Report>[] = []
    const outcome = await underRowLock(runtime, model, row, async (locked) => {
      const found: Parameters<Report>[] = []
      const result = await attempt(locked, (...error) => found.push(error), number === lockedAttempts)
      if (found.some(([, , error]) => mayPass(error))) return 'lost'
      errors = found
      return result
    })
    if (outcome === 'lost') continue
    for (const error of errors) report(...error)
    return outcome
  }
  return 'lost'
}

/**
 * Runs `work` while one row is locked. Who waits for a lock while holding none takes part in no deadlock; and the wait is
 * bounded, where a table's own lock is held by then.
 * @param work gets the transaction's client; what it has written is committed, unless it gives `'lost'`
 * @returns what `work` gives; `'lost'` also when the lock was not to be had, or another writer's conflict undid it all
 */
async function underRowLock<T>(
  runtime: Runtime,
  model: RecordModel,
  row: Row,
  work: (client: SideClient) => Promise<T | 'lost'>,
): Promise<T | 'lost'> {
  if (!runtime.dialect) return 'lost'
  const { maxWait, timeout } = runtime.config.transaction
  const limits = { maxWait, timeout: Math.min(timeout, transactionMs) }
  try {
    return await inOwnTransaction(runtime.base, limits, async (session) => {
      await runtime.dialect?.limitLockWaits?.(session.client)
      await lockRows(runtime, session, model, [primaryKeyOf(model, row)])
      const result = await work(session.client)
      if (result === 'lost') throw undone
      return result
    })
  } catch (error) {
    if (error === undone) return 'lost'
    if (isPrismaError(asWriteConflict(error), 'P2034') || isPassing(error)) return 'lost'
    throw error
  }
}

/** The transaction was not to be had or has ended for its time (Prisma's P2028); the lock was not (PostgreSQL's 55P03). */
function isPassing(error: unknown): boolean {
  if (isPrismaError(error, 'P2028')) return true
  if (!isPrismaError(error, 'P2010')) return false
  const { meta } = error as { meta?: unknown }
  return /\b55P03\b/.test(`${error.message} ${JSON.stringify(meta)}`)
}
