/** MariaDB, on the server that `scripts/test-databases` has started. */
import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { createConnection } from 'mariadb'
import type { encryptedModels as postgresModels } from '../generated/kms-encrypted.js'
import { encryptedModels } from '../generated/mysql/kms-encrypted.js'
import { PrismaClient } from '../generated/mysql/prisma/client.js'
import type { PrismaClient as PostgresClient } from '../generated/prisma/client.js'
import type { OtherDatabase } from './other-database.js'

const migration = new URL('../generated/mysql/migration.sql', import.meta.url)

/** MariaDB as a database of the shared suites. */
export const mariadb: OtherDatabase = {
  name: 'mysql',
  // The same models, from the same file: only types that differ in operations which MySQL lacks.
  PrismaClient: PrismaClient as unknown as typeof PostgresClient,
  models: encryptedModels as unknown as typeof postgresModels,

  async createDatabase(exactText = false) {
    const server = serverOptions()
    const database = `kms_encrypted_${randomBytes(6).toString('hex')}`
    const sql = await readFile(migration, 'utf8')
    const tables = exactText ? sql.replaceAll('utf8mb4_unicode_ci', 'utf8mb4_nopad_bin') : sql
    const run = async (text: string) => {
      const connection = await createConnection({ ...server, multipleStatements: true })
      try {
        await connection.query(text)
      } finally {
        await connection.end()
      }
    }
    await run(`CREATE DATABASE ${database}; USE ${database}; ${tables}`)
    return {
      adapter: () => new PrismaMariaDb({ ...server, database, connectionLimit: 10 }),
      drop: () => run(`DROP DATABASE ${database}`),
    }
  },
}

function serverOptions() {
  const address = process.env['TEST_MARIADB_URL']
  if (address === undefined) throw new Error('run `pnpm test:databases`, which starts the server')
  const { hostname, port, username, password } = new URL(address)
  return { host: hostname, port: Number(port), user: username, password }
}
