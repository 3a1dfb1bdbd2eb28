/** Makes extended clients on the test database whose default key is at real KMS servers. */
import { kmsEncrypted } from '../../src/index.js'
import type { KeyConfig } from '../../src/index.js'
import type { KmsProvider } from '../../src/kms/provider.js'
import { localKms } from '../../src/providers/local.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { createClient } from '../support/client.js'
import { createDatabase, runSql, type TestDatabase } from '../support/database.js'
import { indexKey, localKeys } from '../support/extended-client.js'

type Config = Parameters<typeof kmsEncrypted<typeof encryptedModels>>[0]

/** What one instance of an application is configured with. */
export interface InstanceConfig extends Pick<Config, 'cache'> {
  readonly providers: readonly KmsProvider[]
  readonly key: KeyConfig
}

/** An instance of an application: a client with a pool, providers and policies of its own. */
export type Instance = ReturnType<typeof createInstance>

function createInstance(url: string, { providers, key, ...config }: InstanceConfig) {
  const { prisma: plain } = createClient({ url, max: 5 })
  return plain.$extends(
    kmsEncrypted({
      ...config,
      models: encryptedModels,
      providers: [...providers, localKms({ keys: localKeys })],
      keys: { default: key, phone: { keyId: 'local/phone' } },
      indexKey,
    }),
  )
}

/** A database for one test file, with instances on it; all is closed at its end. */
export interface ServiceDatabase {
  readonly url: string
  start(config: InstanceConfig): Instance
  sql(text: string, ...parameters: unknown[]): Promise<Record<string, unknown>[]>
  /** Numbers of users by the version of their default key. */
  versions(): Promise<Readonly<Record<string, number>>>
}

/** Makes the database before the file's tests and drops it after them. */
export function useServiceDatabase(): ServiceDatabase {
  let database: TestDatabase | undefined
  const instances: Instance[] = []
  const url = (): string => {
    if (database === undefined) throw new Error('the database exists only inside tests')
    return database.url
  }
  const sql: ServiceDatabase['sql'] = (text, ...parameters) => runSql(url(), text, parameters)
  beforeAll(async () => {
    database = await createDatabase()
  })
  afterAll(async () => {
    await Promise.all(instances.map((instance) => instance.$kms.close()))
    await Promise.all(instances.map((instance) => instance.$disconnect()))
    await database?.drop()
  })
  return {
    sql,
    get url() {
      return url()
    },
    start(config) {
      const instance = createInstance(url(), config)
      instances.push(instance)
      return instance
    },
    async versions() {
      const rows = await sql(
        `SELECT substring("encryptedKmsKey" from '^v[0-9]+') AS version, count(*)::int AS count FROM "User" GROUP BY 1 ORDER BY 1`,
      )
      return Object.fromEntries(rows.map(({ version, count }) => [String(version), Number(count)]))
    },
  }
}
