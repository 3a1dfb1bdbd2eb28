/** A driver adapter that asks its database once and answers the same rows from then on: what is left is the client's own work. */
import type { SqlDriverAdapter, SqlDriverAdapterFactory, SqlResultSet } from '@prisma/driver-adapter-utils'

/** Wraps an adapter; equal statements get the first answer again. */
export function replayingAdapter(factory: SqlDriverAdapterFactory): SqlDriverAdapterFactory {
  const answers = new Map<string, SqlResultSet>()
  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    async connect() {
      const adapter = await factory.connect()
      const replaying: Partial<SqlDriverAdapter> = {
        async queryRaw(query) {
          const key = JSON.stringify([query.sql, query.args])
          const answer = answers.get(key) ?? (await adapter.queryRaw(query))
          answers.set(key, answer)
          // Prisma may change the rows that it is given.
          return { ...answer, rows: answer.rows.map((row) => [...row]) }
        },
      }
      return Object.assign(Object.create(adapter) as SqlDriverAdapter, replaying)
    },
  }
}
