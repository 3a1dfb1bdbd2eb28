/**
 * The examples of the README and the guides. A page's whole schema (the README's, where it has none) is that of its
 * TypeScript blocks; models alone are the schema of the one block that follows them. All see the page's `src/prisma.ts`.
 */
import { existsSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { createDatabase, runSql } from '../support/database.js'
import { generateLocalKey } from '../../src/providers/local.js'
import { createExampleProjects, type ExampleProjects } from './example-project.js'
import { anchorOf, linksOf, listPages, readPage, root, type CodeBlock, type Page } from './pages.js'

interface Example {
  readonly name: string
  readonly schema: string
  /** File names with their texts, in the order of the page. */
  readonly sources: Record<string, string>
}

const readme = readPage('README.md')
const mainSchema = find(readme, isWholeSchema).text
const client = find(readme, ({ text }) => text.startsWith('// src/prisma.ts')).text
const main: Example = { name: 'readme', schema: mainSchema, sources: { 'prisma.ts': client } }
const examples = [main, ...listPages().flatMap((path) => examplesOf(readPage(path)))]
let projects: ExampleProjects

beforeAll(async () => {
  projects = await createExampleProjects()
  for (const { name, schema, sources } of examples)
    await projects.add(name, onlyNeeded(schema, sources), sources)
})
afterAll(() => projects.remove())

test('every schema generates, and every example compiles in strict mode', async () => {
  const generated = await Promise.all(
    examples.map(async ({ name }) => ({ name, ...(await projects.generate(name)) })),
  )
  expect(generated.filter(({ ok }) => !ok)).toEqual([])
  expect(await projects.compile()).toEqual({ ok: true, output: '' })
}, 300_000)

test('the migration and examples of the README, then those of Queries, run in their order and print what they say', async () => {
  const database = await createDatabase()
  const migration = find(readme, ({ language }) => language === 'sql').text
  await runSql(
    database.url,
    `DROP SCHEMA public CASCADE; CREATE SCHEMA public;
    CREATE TABLE "User" ("id" serial PRIMARY KEY, "name" text NOT NULL); ${migration}`,
  )
  const ownFiles = [readme, readPage('docs/queries.md')].flatMap((page) =>
    page.blocks.map((block) => fileOf(page, block)),
  )
  const sources = Object.entries(main.sources).filter(([file]) => ownFiles.includes(file))
  const { ok, output } = await projects.execute(
    main.name,
    sources.map(([file]) => file.replace(/ts$/, 'js')),
    { DATABASE_URL: database.url, KMS_KEY_ID: 'local/app', KMS_LOCAL_KEY: generateLocalKey() },
  )
  expect([ok, output]).toEqual([true, expect.any(String)])
  const printed = sources.flatMap(([, text]) =>
    [...text.matchAll(/^\s*console\.log\(.+\) \/\/ (.+)$/gm)].map(([, line = '']) => line),
  )
  expect(printed.length).toBeGreaterThan(0)
  for (const line of printed) expect(output.split('\n')).toContain(line)
  const [row] = await runSql(database.url, 'SELECT * FROM "User" ORDER BY id')
  expect(row?.['name']).toBe('Ada')
  expect(row?.['email']).toMatch(/^S0UB/)
  expect(row?.['notes']).toMatch(/^S0UB/)
  expect(row?.['encryptedKmsKey']).toMatch(/^v1:/)
  await database.drop()
})

test('the provider of the guide passes the contract suite, under the runner of the guide', async () => {
  const { ok, output } = await projects.test(main.name, 'acme-kms.test.js')
  expect([ok, output]).toEqual([true, expect.stringMatching(/# tests [2-9]\d\n[^]*# fail 0\n/)])
})

test.each(listPages())('%s: links to files and headings of this repository lead somewhere', (path) => {
  const dead = linksOf(readPage(path)).filter((link) => !/^https:/.test(link) && !leadsSomewhere(path, link))
  expect(dead).toEqual([])
})

function leadsSomewhere(from: string, link: string): boolean {
  const [file = '', anchor] = link.split('#')
  const path = file === '' ? from : normalize(join(dirname(from), file))
  if (!existsSync(join(root, path))) return false
  return anchor === undefined || readPage(path).headings.map(anchorOf).includes(anchor)
}

/** Adds the blocks of a page without a schema of its own to the README's; returns those that have another. */
function examplesOf(page: Page): Example[] {
  const name = nameOf(page)
  const schema = page.blocks.find(isWholeSchema)?.text
  const own = schema === undefined || page.path === readme.path ? main : { name, schema, sources: {} }
  const found: Example[] = own === main ? [] : [own]
  let models: CodeBlock | null = null
  for (const block of page.blocks) {
    if (block.language === 'prisma') {
      if (models) found.push(fragment(name, models, null))
      models = isWholeSchema(block) ? null : block
    } else if (block.language === 'ts') {
      if (models) found.push(fragment(name, models, block))
      else own.sources[fileOf(page, block)] = asModule(block)
      models = null
    }
  }
  return models ? [...found, fragment(name, models, null)] : found
}

function nameOf(page: Page): string {
  return page.path.replace(/\W+/g, '-').toLowerCase()
}

/** The file that a block says it is, or one of its own. */
function fileOf(page: Page, block: CodeBlock): string {
  return /^\/\/ src\/(\S+)/.exec(block.text)?.[1] ?? `${nameOf(page)}-${block.line}.ts`
}

/** Models alone, under the README's generators, with the one example that is about them. */
function fragment(page: string, models: CodeBlock, block: CodeBlock | null): Example {
  const head = mainSchema.slice(0, mainSchema.indexOf('model '))
  const source = block ? asModule(block) : ''
  return {
    name: `${page}-${models.line}`,
    schema: head + models.text,
    sources: {
      ...(source.includes("'./prisma.js'") ? { 'prisma.ts': client } : {}),
      ...(block ? { 'example.ts': source } : {}),
    },
  }
}

/** The client takes long to compile, so it is generated only where an example uses it. */
function onlyNeeded(schema: string, sources: Readonly<Record<string, string>>): string {
  const used = Object.values(sources).some((text) => text.includes("'./generated/prisma/client.js'"))
  return used ? schema : schema.replace(/^generator client \{[^}]+\}\n/m, '')
}

/** Names of one example must not meet those of another. */
function asModule({ text }: CodeBlock): string {
  return /^(import|export) /m.test(text) ? text : `${text}\nexport {}\n`
}

function isWholeSchema({ language, text }: CodeBlock): boolean {
  return language === 'prisma' && /^generator /m.test(text)
}

function find(page: Page, wanted: (block: CodeBlock) => boolean): CodeBlock {
  const block = page.blocks.find(wanted)
  if (!block) throw new Error(`${page.path} lacks a block that its tests need`)
  return block
}
