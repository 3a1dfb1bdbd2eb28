/** Turns "this test file needs a database" into a fresh one with every migration applied. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'

/** A PostgreSQL database of its own. */
export interface TestDatabase {
  /** Connection string of the owner, who is a superuser unless `DATABASE_URL` says otherwise. */
  readonly url: string
  /** Removes it, ending whatever connections are left. */
  drop(): Promise<void>
}

/** Makes a database from the migrated template, in about 50 ms; the first call of a run also starts the server. */
export async function createDatabase(): Promise<TestDatabase> {
  const server = await findServer()
  const name = `kms_encrypted_${randomBytes(6).toString('hex')}`
  await runSql(server.url, `CREATE DATABASE ${name} TEMPLATE ${server.template}`)
  return {
    url: Object.assign(new URL(server.url), { pathname: `/${name}` }).href,
    drop: async () => {
      await runSql(server.url, `DROP DATABASE ${name} WITH (FORCE)`)
    },
  }
}

/** Runs one statement, or several without parameters, on a connection of its own, beside Prisma. */
export async function runSql<Row extends pg.QueryResultRow = pg.QueryResultRow>(
  url: string,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const result = await client.query<Row>(sql, parameters.length > 0 ? [...parameters] : undefined)
    return result.rows
  } finally {
    await client.end()
  }
}

async function findServer(): Promise<{ url: string; template: string }> {
  const broker = process.env['TEST_DATABASE_BROKER']
  if (broker === undefined) throw new Error('createDatabase() works only under Jest, after its global setup')
  const response = await fetch(broker)
  if (!response.ok) throw new Error(await response.text())
  // The broker is global-setup.mjs, which answers exactly this.
  return (await response.json()) as { url: string; template: string }
}
