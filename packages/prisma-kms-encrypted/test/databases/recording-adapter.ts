/** Wraps any driver adapter so that every statement sent through it is recorded, raw and transactional ones too. */
import type {
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  SqlQuery,
  SqlQueryable,
  SqlResultSet,
  Transaction,
} from '@prisma/driver-adapter-utils'

/** One statement as handed to the driver. */
export interface Statement {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

/** Sends a query in other words, or changes what it gives. */
export type Rewrite = (
  query: SqlQuery,
  send: (query: SqlQuery) => Promise<SqlResultSet>,
) => Promise<SqlResultSet>

/** The adapter with `record` called before each statement, and with `BEGIN`, `COMMIT` and `ROLLBACK`. */
export function recordingAdapter(
  factory: SqlDriverAdapterFactory,
  record: (statement: Statement) => void,
  rewrite: Rewrite = (query, send) => send(query),
): SqlDriverAdapterFactory {
  const note = (sql: string) => {
    record({ sql, parameters: [] })
  }
  return override(factory, {
    connect: async () => {
      const adapter = await factory.connect()
      return override<SqlDriverAdapter>(adapter, {
        ...recorded(adapter, record, rewrite),
        startTransaction: async (level) => {
          const transaction = await adapter.startTransaction(level)
          note(level === undefined ? 'BEGIN' : `BEGIN ${level}`)
          return override<Transaction>(transaction, {
            ...recorded(transaction, record, rewrite),
            commit: () => (note('COMMIT'), transaction.commit()),
            rollback: () => (note('ROLLBACK'), transaction.rollback()),
          })
        },
      })
    },
  })
}

function recorded(target: SqlQueryable, record: (statement: Statement) => void, rewrite: Rewrite) {
  const noted = ({ sql, args }: SqlQuery) => {
    record({ sql, parameters: args })
  }
  return {
    queryRaw: (query: SqlQuery) => (noted(query), rewrite(query, (sent) => target.queryRaw(sent))),
    executeRaw: (query: SqlQuery) => (noted(query), target.executeRaw(query)),
  }
}

/** Everything else is the target's own, with its own `this`: adapters have private members. */
function override<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get(_, name) {
      const own = members[name as keyof T]
      if (own !== undefined) return own
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}
