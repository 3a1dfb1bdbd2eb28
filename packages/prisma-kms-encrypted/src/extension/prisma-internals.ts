/** The parts of Prisma's client that have no public types, typed and checked in this one place. */
import { KmsEncryptedError } from '../errors.js'
import type { GlobalOmit } from '../records/plan-selection.js'

/** How Prisma describes the transaction that an operation runs in. */
export type TransactionInfo =
  | { readonly kind: 'itx'; readonly id: string }
  | { readonly kind: 'batch'; readonly id: number; readonly index: number }

/** One model's operations, called with plain argument objects. */
export interface Delegate {
  findUnique(args: object): Promise<Record<string, unknown> | null>
  findFirstOrThrow(args: object): Promise<Record<string, unknown>>
  findMany(args: object): Promise<Record<string, unknown>[]>
  updateMany(args: object): Promise<{ count: number }>
  count(args: object): Promise<number>
}

/** A client for our own statements: the un-extended one, or one bound to a transaction. */
export interface SideClient {
  readonly [delegate: string]: unknown
  $queryRawUnsafe(sql: string, ...parameters: unknown[]): Promise<Record<string, unknown>[]>
  $executeRawUnsafe(sql: string, ...parameters: unknown[]): Promise<number>
}

/** Options of `$transaction`, in ms where they are durations. */
export interface TransactionOptions {
  readonly maxWait?: number
  readonly timeout?: number
  readonly isolationLevel?: string
}

/** Prisma's lazy promise: nothing is sent before it is awaited or given a transaction. */
export interface LazyOperation extends Promise<unknown> {
  requestTransaction?(transaction: TransactionInfo): Promise<unknown>
  readonly spec?: { readonly model?: string }
}

/** The members of the client that this library relies on. */
export interface InternalClient extends SideClient {
  readonly _originalClient: { readonly _appliedParent: InternalClient }
  readonly _activeProvider: string
  readonly _globalOmit?: GlobalOmit
  readonly _runtimeDataModel: {
    readonly models: Readonly<Record<string, { readonly fields: readonly { name: string; kind: string }[] }>>
  }
  readonly _engineConfig: { readonly adapter?: { readonly options?: { readonly schema?: string } } }
  _createItxClient(transaction: TransactionInfo): SideClient
  _createPrismaPromise<T>(callback: (transaction: TransactionInfo | undefined) => Promise<T>): Promise<T>
  $transaction: (this: unknown, run: unknown, options?: TransactionOptions) => Promise<unknown>
}

/** What Prisma hands to a query extension besides the documented arguments. */
export interface InternalParams {
  readonly transaction?: TransactionInfo
  readonly dataPath?: readonly string[]
  readonly action?: string
}

/**
 * The client with its internal members.
 * @throws KmsEncryptedError `MODELS_MISMATCH` when this Prisma version no longer has them
 */
export function internalClient(client: unknown): InternalClient {
  const internal = client as InternalClient // checked below
  const expected = [
    '_originalClient',
    '_activeProvider',
    '_runtimeDataModel',
    '_createItxClient',
    '_createPrismaPromise',
  ]
  const missing = expected.filter((name) => !(name in internal))
  if (missing.length === 0) return internal
  throw new KmsEncryptedError({
    code: 'MODELS_MISMATCH',
    message: `This Prisma client lacks ${missing.join(', ')}`,
    why: 'The extension runs its own statements inside the caller’s transactions, for which Prisma has no public interface.',
    fix: 'Use a supported version of @prisma/client; the README lists them.',
  })
}

/** The client as constructed, before any extension: our own statements must not pass through the application's. */
export function baseClient(client: InternalClient): InternalClient {
  return client._originalClient._appliedParent
}

/** The delegate of a model on a side client. */
export function delegateOf(client: SideClient, delegate: string): Delegate {
  return client[delegate] as Delegate // every model of the definitions was checked against the client
}

/** Whether an error is Prisma's, with this code (`P2025`: a record that the operation depends on was not found). */
export function isPrismaError(error: unknown, code: string): error is Error {
  return error instanceof Error && 'code' in error && error.code === code && !('why' in error)
}

/**
 * PostgreSQL's SQLSTATE of a serialization failure and of a deadlock (appendix A); MySQL's codes of a deadlock and of a
 * lock that was waited for too long; SQLite's name for both.
 */
const conflictCodes = /\b(40001|40P01)\b|Code: `(1213|1205)`|\bSQLITE_BUSY/

/**
 * A conflict in one of our raw statements as the error that Prisma gives for its own, P2034, which callers' retry loops
 * look for; any other error as it is.
 */
export function asWriteConflict(error: unknown): unknown {
  if (!isPrismaError(error, 'P2010')) return error
  const { meta, clientVersion } = error as { meta?: unknown; clientVersion?: unknown }
  const text = `${error.message} ${JSON.stringify(meta)}`
  if (!conflictCodes.test(text)) return error
  const KnownRequestError = error.constructor as new (message: string, details: object) => Error // Prisma's own class
  const message = 'Transaction failed due to a write conflict or a deadlock. Please retry your transaction'
  return new KnownRequestError(message, { code: 'P2034', clientVersion, meta })
}
