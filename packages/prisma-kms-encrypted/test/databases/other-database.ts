/** Makes extended clients on databases other than PostgreSQL, for suites that are the same on all of them. */
import type { SqlDriverAdapterFactory } from '@prisma/driver-adapter-utils'
import { kmsEncrypted } from '../../src/index.js'
import { localKms } from '../../src/providers/local.js'
import { countingKms } from '../../src/testing/index.js'
import type { encryptedModels } from '../generated/kms-encrypted.js'
import type { PrismaClient } from '../generated/prisma/client.js'
import { indexKey, localKeys, plainKeys, type createExtendedClient } from '../support/extended-client.js'
import { recordingAdapter, type Rewrite, type Statement } from './recording-adapter.js'

/** A database of its own for one test file, with the fixture's tables. */
export interface TestDatabase {
  /** A driver adapter with connections of its own. */
  adapter(): SqlDriverAdapterFactory
  drop(): Promise<void>
}

/** One kind of database. */
export interface OtherDatabase {
  readonly name: 'mysql' | 'sqlite'
  /** The client that is generated for it. */
  readonly PrismaClient: typeof PrismaClient
  readonly models: typeof encryptedModels
  /** @param exactText text compares as in PostgreSQL, case and accents included */
  createDatabase(exactText?: boolean): Promise<TestDatabase>
}

/** What clients can be made with. */
export type OtherConfig = NonNullable<Parameters<typeof createExtendedClient>[1]>

/** A plain client and the same one extended. Models and fields are those of PostgreSQL's fixture, and so are its types. */
export interface OtherClient {
  readonly plain: PrismaClient
  readonly prisma: ReturnType<typeof createExtendedClient>['prisma']
  /** Statements sent so far; a test may empty it. */
  readonly statements: Statement[]
  readonly kms: ReturnType<typeof countingKms>
  close(): Promise<void>
}

/** Makes clients on a test database. */
export function connectTo(
  { PrismaClient: Client, models }: OtherDatabase,
  database: TestDatabase,
  config: OtherConfig = {},
  options: object = {},
  rewrite?: Rewrite,
): OtherClient {
  const statements: Statement[] = []
  const adapter = recordingAdapter(database.adapter(), (statement) => statements.push(statement), rewrite)
  const plain = new Client({ ...options, adapter })
  const kms = countingKms(localKms({ keys: localKeys }))
  const prisma = plain.$extends(
    kmsEncrypted({ models, providers: [kms], keys: plainKeys, indexKey, ...config }),
  )
  return { plain, prisma, statements, kms, close: () => plain.$disconnect() }
}
