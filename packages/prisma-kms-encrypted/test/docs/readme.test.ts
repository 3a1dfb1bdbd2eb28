/**
 * The examples of the README and the guides. A page's first whole schema (the README's, where it has none) is that of
 * its TypeScript blocks, which all see `src/prisma.ts`; models alone are the schema of the block that follows them.
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
  readonly sources: Readonly<Record<string, string>>
}

const readme = readPage('README.md')
const mainSchema = find(readme, isWholeSchema).text
const client = find(readme, ({ text }) => text.startsWith('// src/prisma.ts')).text
const examples = listPages().flatMap((path) => examplesOf(readPage(path)))
let projects: ExampleProjects

beforeAll(async () => {
  projects = await createExampleProjects()
  for (const { name, schema, sources } of examples) await projects.add(name, schema, sources)
})
afterAll(() => projects.remove())

test('every schema generates, and every example compiles in strict mode', async () => {
  const generated = await Promise.all(
    examples.map(async ({ name }) => ({ name, ...(await projects.generate(name)) })),
  )
  expect(generated.filter(({ ok }) => !ok)).toEqual([])
  expect(await projects.compile()).toEqual({ ok: true, output: '' })
})

test('the README’s migration and examples run, in their order, and print what they say', async () => {
  const database = await createDatabase()
  const migration = find(readme, ({ language }) => language === 'sql').text
  await runSql(
    database.url,
    `DROP SCHEMA public CASCADE; CREATE SCHEMA public;
    CREATE TABLE "User" ("id" serial PRIMARY KEY, "name" text NOT NULL); ${migration}`,
  )
  const [example] = examples
  const sources = Object.entries(example?.sources ?? {})
  const { ok, output } = await projects.execute(
    example?.name ?? '',
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

function examplesOf(page: Page): Example[] {
  const name = page.path.replace(/\W+/g, '-').toLowerCase()
  const found: Example[] = []
  const sources: Record<string, string> = {}
  let models: CodeBlock | null = null
  for (const block of page.blocks) {
    if (block.language === 'prisma') {
      if (models) found.push(fragment(name, models, null))
      models = isWholeSchema(block) ? null : block
    } else if (block.language === 'ts') {
      const file = /^\/\/ src\/(\S+)/.exec(block.text)?.[1] ?? `line-${block.line}.ts`
      if (models) found.push(fragment(name, models, block))
      else sources[file] = asModule(block)
      models = null
    }
  }
  if (models) found.push(fragment(name, models, null))
  const schema = page.blocks.find(isWholeSchema)?.text ?? mainSchema
  const main = { name, schema, sources: { 'prisma.ts': client, ...sources } }
  return Object.keys(sources).length > 0 ? [main, ...found] : found
}

/** Models alone, under the README's generators, with the one example that is about them. */
function fragment(page: string, models: CodeBlock, block: CodeBlock | null): Example {
  const head = mainSchema.slice(0, mainSchema.indexOf('model '))
  return {
    name: `${page}-${models.line}`,
    schema: head + models.text,
    sources: block ? { 'example.ts': asModule(block) } : {},
  }
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
