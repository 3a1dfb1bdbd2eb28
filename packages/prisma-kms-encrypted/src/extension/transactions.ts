/** Runs operations and our own statements in the right transaction, one after another. */
import { findDialect } from './dialects/find-dialect.js'
import type { TransactionInfo, InternalClient, SideClient, TransactionOptions } from './prisma-internals.js'

/** Everything that our own statements of one operation need to know of where they run. */
export interface Session {
  /** The caller's transaction, or one of ours; `null`: none. */
  readonly transaction: TransactionInfo | null
  /** Runs our own statements: in that transaction, otherwise on the primary. */
  readonly client: SideClient
}

/** A session outside any transaction, or in a batch, whose side reads have to stay outside. */
export function outsideSession(base: InternalClient, transaction: TransactionInfo | null): Session {
  return { transaction, client: base }
}

/** A session inside an interactive transaction. */
export function insideSession(base: InternalClient, transaction: TransactionInfo): Session {
  return { transaction, client: base._createItxClient(transaction) }
}

/**
 * Opens a transaction of our own and runs `work` in it; what `work` throws rolls back.
 * Its isolation is one under which rows are read after a lock as they are then.
 */
export function inOwnTransaction<T>(
  base: InternalClient,
  options: TransactionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { isolationLevel } = findDialect(base._activeProvider) ?? { isolationLevel: null }
  return base.$transaction(
    async (client: InternalClient) => {
      // A lazy promise that was created on the transaction's client is told which transaction that is.
      const transaction = await client._createPrismaPromise((info) => Promise.resolve(info))
      if (!transaction) throw new TypeError('an interactive transaction always has a description')
      return work({ transaction, client })
    },
    isolationLevel === null ? options : { isolationLevel, ...options },
  ) as Promise<T>
}

/**
 * Queues work per transaction: Prisma sends operations of one tick as one batch, in which the first error leaves the
 * others unsent, so our statements must never share a tick with each other.
 */
export class TransactionQueues {
  readonly #tails = new Map<string, Promise<unknown>>()

  /** Runs `work` after all earlier work of the same transaction, whether that failed or not. */
  async run<T>(transactionId: string, work: () => Promise<T>): Promise<T> {
    const previous = this.#tails.get(transactionId) ?? Promise.resolve()
    const mine = previous.then(work, work)
    this.#tails.set(transactionId, mine)
    try {
      return await mine
    } finally {
      if (this.#tails.get(transactionId) === mine) this.#tails.delete(transactionId)
    }
  }
}
