/** Gives a test file one database and any number of extended clients on it, all closed at its end. */
import { randomBytes } from 'node:crypto'
import { encryptedModels } from '../generated/kms-encrypted.js'
import type { ClientOptions } from './client.js'
import { createDatabase, runSql, type TestDatabase } from './database.js'
import { createExtendedClient } from './extended-client.js'

/** An extended client with everything that it did. */
export type ExtendedClient = ReturnType<typeof createExtendedClient>

/** What {@link useExtendedDatabase} gives. */
export interface ExtendedDatabase {
  readonly url: string
  /** A client of its own pool; its catalogue is not read yet. */
  connect(
    config?: Parameters<typeof createExtendedClient>[1],
    options?: Partial<ClientOptions>,
  ): ExtendedClient
  /** A second client, in its plainest configuration, to read with: it shares nothing with the others. */
  readonly reader: ExtendedClient['prisma']
  /** Runs SQL beside Prisma, as the owner. */
  sql(text: string, ...parameters: unknown[]): Promise<Record<string, unknown>[]>
  /** Makes a role, of the whole server, with grants in which `$role` stands for its name; gives its connection string. */
  createRole(grants: string): Promise<string>
  /** One row as it is stored. */
  stored(table: string, id: unknown, idColumn?: string): Promise<Record<string, unknown>>
}

/** Makes the database before the file's tests and drops it after them. */
export function useExtendedDatabase(): ExtendedDatabase {
  let database: TestDatabase | undefined
  const clients: ExtendedClient[] = []
  const roles: string[] = []
  let reader: ExtendedClient | undefined
  const url = (): string => {
    if (!database) throw new Error('the database exists only inside tests')
    return database.url
  }
  const sql: ExtendedDatabase['sql'] = (text, ...parameters) => runSql(url(), text, parameters)

  const connect: ExtendedDatabase['connect'] = (config, options) => {
    const client = createExtendedClient({ url: url(), ...options }, config)
    clients.push(client)
    return client
  }
  let serverUrl = ''

  beforeAll(async () => {
    database = await createDatabase()
    serverUrl = Object.assign(new URL(database.url), { pathname: '/postgres' }).href
  })
  afterAll(async () => {
    await Promise.all(clients.map(({ plain }) => plain.$disconnect()))
    await database?.drop()
    for (const role of roles) await runSql(serverUrl, `DROP ROLE ${role}`)
  })
  return {
    get url() {
      return url()
    },
    connect,
    get reader() {
      reader ??= connect()
      return reader.prisma
    },
    sql,
    async createRole(grants) {
      const role = `role_${randomBytes(6).toString('hex')}`
      await sql(`CREATE ROLE ${role} LOGIN; ${grants.replaceAll('$role', role)}`)
      roles.push(role)
      return Object.assign(new URL(url()), { username: role }).href
    },
    async stored(table, id, idColumn = 'id') {
      const [row] = await sql(`SELECT * FROM ${table} WHERE ${idColumn} = $1`, id)
      if (!row) throw new Error(`${table} has no row ${String(id)}`)
      return row
    },
  }
}

/** The statements that a client sent, by their first word, without what opens and ends transactions. */
export function statementsOf({ queries }: ExtendedClient): string[] {
  return queries
    .map(({ sql }) => /^\s*(\w+)/.exec(sql)?.[1]?.toUpperCase() ?? '')
    .filter((verb) => !['BEGIN', 'COMMIT', 'ROLLBACK', 'SET'].includes(verb))
}

/** Forgets what a client did so far. */
export function forget({ queries, kms }: ExtendedClient): void {
  queries.length = 0
  kms.reset()
}

/** A configuration in which the default key has two versions, of which one is current. */
export function versionsAt(current: 1 | 2) {
  return {
    keys: {
      default: { current, versions: { 1: { keyId: 'local/app' }, 2: { keyId: 'local/next' } } },
      phone: { keyId: 'local/phone' },
    },
  } as const
}

/** The same, on a server that seals each write of the default key's fields under a fresh data key. */
export function freshKeysAt(current: 1 | 2) {
  const { keys } = versionsAt(current)
  return { keys: { ...keys, default: { ...keys.default, freshKeys: true } } } as const
}

/** The models as an older deployment knows them, in which one field is not encrypted yet. */
export function modelsWithout<Model extends keyof typeof encryptedModels>(
  model: Model,
  field: keyof (typeof encryptedModels)[Model]['encrypted'] & string,
): typeof encryptedModels {
  const definition = encryptedModels[model]
  const others = Object.entries(definition.encrypted).filter(([name]) => name !== field)
  expect(others).toHaveLength(Object.keys(definition.encrypted).length - 1)
  // The newer types serve both.
  return { ...encryptedModels, [model]: { ...definition, encrypted: Object.fromEntries(others) } }
}

/** What a promise was rejected with; fails when it was not. */
export async function errorOf(promise: PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise
  } catch (error) {
    return error as Error & Record<string, unknown> // whatever is thrown here is an error with properties to compare
  }
  throw new Error('expected an error')
}

/** A promise's error code; `null` when it was fulfilled. */
export async function codeOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    await promise
    return null
  } catch (error) {
    return (error as { code?: unknown }).code ?? (error as Error).name
  }
}
