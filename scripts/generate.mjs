/**
 * Runs `prisma generate` for every schema of the repository, offline, and only where something changed since the
 * last run: the stamp covers the schema, our own generator and the lockfile, and lives among the generated files.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join, resolve } from 'node:path'
import { writeDatabaseFixtures } from './database-fixtures.mjs'
import { fromRoot, listSchemas, readSchema, root } from './schemas.mjs'

const require = createRequire(import.meta.url)
const prisma = join(dirname(require.resolve('prisma/package.json')), 'build/index.js')
const build = join(root, 'packages/prisma-kms-encrypted/build')

for (const schema of [...listSchemas().map(({ schema }) => schema), ...(await writeDatabaseFixtures())]) {
  const outputs = readSchema(schema).flatMap(({ path, content }) =>
    [...content.matchAll(/^\s*output\s*=\s*"(.+)"/gm)].map(([, output]) => resolve(dirname(path), output)),
  )
  const stamp = join(dirname(outputs[0]), '.stamp')
  const hash = hashInputs(schema)
  if (outputs.every((output) => existsSync(output)) && read(stamp) === hash) continue
  generate(schema)
  writeFileSync(stamp, hash)
}

function generate(schema) {
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [prisma, 'generate', '--schema', schema],
    {
      cwd: root,
      encoding: 'utf8',
      env: {
        ...process.env,
        // `generate` never runs the native schema engine, but would download it unless some executable is named.
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PRISMA_HIDE_UPDATE_MESSAGE: '1',
        PATH: [join(dirname(dirname(schema)), 'node_modules/.bin'), process.env.PATH].join(delimiter),
      },
    },
  )
  if (status === 0) return
  process.stderr.write(`prisma generate failed for ${fromRoot(schema)}\n${stdout}${stderr}${error ?? ''}\n`)
  process.exit(1)
}

/** The generator imports only from its own floor and the one below (test/architecture.test.ts). */
function hashInputs(schema) {
  const compiled = readdirSync(join(build, 'schema'), { recursive: true })
    .filter((name) => name.endsWith('.js'))
    .sort()
    .map((name) => join(build, 'schema', name))
  const files = [
    ...readSchema(schema).map(({ path }) => path),
    join(root, 'pnpm-lock.yaml'),
    join(build, 'errors.js'),
    ...compiled,
  ]
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${file}\n`).update(readFileSync(file)).update('\n')
  return hash.digest('hex')
}

function read(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : null
}
