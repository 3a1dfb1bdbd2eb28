/** Makes plain Prisma clients on a test database, with a record of every statement that reaches the server. */
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { PrismaClient, type Prisma } from '../generated/prisma/client.js'

/** One statement as sent, `BEGIN` and `COMMIT` included. */
export interface LoggedQuery {
  readonly sql: string
  readonly parameters: readonly unknown[]
  /** Tells connections of the pool apart: statements of one transaction share it. */
  readonly connection: number
}

/** What {@link createClient} takes. */
export interface ClientOptions {
  readonly url: string
  /** Connections in the pool. */
  readonly max?: number
  /** PostgreSQL schema, as the adapter's own option. */
  readonly schema?: string
  /** Called with each statement just before it is sent. */
  readonly log?: (query: LoggedQuery) => void
  /** Awaited before each statement is sent: what it does comes just before, in every run alike. */
  readonly before?: (query: LoggedQuery) => Promise<unknown>
  /** Options of PrismaClient itself. */
  readonly prisma?: Omit<Prisma.PrismaClientOptions, 'adapter' | 'accelerateUrl'>
}

/** A client of the fixture schema; `$disconnect()` also closes its pool. */
export interface TestClient {
  readonly prisma: PrismaClient
  /** Statements sent so far, oldest first; a test may empty it with `queries.length = 0`. */
  readonly queries: LoggedQuery[]
}

/** Makes an un-extended client; its statements are recorded below Prisma, so that raw ones are seen too. */
export function createClient({ url, max = 10, schema, log, before, prisma }: ClientOptions): TestClient {
  const queries: LoggedQuery[] = []
  const record = (query: LoggedQuery) => {
    queries.push(query)
    log?.(query)
  }
  const pool = new pg.Pool({ connectionString: url, max, Client: recordingClient(record, before) })
  const adapter = new PrismaPg(pool, {
    disposeExternalPool: true,
    ...(schema === undefined ? {} : { schema }),
  })
  return { prisma: new PrismaClient({ ...prisma, adapter }), queries }
}

/** The pool builds its connections from this class. */
function recordingClient(
  record: (query: LoggedQuery) => void,
  before: ClientOptions['before'],
): typeof pg.Client {
  let connections = 0
  class RecordingClient extends pg.Client {
    readonly #connection = ++connections

    // The driver's eight overloads all start with the statement, as text or as an object with `text` and `values`.
    override query(...parameters: [config: unknown, values?: unknown, callback?: unknown]): never {
      const [config, values] = parameters
      const { text, values: own } =
        typeof config === 'string' ? { text: config } : (config as { text: string; values?: unknown[] })
      const query: LoggedQuery = {
        sql: text,
        parameters: Array.isArray(values) ? (values as unknown[]) : (own ?? []),
        connection: this.#connection,
      }
      record(query)
      const send = (): never => (super.query as (...all: unknown[]) => never).apply(this, parameters)
      return before ? (before(query).then(send) as never) : send() // whoever passes a callback looks at no promise
    }
  }
  return RecordingClient
}
