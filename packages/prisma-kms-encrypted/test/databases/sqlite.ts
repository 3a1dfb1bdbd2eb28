/** SQLite, in a file that is thrown away, through libSQL's driver. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PrismaLibSql } from '@prisma/adapter-libsql'
import type { encryptedModels as postgresModels } from '../generated/kms-encrypted.js'
import type { PrismaClient as PostgresClient } from '../generated/prisma/client.js'
import { encryptedModels } from '../generated/sqlite/kms-encrypted.js'
import { PrismaClient } from '../generated/sqlite/prisma/client.js'
import type { OtherDatabase } from './other-database.js'

const migration = new URL('../generated/sqlite/migration.sql', import.meta.url)

/** SQLite as a database of the shared suites. */
export const sqlite: OtherDatabase = {
  name: 'sqlite',
  // The same models, from the same file: only types that differ in operations which SQLite lacks.
  PrismaClient: PrismaClient as unknown as typeof PostgresClient,
  models: encryptedModels as unknown as typeof postgresModels,

  async createDatabase() {
    const folder = await mkdtemp(join(tmpdir(), 'kms-encrypted-sqlite-'))
    const adapter = () => new PrismaLibSql({ url: `file:${join(folder, 'test.db')}` })
    const connection = await adapter().connect()
    await connection.executeScript(await readFile(migration, 'utf8'))
    await connection.dispose()
    return { adapter, drop: () => rm(folder, { recursive: true, force: true }) }
  },
}
