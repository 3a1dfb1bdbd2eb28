/** What `@prisma/extension-read-replicas` 0.5 does, which the tests can do without: reads outside transactions go to a replica. */
import { Prisma, type PrismaClient } from '../generated/prisma/client.js'

const readOperations = new Set([
  'findFirst',
  'findFirstOrThrow',
  'findMany',
  'findUnique',
  'findUniqueOrThrow',
  'groupBy',
  'aggregate',
  'count',
])

/** The extension. Like the original, it answers reads by itself and never passes them on to `query`. */
export function readReplicas(replica: PrismaClient) {
  const delegates = replica as unknown as Record<string, Record<string, (args: unknown) => Promise<unknown>>>
  return Prisma.defineExtension((client) =>
    client.$extends({
      client: {
        $primary: () => client,
        $replica: () => replica,
      },
      query: {
        $allOperations(request) {
          const { args, model, operation, query } = request
          const { transaction } = (request as unknown as { __internalParams: { transaction?: unknown } })
            .__internalParams
          const read = model !== undefined && !transaction && readOperations.has(operation)
          return (read ? delegates[model]?.[operation]?.(args) : query(args as never)) as never
        },
      },
    }),
  )
}
