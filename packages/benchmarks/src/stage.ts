/** The one database of a run, with a client for each way of using it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { kmsEncrypted } from 'prisma-kms-encrypted'
import { PrismaClient } from './generated/prisma/client.js'
import { encryptedModels } from './generated/kms-encrypted.js'
import { keyIds, kmsStandIn } from './kms-stand-in.js'

/** A plain client of the benchmark's schema. */
export type PlainClient = PrismaClient

/** A client with this library's extension. */
export type OurClient = ReturnType<typeof extendClient>

type OurConfig = Parameters<typeof kmsEncrypted<typeof encryptedModels>>[0]

/** Bounds that nothing in a run reaches. */
export const everyKey = { ttlMs: 3_600_000, maxEntries: 250_000 } as const

/** What every benchmark works with. */
export interface Stage {
  readonly url: string
  /** Prisma without any extension. */
  readonly plain: PlainClient
  /** A plain client of its own connections. */
  connectPlain(): PlainClient
  /** A client with this library, its keys at a stand-in of this latency. */
  connectOurs(latencyMs: number, config?: Partial<OurConfig>): OurClient
  /** The same around a client that has extensions already. */
  extend(client: PlainClient, latencyMs: number, config?: Partial<OurConfig>): OurClient
  /** Runs SQL beside Prisma. */
  sql(text: string): Promise<void>
  /** Disconnects everything and ends the database. */
  close(): Promise<void>
}

/** Starts PostgreSQL (or takes `DATABASE_URL`, whose database must be empty) and makes the tables. */
export async function openStage(): Promise<Stage> {
  const server = await startServer()
  const clients: PlainClient[] = []
  const connectPlain = (): PlainClient => {
    const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: server.url, max: 4 }) })
    clients.push(client)
    return client
  }
  const sql = async (text: string): Promise<void> => {
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    await client.query(text).finally(() => client.end())
  }
  const migration = new URL('../prisma/migrations/0001_init/migration.sql', import.meta.url)
  await sql(await readFile(migration, 'utf8'))
  return {
    url: server.url,
    plain: connectPlain(),
    connectPlain,
    connectOurs: (latencyMs, config) => extendClient(connectPlain(), latencyMs, config),
    extend: extendClient,
    sql,
    async close() {
      await Promise.all(clients.map((client) => client.$disconnect()))
      await server.stop()
    },
  }
}

function extendClient(client: PlainClient, latencyMs: number, config: Partial<OurConfig> = {}) {
  return client.$extends(
    kmsEncrypted({
      models: encryptedModels,
      providers: [kmsStandIn(latencyMs)],
      keys: { default: { keyId: keyIds.first } },
      ...config,
    }),
  )
}

interface Server {
  readonly url: string
  stop(): Promise<void>
}

/** The server of the library's own tests: a throw-away one with `synchronous_commit=off`, ended with this process. */
async function startServer(): Promise<Server> {
  const given = process.env['DATABASE_URL']
  if (given !== undefined) return { url: given, stop: () => Promise.resolve() }
  const script = fileURLToPath(
    new URL('../../prisma-kms-encrypted/test/support/postgres-server.mjs', import.meta.url),
  )
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'close').then(() => [undefined]),
  ])) as [string | undefined] // lines are strings
  if (line === undefined) throw new Error('PostgreSQL did not start')
  return {
    url: line,
    async stop() {
      const closed = once(child, 'close')
      child.stdin.end()
      await closed
    },
  }
}
