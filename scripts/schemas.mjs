/** Where the schemas live that this repository generates code and migrations from. */
import { readdirSync, readFileSync, existsSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * Every schema of the repository: the fixture of the integration tests, then those of the benchmarks and the examples.
 *
 * @returns {{ schema: string, migrations: string }[]} absolute paths; `schema` is a file or a folder of files
 */
export function listSchemas() {
  const examples = join(root, 'examples')
  const owners = [
    root,
    join(root, 'packages/benchmarks'),
    ...readdirSync(examples).map((name) => join(examples, name)),
  ]
  return owners.flatMap((owner) => {
    const schema = [join(owner, 'prisma/schema'), join(owner, 'prisma/schema.prisma')].find((path) =>
      existsSync(path),
    )
    return schema ? [{ schema, migrations: join(owner, 'prisma/migrations') }] : []
  })
}

/**
 * The files of a schema in a stable order.
 *
 * @param {string} schema file or folder
 * @returns {{ path: string, content: string }[]}
 */
export function readSchema(schema) {
  const paths = statSync(schema).isDirectory()
    ? readdirSync(schema)
        .filter((name) => name.endsWith('.prisma'))
        .sort()
        .map((name) => join(schema, name))
    : [schema]
  return paths.map((path) => ({ path, content: readFileSync(path, 'utf8') }))
}

/** @param {string} path */
export const fromRoot = (path) => relative(root, path)
