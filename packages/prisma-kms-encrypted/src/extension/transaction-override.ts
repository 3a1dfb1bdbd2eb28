/** Replaces `$transaction`, so that batches with encrypted models run in order inside one interactive transaction. */
import type { InternalClient, LazyOperation, TransactionOptions } from './prisma-internals.js'
import type { Runtime } from './runtime.js'

/**
 * Runs `$transaction` on behalf of `client`, the extended client that it was called on.
 * @param original the method as it was before this extension
 */
export function runTransaction(
  runtime: Runtime,
  original: InternalClient['$transaction'],
  client: InternalClient,
  work: unknown,
  options?: TransactionOptions,
): Promise<unknown> {
  if (typeof work === 'function') {
    // The catalogue is read before the transaction opens: on a pool of one there is no other connection afterwards.
    return runtime.catalogue(null).then(() => original.call(client, work, options))
  }
  if (
    !Array.isArray(work) ||
    !work.every(isLazyOperation) ||
    !work.some((item) => touchesEncrypted(runtime, item))
  ) {
    return original.call(client, work, options)
  }
  const operations: readonly LazyOperation[] = work
  const inOrder = async (transactionClient: InternalClient): Promise<unknown[]> => {
    const transaction = await transactionClient._createPrismaPromise((info) => Promise.resolve(info))
    const results: unknown[] = []
    for (const operation of operations) {
      results.push(
        await (transaction && operation.requestTransaction
          ? operation.requestTransaction(transaction)
          : operation),
      )
    }
    return results
  }
  // Prisma lets nobody give a batch these limits, and its own 5 s would cut off calls to the key service.
  const limits = { ...runtime.config.transaction, ...options }
  return runtime.catalogue(null).then(() => original.call(client, inOrder, limits))
}

function isLazyOperation(item: unknown): item is LazyOperation {
  if (typeof item !== 'object' || item === null) return false
  // Read without asking `in` first: the promises of single records are proxies that deny having the symbol.
  return (item as { [Symbol.toStringTag]?: unknown })[Symbol.toStringTag] === 'PrismaPromise'
}

/** Prisma promises tell their model; one that does not may be a raw query, which needs nothing of ours. */
function touchesEncrypted({ models }: Runtime, operation: LazyOperation): boolean {
  const model = operation.spec?.model
  return model !== undefined && models.has(model)
}
