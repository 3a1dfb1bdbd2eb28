/** Turns a PostgreSQL table into a store of branch keys, on a connection of its own. */
import * as z from 'zod/mini'
import { KmsEncryptedError } from '../errors.js'
import { storeFailure, type BranchKeyStore, type StoredBranchKey } from '../kms/branch-key-store.js'
import { checkForm, lazySchema, objectSchema } from '../lazy-schema.js'
import { importDependency } from './dependency.js'
import { checkBranchKeyTable, quoteTable, tableStatements } from './postgres-branch-key-table.js'

/** Runs one statement with text parameters and gives its rows. */
export type RunStatement = (text: string, values: readonly string[]) => Promise<readonly object[]>

/** A pool of the package `pg`, or another object with its `query`. */
export interface QueryablePool {
  query(text: string, values: string[]): Promise<{ readonly rows: readonly object[] }>
}

/** A Prisma client that is not used otherwise: not a transaction's, and not the extended one. */
export interface RawPrismaClient {
  $queryRawUnsafe(text: string, ...values: string[]): PromiseLike<unknown>
}

/** Options of {@link postgresBranchKeys}: exactly one of `connectionString` and `client`. */
export interface PostgresBranchKeysOptions {
  /** Opens a pool of two connections with the package `pg`, on first use; `prisma.$kms.close()` ends it. */
  readonly connectionString?: string
  /**
   * A `pg.Pool`, or another PrismaClient. Not the pool of the application's own client: when transactions hold all of
   * its connections, each waiting for a branch key, none goes on.
   */
  readonly client?: QueryablePool | RawPrismaClient
  /** PostgreSQL schema of the table; `public`. */
  readonly schema?: string
  /** Name of the table; `kms_branch_keys`. */
  readonly table?: string
}

/** The store that {@link postgresBranchKeys} makes. */
export interface PostgresBranchKeyStore extends BranchKeyStore {
  /** Creates the table unless it is there. Needs the right to; the store itself needs SELECT and INSERT only. */
  createTable(): Promise<void>
}

const optionsSchema = lazySchema(() =>
  z.strictObject({
    connectionString: z.optional(z.string().check(z.minLength(1))),
    client: z.optional(objectSchema<object>()),
    schema: z.optional(z.string().check(z.minLength(1))),
    table: z.optional(z.string().check(z.minLength(1))),
  }),
)

/**
 * Keeps branch keys in PostgreSQL. Every statement commits by itself; rows are only ever added. The table is checked on
 * first use.
 * @throws INVALID_CONFIGURATION
 */
export function postgresBranchKeys(options: PostgresBranchKeysOptions): PostgresBranchKeyStore {
  const { schema, table, connection } = checkOptions(options)
  const target = quoteTable(schema, table)
  const columns = `id, scope, name, generation, encode(wrapped, 'base64') AS wrapped,
    (extract(epoch FROM created_at) * 1000)::float8 AS "createdAtMs"`
  let checked: Promise<void> | undefined

  const ready = (): Promise<void> => {
    // A failed check is not kept: the table may be made meanwhile.
    checked ??= checkBranchKeyTable(connection.run, schema, table).catch((error: unknown) => {
      checked = undefined
      throw error
    })
    return checked
  }
  const read = async (text: string, values: readonly string[]): Promise<readonly StoredBranchKey[]> => {
    await ready()
    return (await connection.run(text, values)).map(toStoredBranchKey)
  }

  return {
    newest: (scope, names) =>
      read(
        `SELECT DISTINCT ON (name) ${columns} FROM ${target} WHERE scope = $1${
          names ? ' AND name IN (SELECT jsonb_array_elements_text($2::jsonb))' : ''
        } ORDER BY name, generation DESC`,
        names ? [scope, JSON.stringify(names)] : [scope],
      ),
    find: (scope, ids) =>
      read(
        `SELECT ${columns} FROM ${target}
         WHERE scope = $1 AND id IN (SELECT jsonb_array_elements_text($2::jsonb))`,
        [scope, JSON.stringify(ids)],
      ),
    async add({ id, scope, name, generation, wrapped, createdAtMs }) {
      await ready()
      await connection.run(
        `INSERT INTO ${target} (id, scope, name, generation, wrapped, created_at)
         VALUES ($1, $2, $3, $4::text::int, decode($5::text, 'base64'), to_timestamp($6::text::float8 / 1000))
         ON CONFLICT DO NOTHING`,
        [id, scope, name, String(generation), Buffer.from(wrapped).toString('base64'), String(createdAtMs)],
      )
    },
    async createTable() {
      for (const statement of tableStatements(schema, table)) {
        // IF NOT EXISTS does not keep apart two servers that create at the same time: the table is what counts.
        await connection.run(statement, []).catch(async (error: unknown) => {
          await ready().catch(() => {
            throw storeFailure('create the table', error)
          })
        })
      }
      await ready()
    },
    close: connection.close,
  }
}

function toStoredBranchKey(row: object): StoredBranchKey {
  // The columns of the statements above, with the types that the check of the table has seen.
  const { wrapped, ...rest } = row as {
    id: string
    scope: string
    name: string
    generation: number
    wrapped: string
    createdAtMs: number
  }
  return { ...rest, wrapped: Buffer.from(wrapped, 'base64') }
}

interface Connection {
  readonly run: RunStatement
  readonly close: () => Promise<void>
}

function checkOptions(options: PostgresBranchKeysOptions) {
  const parsed = checkForm(optionsSchema, options)
  if (!parsed.success) {
    throw invalid(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '))
  }
  const { connectionString, client, schema = 'public', table = 'kms_branch_keys' } = options
  const connection = connectionString === undefined ? connectClient(client) : openPool(connectionString)
  if (connection && (connectionString === undefined || client === undefined))
    return { schema, table, connection }
  throw invalid('expected exactly one of `connectionString` and `client`, a pg.Pool or a PrismaClient')
}

function connectClient(client: PostgresBranchKeysOptions['client']): Connection | null {
  const close = (): Promise<void> => Promise.resolve() // it is not ours
  if (client === undefined) return null
  if ('$queryRawUnsafe' in client && typeof client.$queryRawUnsafe === 'function') {
    // The cast: what a SELECT of raw SQL gives.
    return { close, run: async (text, values) => (await client.$queryRawUnsafe(text, ...values)) as object[] }
  }
  if ('query' in client && typeof client.query === 'function') {
    return { close, run: async (text, values) => (await client.query(text, [...values])).rows }
  }
  return null
}

function openPool(connectionString: string): Connection {
  const load = async () => {
    const { default: pg } = await importDependency('pg', () => import('pg'))
    const pool = new pg.Pool({
      connectionString,
      max: 2,
      allowExitOnIdle: true,
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
    })
    pool.on('error', () => undefined) // an idle connection that broke; the next statement opens another
    return pool
  }
  let opening: ReturnType<typeof load> | undefined
  const open = (): ReturnType<typeof load> => {
    opening ??= load().catch((error: unknown) => {
      opening = undefined
      throw error
    })
    return opening
  }
  return {
    run: async (text, values) => (await (await open()).query<object>(text, [...values])).rows,
    async close() {
      const closing = opening
      opening = undefined
      await (await closing)?.end()
    },
  }
}

function invalid(message: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `postgresBranchKeys: ${message}`,
    why: 'Branch keys must be stored on a connection of their own.',
    fix: 'For example postgresBranchKeys({ connectionString: process.env.DATABASE_URL }).',
  })
}
