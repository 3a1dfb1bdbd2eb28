/** An extension that does nothing: what being one costs at least. */
import type { PlainClient } from '../stage.js'

/** Puts it around a client. */
export function extendWithNothing(client: PlainClient): PlainClient {
  const empty = client.$extends({
    query: { $allModels: { $allOperations: ({ args, query }) => query(args) } },
  })
  return empty as unknown as PlainClient // it adds no members
}
