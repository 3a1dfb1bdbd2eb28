/** Runs the real `prisma generate` as a child process, with the generator's executable from the sources. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

import ts from 'typescript'

const packageFolder = fileURLToPath(new URL('../../../', import.meta.url))
const require = createRequire(import.meta.url)
const tsx = pathToFileURL(require.resolve('tsx')).href
const bin = join(packageFolder, 'src/schema/generator/bin.ts')
const prisma = join(dirname(require.resolve('prisma/package.json')), 'build/index.js')

const generator = (output: string, options = '') => `
generator kmsEncrypted {
  provider = "node --import ${tsx} ${bin}"
  output   = "${output}"
  ${options}
}`

const base = `
generator client {
  provider = "prisma-client"
  output   = "../src/generated/prisma"
}
generator clientJs {
  provider = "prisma-client-js"
  output   = "../src/generated/prisma-js"
}
datasource db {
  provider = "postgresql"
}`

const user = `
model User {
  id                   Int     @id @default(autoincrement())
  email                String? /// @encrypted
  phone                String? /// @encrypted(key: phone)
  encryptedKmsKey      String? /// @kmsKey
  encryptedKmsKeyPhone String? /// @kmsKey(phone)
  posts                Post[]
}`

const post = `
model Post {
  id       Int  @id
  authorId Int
  author   User @relation(fields: [authorId], references: [id])
}`

let folder: string

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'kms-encrypted-generate-')))
  await symlink(join(packageFolder, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

/** Writes the files of a schema folder and runs `prisma generate` over it. */
async function generate(files: Readonly<Record<string, string>>): Promise<{ code: number; output: string }> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, 'schema', name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
  // `generate` never starts the schema engine, but without this it would download one.
  const engine = { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath }
  const environment = { ...process.env, ...engine, NODE_OPTIONS: '', NO_COLOR: '1' }
  return new Promise((resolve) => {
    const args = [prisma, 'generate', '--schema', 'schema', '--no-hints']
    execFile(process.execPath, args, { cwd: folder, env: environment }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : 1, output: stdout + stderr })
    })
  })
}

/** Type errors of `text` beside the generated module, in strict mode. */
function findTypeErrors(text: string): readonly string[] {
  const file = join(folder, 'src/usage.ts')
  ts.sys.writeFile(file, text)
  const program = ts.createProgram([file], {
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    paths: { 'prisma-kms-encrypted': [join(packageFolder, 'src/schema/model.ts')] },
  })
  return ts
    .getPreEmitDiagnostics(program)
    .map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'))
}

test('generates a typed module beside both client generators, from several schema files', async () => {
  const result = await generate({
    'schema.prisma': base + generator('../src/generated/kms-encrypted.ts'),
    'models/user.prisma': user,
    'models/post.prisma': post,
  })
  expect(result.output).toContain('Generated Prisma KMS Encrypted models to ./src/generated/kms-encrypted.ts')
  expect(result.code).toBe(0)
  const module = await readFile(join(folder, 'src/generated/kms-encrypted.ts'), 'utf8')
  expect(module).toContain(
    "phone: { field: 'encryptedKmsKeyPhone', column: 'encryptedKmsKeyPhone', model: 'User', capacity: null }",
  )
  expect(
    findTypeErrors(`
      import type { EncryptedModelName, KeyName } from 'prisma-kms-encrypted'
      import { encryptedModels } from './generated/kms-encrypted.js'
      type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
      export const models: Same<keyof typeof encryptedModels, 'User' | 'Post'> = true
      export const encrypted: Same<EncryptedModelName<typeof encryptedModels>, 'User'> = true
      export const keys: Same<KeyName<typeof encryptedModels>, 'default' | 'phone'> = true
      export const column: 'encryptedKmsKey' = encryptedModels.User.keys.default.column
      // @ts-expect-error the types are exact
      export const other: 'key' = encryptedModels.User.keys.default.column
    `),
  ).toEqual([])
})

test('a problem in any schema file fails the command with its text and no stack, and writes nothing', async () => {
  const result = await generate({
    'schema.prisma': base + generator('../src/generated/kms-encrypted.ts'),
    'models/user.prisma': user.replace('/// @kmsKey(phone)', ''),
    'models/post.prisma': post.replace('@id', '@id // @kmsId'),
  })
  expect(result.code).toBe(1)
  expect(result.output).toContain(
    'Post.id: @kmsId in a comment that begins with two slashes\n' +
      '  why: Prisma drops such comments, so the annotation would have no effect.\n' +
      '  fix: Write `/// @kmsId` with three slashes, or remove it.\n' +
      '  code: INVALID_SCHEMA_COMMENT\n',
  )
  expect(result.output).not.toMatch(/^\s+at /m)
  await expect(readFile(join(folder, 'src/generated/kms-encrypted.ts'))).rejects.toMatchObject({
    code: 'ENOENT',
  })
})

test.each([
  ['a folder as output', '../src/generated', '', 'expected output to be a TypeScript file, got '],
  ['declarations as output', '../models.d.ts', '', 'expected output to be a TypeScript file, got '],
  ['an unknown option', '../models.ts', 'importPath = "x"', 'unknown option "importPath"'],
])('refuses %s', async (_, output, option, found) => {
  const result = await generate({ 'schema.prisma': base + generator(output, option) + user + post })
  expect(result.code).toBe(1)
  expect(result.output).toContain(`generator kmsEncrypted: ${found}`)
  expect(result.output).toContain('code: INVALID_CONFIGURATION')
})
