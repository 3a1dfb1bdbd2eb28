/** Turns a Prisma schema and TypeScript examples into a project of its own that uses the built package. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { root } from './pages.js'

const run = promisify(execFile)
const require = createRequire(import.meta.url)
const packageFolder = join(root, 'packages/prisma-kms-encrypted')
const prisma = join(dirname(require.resolve('prisma/package.json')), 'build/index.js')
const tsc = join(dirname(require.resolve('typescript/package.json')), 'bin/tsc')

/** What a program wrote, or why it failed. */
export interface Outcome {
  readonly ok: boolean
  readonly output: string
}

/** A folder with projects in subfolders, which share `node_modules` and one compilation. */
export interface ExampleProjects {
  /** Adds `<name>/prisma/schema.prisma`, and TypeScript files in `<name>/src`. */
  add(name: string, schema: string, sources: Readonly<Record<string, string>>): Promise<void>
  /** Runs `prisma generate`, which finds the generator's command as in an application: by its name. */
  generate(name: string): Promise<Outcome>
  /** Type-checks all projects in strict mode and compiles them. */
  compile(): Promise<Outcome>
  /** Runs compiled modules of a project, one after another in one process. */
  execute(
    name: string,
    modules: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): Promise<Outcome>
  /** Runs a compiled module of a project under Node's own test runner. */
  test(name: string, module: string): Promise<Outcome>
  remove(): Promise<void>
}

/** Makes the folder; the package has to be built. */
export async function createExampleProjects(): Promise<ExampleProjects> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'kms-encrypted-docs-')))
  const link = async (target: string, name: string) => {
    const path = join(folder, 'node_modules', name)
    await mkdir(dirname(path), { recursive: true })
    await symlink(await realpath(target), path)
  }
  await link(packageFolder, 'prisma-kms-encrypted')
  await link(join(packageFolder, 'bin/prisma-kms-encrypted.js'), '.bin/prisma-kms-encrypted')
  for (const name of ['@prisma/client', '@prisma/adapter-pg']) {
    await link(join(packageFolder, 'node_modules', name), name)
  }
  await link(join(root, 'node_modules/@types/node'), '@types/node')
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  const compilerOptions = {
    target: 'ES2023',
    lib: ['ES2023'],
    module: 'NodeNext',
    strict: true,
    skipLibCheck: true,
    types: ['node'],
    rootDir: '.',
    outDir: 'out',
  }
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['*/src'], exclude: ['out'] }),
  )
  return {
    async add(name, schema, sources) {
      await mkdir(join(folder, name, 'prisma'), { recursive: true })
      await mkdir(join(folder, name, 'src'))
      await writeFile(join(folder, name, 'prisma/schema.prisma'), schema)
      for (const [file, text] of Object.entries(sources))
        await writeFile(join(folder, name, 'src', file), text)
    },
    generate: (name) =>
      start([prisma, 'generate', '--no-hints'], join(folder, name), {
        // `generate` never starts the schema engine, but without this it would download one.
        PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
        PATH: [join(folder, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
      }),
    compile: () => start([tsc, '-p', '.'], folder, {}),
    async execute(name, modules, environment) {
      const imports = modules.map(
        (module) => `await import('./${join('out', name, 'src', module).replaceAll('\\', '/')}')`,
      )
      const file = join(folder, `${name}.mjs`)
      await writeFile(file, [...imports, 'process.exit()'].join('\n'))
      return start([file], folder, environment)
    },
    test: (name, module) =>
      start(['--test', '--test-reporter=tap', join('out', name, 'src', module)], folder, {}),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}

async function start(
  args: readonly string[],
  cwd: string,
  environment: Readonly<Record<string, string>>,
): Promise<Outcome> {
  // What this run of Jest sets would change how the child behaves.
  const env = { ...process.env, NODE_OPTIONS: '', NODE_ENV: 'test', NO_COLOR: '1', ...environment }
  try {
    const { stdout, stderr } = await run(process.execPath, args, { cwd, env, maxBuffer: 2 ** 24 })
    return { ok: true, output: stdout + stderr }
  } catch (error) {
    // `execFile` rejects with an Error that has both streams.
    const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string }
    return { ok: false, output: stdout + stderr || message }
  }
}
