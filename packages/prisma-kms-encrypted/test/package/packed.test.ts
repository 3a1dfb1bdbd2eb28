import { createRequire } from 'node:module'
import { readdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createPackedProject, type PackedProject } from './packed-project.js'

const require = createRequire(import.meta.url)
const root = join(import.meta.dirname, '../../../..')
const jest = join(dirname(require.resolve('jest/package.json', { paths: [root] })), 'bin/jest.js')
const sdks = /^pg$|@opentelemetry|@aws-sdk|@smithy|@google-cloud|google-gax|node-vault|axios/
let project: PackedProject

beforeAll(async () => {
  project = await createPackedProject()
})
afterAll(() => project.remove())

test('every entry point loads by import and by require, with the same exports, in one copy', async () => {
  await project.write(
    'load.cjs',
    `const specifiers = ${JSON.stringify(project.specifiers)}
    Promise.all(specifiers.map((specifier) => import(specifier))).then((imported) => {
      for (const [i, specifier] of specifiers.entries()) {
        const required = require(specifier)
        for (const name of Object.keys(imported[i])) {
          if (required[name] !== imported[i][name]) throw new Error(specifier + ' has two copies of ' + name)
        }
        console.log(specifier, Object.keys(required).length)
      }
    })`,
  )
  const { ok, output } = await project.node('load.cjs')
  expect([ok, output]).toEqual([true, expect.any(String)])
  for (const specifier of project.specifiers) expect(output).toMatch(new RegExp(`^${specifier} [1-9]`, 'm'))
})

test('Jest without flags loads every entry point from a CommonJS project', async () => {
  await project.write(
    'commonjs.test.js',
    `for (const specifier of ${JSON.stringify(project.specifiers)}) {
      test(specifier, () => { expect(Object.keys(require(specifier))).not.toEqual([]) })
    }
    test('a job over a table is loaded when it is called', async () => {
      const { rotateAll } = require('prisma-kms-encrypted')
      await expect(rotateAll({})).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' })
    })
    test('a wrong option is named in words', () => {
      const { createBox } = require('prisma-kms-encrypted')
      expect(() => createBox({ keyId: 7 })).toThrow(/expected string, received number|Invalid input/)
    })
    test('an error is told apart by its code', () => {
      const { KmsEncryptedError, isKmsEncryptedError } = require('prisma-kms-encrypted')
      const error = new KmsEncryptedError({ code: 'INVALID_VALUE', message: 'm', why: 'w', fix: 'f' })
      expect(isKmsEncryptedError(error, 'INVALID_VALUE')).toBe(true)
    })`,
  )
  const { ok, output } = await project.node(jest, '--rootDir', project.folder, 'commonjs')
  expect([ok, output]).toEqual([true, expect.stringContaining(`${project.specifiers.length + 3} passed`)])
})

test('whatever the CommonJS files require loads there, also what they require on first use', async () => {
  const required = new Set<string>()
  const folder = join(project.folder, 'node_modules/prisma-kms-encrypted/dist/cjs')
  for (const file of await readdir(folder, { recursive: true })) {
    if (!file.endsWith('.js')) continue
    const text = await readFile(join(folder, file), 'utf8')
    for (const [, specifier = ''] of text.matchAll(/\brequire\("([^".][^"]*)"\)/g)) {
      if (!specifier.startsWith('node:') && !sdks.test(specifier)) required.add(specifier)
    }
  }
  await project.write(
    'requires.test.js',
    `test.each(${JSON.stringify([...required])})('%s', (specifier) => { require(specifier) })`,
  )
  const { ok, output } = await project.node(jest, '--rootDir', project.folder, 'requires')
  expect([ok, output]).toEqual([true, expect.stringContaining(`${required.size} passed`)])
})

test('the packed command runs, with a TypeScript configuration', async () => {
  const bin = 'node_modules/prisma-kms-encrypted/bin/kms-encrypted.js'
  expect(await project.node(bin, '--version')).toEqual({ ok: true, output: '0.1.0\n' })
  await project.write(
    'kms-encrypted.config.ts',
    `import { defineConfig } from 'prisma-kms-encrypted/config'
    import { insecureTestKms } from './provider.js'
    export default defineConfig({ client: () => { throw new Error('not needed') }, providers: [insecureTestKms] as const })`,
  )
  await project.write(
    'provider.ts',
    `export const insecureTestKms = {
      name: 'mine',
      accepts: (keyId: string): boolean => keyId === 'mine',
      wrap: async (_: string, items: readonly unknown[]) => items.map(() => ({ ok: true, value: new Uint8Array(9) })),
      unwrap: async () => [],
    }`,
  )
  const created = await project.node(bin, 'index-key', 'create', '--key-id', 'mine', '--json')
  expect(created).toEqual({ ok: true, output: '{"keyId":"mine","key":"v1:AAAAAAAAAAAA"}\n' })
})

test('importing the package loads no KMS SDK, no code of the command line or the generator, and no job over tables', async () => {
  const log = join(project.folder, 'loaded.txt')
  await project.write(
    'hook.mjs',
    `import { appendFileSync } from 'node:fs'
    export async function resolve(specifier, context, next) {
      appendFileSync(${JSON.stringify(log)}, specifier + '\\n')
      return next(specifier, context)
    }`,
  )
  await project.write(
    'sdk.mjs',
    `import { createRequire, register } from 'node:module'
    register('./hook.mjs', import.meta.url)
    await import('prisma-kms-encrypted')
    const require = createRequire(import.meta.url)
    require('./node_modules/prisma-kms-encrypted/dist/cjs/index.js')
    console.log(Object.keys(require.cache).join('\\n'))`,
  )
  const { ok, output } = await project.node('sdk.mjs')
  const loaded = (await readFile(log, 'utf8')) + output
  expect([ok, output]).toEqual([true, expect.stringContaining('dist/cjs/index.js')])
  expect(loaded).toContain('prisma-kms-encrypted')
  const commandLine = /commander|jiti|cli-progress|cli-table3|picocolors|dist\/cli\//
  const jobs = /rotate-all|encrypt-all|walk-table|status-|ranges-/
  const unwanted = (line: string) =>
    sdks.test(line) || commandLine.test(line) || line.includes('generator-helper') || jobs.test(line)
  expect(loaded.split('\n').filter(unwanted)).toEqual([])
})

test('types resolve for ES modules and CommonJS, under node16 and nodenext', async () => {
  const imports = project.specifiers.map((specifier, i) => `import * as m${i} from '${specifier}'`)
  const uses = project.specifiers.map((_, i) => `void m${i}`)
  const text = [...imports, ...uses, 'export const code: m0.ErrorCode = "INVALID_VALUE"'].join('\n')
  await project.write('consumer.mts', text)
  await project.write('consumer.cts', text)
  const tsc = join(dirname(require.resolve('typescript/package.json', { paths: [root] })), 'bin/tsc')
  for (const module of ['node16', 'nodenext']) {
    const compilerOptions = {
      module,
      target: 'es2022',
      strict: true,
      skipLibCheck: true,
      noEmit: true,
      types: [],
    }
    await project.write(
      'tsconfig.json',
      JSON.stringify({ compilerOptions, files: ['consumer.mts', 'consumer.cts'] }),
    )
    expect(await project.node(tsc, '-p', '.')).toEqual({ ok: true, output: '' })
  }
})
