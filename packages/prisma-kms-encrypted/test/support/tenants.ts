/** Turns the fixture into one without `@@schema`, so that several tenants can have its tables in schemas of their own. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { kmsEncrypted } from '../../src/index.js'
import { localKms } from '../../src/providers/local.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import type { PrismaClient as FixtureClient } from '../generated/prisma/client.js'
import { runSql } from './database.js'
import { indexKey, localKeys, plainKeys } from './extended-client.js'

const generated = new URL('../generated/', import.meta.url)
const migrations = new URL('../../../../prisma/migrations/', import.meta.url)

/** The generated models with the connection's schema instead of their own. */
export const tenantModels = Object.fromEntries(
  Object.entries(encryptedModels).map(([name, model]) => [name, { ...model, schema: null }]),
) as unknown as typeof encryptedModels // same keys, so that the configuration stays typed

/**
 * Copies the generated client and takes the schemas out of the Prisma schema that it carries.
 * @returns its class; the copy is removed by `remove()`
 */
export async function loadTenantClient(): Promise<{
  PrismaClient: typeof FixtureClient
  remove(): Promise<void>
}> {
  const folder = new URL(`tenant-${process.pid}/`, generated)
  await cp(new URL('prisma/', generated), folder, { recursive: true })
  const file = new URL('internal/class.ts', folder)
  const text = await readFile(file, 'utf8')
  const without = text
    .replaceAll(/\\n {2}@@schema\(\\"\w+\\"\)/g, '')
    .replace(/\\n {2}schemas += \[[^\]]*\]/, '')
  if (/@@schema|schemas +=/.test(without)) throw new Error('the generated client has changed')
  await writeFile(file, without)
  const module = (await import(new URL('client.ts', folder).pathname)) as {
    PrismaClient: typeof FixtureClient
  }
  return { PrismaClient: module.PrismaClient, remove: () => rm(folder, { recursive: true }) }
}

/** Makes a tenant's schema with all tables of the fixture. */
export async function createTenant(url: string, schema: string): Promise<void> {
  const sql = await readFile(new URL('0001_init/migration.sql', migrations), 'utf8')
  const own = sql.replaceAll('"audit".', '').replaceAll(/CREATE SCHEMA[^;]*;/g, '')
  await runSql(url, `CREATE SCHEMA "${schema}"; SET search_path = "${schema}"; ${own}`)
}

/** An extended client of one tenant: by the adapter's option, or, without it, by the connection's `search_path`. */
export function connectTenant(PrismaClient: typeof FixtureClient, connectionString: string, schema?: string) {
  const adapter = new PrismaPg({ connectionString }, schema === undefined ? {} : { schema })
  return new PrismaClient({ adapter }).$extends(
    kmsEncrypted({
      models: tenantModels,
      providers: [localKms({ keys: localKeys })],
      keys: plainKeys,
      indexKey,
    }),
  )
}
