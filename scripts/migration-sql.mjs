/**
 * Writes `prisma/migrations/0001_init/migration.sql` of each schema, without the native schema engine and offline;
 * with `--check` it writes nothing and fails when a committed file differs.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { bindSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import { fromRoot, listSchemas, readSchema, root } from './schemas.mjs'

// A dependency of the package, not of the workspace.
const { getDMMF } = createRequire(join(root, 'packages/prisma-kms-encrypted/package.json'))(
  '@prisma/internals',
)

/** The engine is built for bundlers, which turn `import … from '….wasm'` into code; Node needs it instantiated. */
async function loadSchemaEngine() {
  const bindingsUrl = import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const bindings = await import(bindingsUrl)
  const binary = await readFile(new URL('schema_engine_bg.wasm', bindingsUrl))
  const { instance } = await WebAssembly.instantiate(binary, { './schema_engine_bg.js': bindings })
  bindings.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
  return bindings.SchemaEngine
}

/** The engine asks its database only for its version and whether the schema exists; the difference from nothing needs no more. */
function createStandIn() {
  const info = { provider: 'postgres', adapterName: 'stand-in' }
  const answer = {
    columnNames: ['exists', 'version', 'numeric_version'],
    columnTypes: [ColumnTypeEnum.Boolean, ColumnTypeEnum.Text, ColumnTypeEnum.Int32],
    rows: [[true, 'PostgreSQL 18.0', 180_000]],
  }
  const refuse = () => Promise.reject(new Error('the stand-in database cannot be written'))
  const connection = {
    ...info,
    queryRaw: () => Promise.resolve(answer),
    executeRaw: refuse,
    executeScript: refuse,
    startTransaction: refuse,
    getConnectionInfo: () => ({ schemaName: 'public', supportsRelationJoins: true }),
    dispose: () => Promise.resolve(),
  }
  return { ...info, connect: () => Promise.resolve(connection) }
}

/** The encrypted columns as `table.column`, with PostgreSQL's quotes. */
async function listEncryptedColumns(datamodels) {
  const { datamodel } = await getDMMF({ datamodel: datamodels })
  const columns = datamodel.models.flatMap((model) =>
    model.fields
      .filter(({ documentation = '' }) => /(^|\s)@encrypted\b/.test(documentation))
      .map((field) => `"${model.dbName ?? model.name}"."${field.dbName ?? field.name}"`),
  )
  return new Set(columns)
}

/**
 * Leaves out unique indexes on encrypted columns: `@unique` stands there only for Prisma's types. Equal values have
 * different ciphertexts, and long ones exceed an index entry; the unique blind index in another column enforces it.
 */
function leaveOutUniqueCiphertext(sql, encrypted) {
  const index = /^-- CreateIndex\nCREATE UNIQUE INDEX ("[^"]+") ON (?:"[^"]+"\.)?("[^"]+")\(([^)]+)\);$/gm
  return sql.replace(index, (statement, name, table, list) => {
    const column = list.split(', ').find((quoted) => encrypted.has(`${table}.${quoted}`))
    return column === undefined
      ? statement
      : `-- Left out: unique index ${name}, because ${table}.${column} holds ciphertext; a blind index stands for it.`
  })
}

const check = process.argv.includes('--check')
const SchemaEngine = await loadSchemaEngine()
const adapter = bindSqlAdapterFactory(createStandIn())
let stale = false

for (const { schema, migrations } of listSchemas()) {
  const files = readSchema(schema).map(({ path, content }) => ({ path: fromRoot(path), content }))
  const datamodels = files.map(({ path, content }) => [path, content])
  const engine = await SchemaEngine.new({ datamodels }, () => {}, adapter)
  const { stdout } = await engine.diff({
    from: { tag: 'empty' },
    to: { tag: 'schemaDatamodel', files },
    script: true,
    exitCode: null,
    shadowDatabaseUrl: null,
    filters: { externalTables: [], externalEnums: [] },
  })
  const sql = leaveOutUniqueCiphertext(stdout.trimEnd() + '\n', await listEncryptedColumns(datamodels))
  const path = join(migrations, '0001_init/migration.sql')
  if (!check) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, sql)
    writeFileSync(join(migrations, 'migration_lock.toml'), 'provider = "postgresql"\n')
  } else if (read(path) !== sql) {
    stale = true
    console.error(
      `${fromRoot(path)} differs from ${fromRoot(schema)}: run \`npx pnpm@10 migration-sql\` and commit.`,
    )
  }
}
if (stale) process.exitCode = 1

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}
