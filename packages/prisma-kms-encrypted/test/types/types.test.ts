/** Compiles the `*.test-d.ts` files beside it, with the clients of both generators. */
import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const require = createRequire(import.meta.url)
const folder = fileURLToPath(new URL('.', import.meta.url))
const schema = fileURLToPath(new URL('../../../../prisma/schema/', import.meta.url))
const generated = fileURLToPath(new URL('../generated/', import.meta.url))
const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc')
const prisma = join(dirname(require.resolve('prisma/package.json')), 'build/index.js')

/** As applications compile: strict, with the workspace's own settings. */
async function compile(directory: string): Promise<string> {
  const project = join(directory, 'tsconfig.types.json')
  const compilerOptions = { noEmit: true, types: ['node'], declaration: false, noUnusedLocals: false }
  const settings = {
    extends: fileURLToPath(new URL('../../../../tsconfig.base.json', import.meta.url)),
    compilerOptions,
    include: [join(directory, '*.test-d.ts')],
  }
  await writeFile(project, JSON.stringify(settings))
  try {
    await run(process.execPath, [tsc, '-p', project])
    return ''
  } catch (error) {
    return (error as { stdout?: string }).stdout ?? String(error) // what execFile rejects with
  } finally {
    await rm(project)
  }
}

/** Each compiles a whole client, which takes a while beside other work. */
const timeoutMs = 180_000

test(
  'with the generator prisma-client',
  async () => {
    expect(await compile(folder)).toBe('')
  },
  timeoutMs,
)

test(
  'with the generator prisma-client-js',
  async () => {
    const copy = join(generated, `types-${process.pid}`)
    await cp(schema, join(copy, 'schema'), { recursive: true })
    const file = join(copy, 'schema/schema.prisma')
    const text = await readFile(file, 'utf8')
    const generator = 'generator client {\n  provider = "prisma-client-js"\n  output = "../client"\n}'
    await writeFile(
      file,
      text.replace(/generator client \{[^}]*\}/, generator).replace(/generator kmsEncrypted \{[^}]*\}/, ''),
    )
    try {
      // `generate` never runs the native schema engine, but looks for some executable.
      const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, NODE_OPTIONS: '' }
      await run(process.execPath, [prisma, 'generate', '--schema', join(copy, 'schema')], { env })
      const sources = join(copy, 'types')
      await mkdir(sources)
      for (const name of await readdir(folder)) {
        if (!name.endsWith('.test-d.ts')) continue
        const source = await readFile(join(folder, name), 'utf8')
        const moved = source
          .replaceAll('../generated/prisma/client.js', '../client/index.js')
          .replaceAll('../generated/kms-encrypted.js', '../../kms-encrypted.js')
          .replaceAll('../../src/', '../../../../src/')
        await writeFile(join(sources, name), moved)
      }
      expect(await compile(sources)).toBe('')
    } finally {
      await rm(copy, { recursive: true })
    }
  },
  timeoutMs,
)
