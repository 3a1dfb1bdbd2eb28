/** Turns a Prisma schema into the SQL that creates its tables: without the native schema engine, a database or a network. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { bindSqlAdapterFactory, ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import { root } from './schemas.mjs'

// A dependency of the package, not of the workspace.
const { getDMMF } = createRequire(join(root, 'packages/prisma-kms-encrypted/package.json'))(
  '@prisma/internals',
)

/** What the engine is told of its database: the adapter's name for it, and the answer to its only questions. */
const databases = {
  postgresql: { provider: 'postgres', version: 'PostgreSQL 18.0', schemaName: 'public' },
  sqlite: { provider: 'sqlite', version: '3.45.0', schemaName: 'main' },
}

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
function createStandIn({ provider, version, schemaName }) {
  const info = { provider, adapterName: 'stand-in' }
  const answer = {
    columnNames: ['exists', 'version', 'numeric_version'],
    columnTypes: [ColumnTypeEnum.Boolean, ColumnTypeEnum.Text, ColumnTypeEnum.Int32],
    rows: [[true, version, 180_000]],
  }
  const refuse = () => Promise.reject(new Error('the stand-in database cannot be written'))
  const connection = {
    ...info,
    queryRaw: () => Promise.resolve(answer),
    executeRaw: refuse,
    executeScript: refuse,
    startTransaction: refuse,
    getConnectionInfo: () => ({ schemaName, supportsRelationJoins: true }),
    dispose: () => Promise.resolve(),
  }
  return { ...info, connect: () => Promise.resolve(connection) }
}

/** The encrypted columns as `table.column`, with quotes. */
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

const SchemaEngine = await loadSchemaEngine()

/**
 * The SQL that creates a schema's tables in an empty database.
 *
 * @param {{ path: string, content: string }[]} files
 * @param {'postgresql' | 'sqlite'} database the engine's build for WebAssembly knows no MySQL
 * @returns {Promise<string>}
 */
export async function writeMigrationSql(files, database) {
  const datamodels = files.map(({ path, content }) => [path, content])
  const adapter = bindSqlAdapterFactory(createStandIn(databases[database]))
  const engine = await SchemaEngine.new({ datamodels }, () => {}, adapter)
  const { stdout } = await engine.diff({
    from: { tag: 'empty' },
    to: { tag: 'schemaDatamodel', files },
    script: true,
    exitCode: null,
    shadowDatabaseUrl: null,
    filters: { externalTables: [], externalEnums: [] },
  })
  return leaveOutUniqueCiphertext(stdout.trimEnd() + '\n', await listEncryptedColumns(datamodels))
}
