/**
 * Writes `prisma/migrations/0001_init/migration.sql` of each schema, without the native schema engine and offline;
 * with `--check` it writes nothing and fails when a committed file differs.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeMigrationSql } from './schema-engine.mjs'
import { fromRoot, listSchemas, readSchema } from './schemas.mjs'

const check = process.argv.includes('--check')
let stale = false

for (const { schema, migrations } of listSchemas()) {
  const files = readSchema(schema).map(({ path, content }) => ({ path: fromRoot(path), content }))
  const sql = await writeMigrationSql(files, 'postgresql')
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
