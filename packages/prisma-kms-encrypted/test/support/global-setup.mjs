/**
 * One PostgreSQL for a whole Jest run, started when the first test file asks for a database, so that runs of unit
 * tests never wait for it. `DATABASE_URL` names an existing server to use instead (its user must be able to create
 * databases).
 */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

const migrations = new URL('../../../../prisma/migrations/', import.meta.url)

export default async function setUp() {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  let child
  /** @type {Promise<{ url: string, template: string }> | undefined} */
  let ready

  const broker = createServer((_request, response) => {
    // A connection that is kept would be closed some seconds later, perhaps just when a test file asks again.
    response.setHeader('connection', 'close')
    ready ??= prepare()
    ready.then(
      (answer) => response.end(JSON.stringify(answer)),
      (error) => response.writeHead(500).end(String(error)),
    )
  })
  broker.listen(0, '127.0.0.1')
  await once(broker, 'listening')
  // Worker processes inherit it.
  process.env.TEST_DATABASE_BROKER = `http://127.0.0.1:${broker.address().port}`

  async function prepare() {
    const url = process.env.DATABASE_URL ?? (await startServer())
    const template = `kms_encrypted_template_${randomBytes(4).toString('hex')}`
    await run(url, `CREATE DATABASE ${template}`)
    await run(databaseUrl(url, template), readMigrations())
    return { url, template }
  }

  async function startServer() {
    const script = fileURLToPath(new URL('postgres-server.mjs', import.meta.url))
    child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'pipe'] })
    let errors = ''
    child.stderr.on('data', (chunk) => (errors += chunk))
    const [line] = await Promise.race([
      once(createInterface({ input: child.stdout }), 'line'),
      once(child, 'close').then(() => [undefined]),
    ])
    if (line === undefined) throw new Error(`PostgreSQL did not start: ${errors}`)
    return line
  }

  globalThis.stopTestDatabase = async () => {
    broker.close()
    broker.closeAllConnections()
    if (child) {
      const closed = child.exitCode === null && once(child, 'close')
      child.stdin.end()
      await closed
    } else if (ready) {
      const { url, template } = await ready
      await run(url, `DROP DATABASE ${template} WITH (FORCE)`)
    }
  }
}

function readMigrations() {
  return readdirSync(migrations, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .map((name) => readFileSync(new URL(`${name}/migration.sql`, migrations), 'utf8'))
    .join('\n')
}

function databaseUrl(url, name) {
  return Object.assign(new URL(url), { pathname: `/${name}` }).href
}

async function run(connectionString, sql) {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
