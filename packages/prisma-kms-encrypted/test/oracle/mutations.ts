/** Clients that are wrong on purpose, each in one way; the comparison has to catch every one. */
import type { DynamicClient } from './clients.js'

type Args = Record<string, unknown>
type Query = (args: Args) => Promise<unknown>
type Handler = (call: { model: string; operation: string; args: Args; query: Query }) => Promise<unknown>

/** Makes the wrong client from the right one. `plain` is the same client without encryption. */
export type Mutation = (client: DynamicClient, plain: DynamicClient) => DynamicClient

function intercepting(handler: Handler): Mutation {
  return (client) => client.$extends({ query: { $allModels: { $allOperations: handler } } })
}

/** Replaces one operation of one delegate, before any extension sees its arguments. */
function overriding(
  delegate: string,
  operation: string,
  run: (args: Args, query: Query) => Promise<unknown>,
): Mutation {
  return (client) =>
    new Proxy(client, {
      get(target, name) {
        const found: unknown = Reflect.get(target, name)
        if (name !== delegate || !isObject(found)) return found
        const original = found[operation] as Query // Prisma's delegates have all operations
        const replaced = (args: Args) => run(args, (own) => original(own))
        return new Proxy(found, { get: (own, key) => (key === operation ? replaced : own[key as string]) })
      },
    })
}

function isObject(value: unknown): value is Args {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Removes a field from rows at the first level. */
function without(field: string, result: unknown): unknown {
  if (Array.isArray(result)) return result.map((row) => without(field, row))
  if (!isObject(result)) return result
  const { [field]: _, ...rest } = result
  return rest
}

export const mutations: Readonly<Record<string, Mutation>> = {
  'stores plaintext': (_, plain) => plain,
  'loses one field of results': intercepting(async ({ args, query }) => without('phone', await query(args))),
  'does not write null': intercepting(({ operation, args, query }) => {
    const data = args['data']
    if (operation !== 'update' || !isObject(data)) return query(args)
    return query({
      ...args,
      data: Object.fromEntries(Object.entries(data).filter(([, value]) => value !== null)),
    })
  }),
  'drops the order': intercepting(({ operation, args, query }) => {
    const { orderBy: _, ...rest } = args
    return query(operation === 'findMany' ? rest : args)
  }),
  'changes text a little': overriding('user', 'create', (args, create) => {
    const data = args['data']
    if (!isObject(data) || typeof data['name'] !== 'string') return create(args)
    return create({ ...args, data: { ...data, name: data['name'].trim() } })
  }),
  'swallows missing records': intercepting(({ operation, args, query }) =>
    operation === 'update' ? query(args).catch(() => null) : query(args),
  ),
  'counts wrongly': intercepting(async ({ operation, args, query }) => {
    const result = await query(args)
    return operation === 'count' && typeof result === 'number' ? result + 1 : result
  }),
  'deletes nothing': intercepting(({ operation, args, query }) =>
    operation === 'deleteMany' ? Promise.resolve({ count: 0 }) : query(args),
  ),
  'does not roll back': (client) =>
    new Proxy(client, {
      get(target, name) {
        const run = (work: unknown) =>
          typeof work === 'function'
            ? (work as (on: DynamicClient) => unknown)(client)
            : target.$transaction(work)
        return name === '$transaction' ? run : (Reflect.get(target, name) as unknown)
      },
    }),
  'returns nested rows undecrypted': (client, plain) => {
    return new Proxy(client, {
      get(target, name) {
        const delegate: unknown = Reflect.get(target, name)
        if (name !== 'user' || !isObject(delegate)) return delegate
        const findMany = (args: Args) =>
          (('include' in args ? plain : client)['user'] as { findMany: Query }).findMany(args)
        return new Proxy(delegate, {
          get: (own, key) => (key === 'findMany' ? findMany : own[key as string]),
        })
      },
    })
  },
  "changes its caller's bytes": overriding('device', 'create', (args, create) => {
    const data = args['data']
    const wipe = (): void => {
      if (isObject(data) && data['token'] instanceof Uint8Array) data['token'].fill(0)
    }
    const then: Promise<unknown>['then'] = (...listeners) => pending.finally(wipe).then(...listeners)
    const pending = create(args)
    // Still one of Prisma's lazy promises, as a batch wants them.
    return new Proxy(pending, {
      get: (own, key) => (key === 'then' ? then : (Reflect.get(own, key) as unknown)),
    })
  }),
}
