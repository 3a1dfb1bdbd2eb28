/** Enforces the floors of the source folders: a file imports from its own folder or from lower floors, never upward. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path/posix'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const source = fileURLToPath(new URL('../src/', import.meta.url))

/** Floor by folder; files of `src` itself are listed by name. A folder of two parts wins over its first part. */
const floors: Readonly<Record<string, number>> = {
  'errors.ts': 0,
  'lazy-schema.ts': 0,
  envelope: 1,
  schema: 1,
  'schema/generator': 1,
  kms: 2,
  providers: 3,
  records: 3,
  testing: 3.5,
  box: 4,
  legacy: 3.5,
  extension: 4,
  rotation: 5,
  cli: 6,
  'index.ts': 7,
}
/** Folders on one floor may not import each other, but for these. */
const neighbours: readonly (readonly [from: string, to: string])[] = [['schema/generator', 'schema']]
/** Prefixes of packages, and the only places that may import them; SDKs must be imported on first use. */
const owners: readonly { readonly name: string; readonly place: string; readonly lazy?: boolean }[] = [
  { name: '@prisma/client', place: 'extension/' },
  { name: '@prisma/generator-helper', place: 'schema/generator/' },
  { name: '@aws-sdk/', place: 'providers/aws', lazy: true },
  { name: '@smithy/', place: 'providers/aws', lazy: true },
  { name: '@google-cloud/', place: 'providers/gcp', lazy: true },
  { name: 'google-', place: 'providers/gcp', lazy: true },
  { name: 'node-vault', place: 'providers/vault', lazy: true },
  { name: '@opentelemetry/', place: 'kms/telemetry', lazy: true },
  { name: 'pg', place: 'providers/postgres', lazy: true },
]

interface Import {
  /** As written. */
  readonly name: string
  /** Erased by the compiler. */
  readonly typeOnly: boolean
  readonly dynamic: boolean
}

interface SourceFile {
  readonly imports: readonly Import[]
  readonly exportsAll: boolean
}
type Sources = ReadonlyMap<string, SourceFile>

function parseFile(path: string, text: string): SourceFile {
  const imports: Import[] = []
  let exportsAll = false
  const add = (node: ts.Expression | undefined, typeOnly: boolean, dynamic: boolean) => {
    if (node && ts.isStringLiteralLike(node)) imports.push({ name: node.text, typeOnly, dynamic })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword, false)
    } else if (ts.isExportDeclaration(node)) {
      add(node.moduleSpecifier, node.isTypeOnly, false)
      if (node.moduleSpecifier && !(node.exportClause && ts.isNamedExports(node.exportClause)))
        exportsAll = true
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node.arguments[0], false, true)
    } else if (
      ts.isImportTypeNode(node) &&
      ts.isLiteralTypeNode(node.argument) &&
      ts.isStringLiteral(node.argument.literal)
    ) {
      add(node.argument.literal, true, true)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true))
  return { imports, exportsAll }
}

function readSources(): Sources {
  const paths = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .map((path) => path.replaceAll('\\', '/'))
    .filter((path) => path.endsWith('.ts'))
  return new Map(paths.map((path) => [path, parseFile(path, readFileSync(join(source, path), 'utf8'))]))
}

const folderOf = (path: string): string => {
  const [first = '', second = ''] = path.split('/')
  return `${first}/${second}` in floors ? `${first}/${second}` : first
}
const targetOf = (path: string, { name }: Import): string | null =>
  name.startsWith('.') ? normalize(join(dirname(path), name)).replace(/\.js$/, '.ts') : null

/** Everything that breaks the rules, as sentences. */
function violationsIn(sources: Sources): string[] {
  const found: string[] = []
  for (const [path, { imports, exportsAll }] of sources) {
    const folder = folderOf(path)
    const floor = floors[folder]
    if (floor === undefined) found.push(`${path}: its folder has no floor`)
    if (exportsAll) found.push(`${path}: export *`)
    for (const used of imports) {
      const target = targetOf(path, used)
      if (target === null) found.push(...packageViolations(path, used))
      else if (!sources.has(target)) found.push(`${path}: ${used.name} is outside src or missing`)
      else found.push(...floorViolations(path, target))
    }
  }
  return [...found, ...cyclesIn(sources)]
}

function floorViolations(path: string, target: string): string[] {
  const [from, to] = [folderOf(path), folderOf(target)]
  if (target === 'index.ts') return [`${path}: imports index.ts`]
  if (from === to || neighbours.some(([above, below]) => above === from && below === to)) return []
  return (floors[to] ?? 0) < (floors[from] ?? 0) ? [] : [`${path}: ${target} is not on a lower floor`]
}

function packageViolations(path: string, { name, typeOnly, dynamic }: Import): string[] {
  const owner = owners.find((entry) => name === entry.name || name.startsWith(entry.name))
  if (!owner) return []
  if (!path.startsWith(owner.place)) return [`${path}: ${name} belongs to ${owner.place}`]
  return owner.lazy === true && !dynamic && !typeOnly
    ? [`${path}: ${name} is imported before its first use`]
    : []
}

/** Chains of imports that come back; types are erased, so they make no cycle at run time, but are counted all the same. */
function cyclesIn(sources: Sources): string[] {
  const found: string[] = []
  const done = new Set<string>()
  const walk = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      found.push(`cycle: ${[...trail.slice(start), path].join(' → ')}`)
      return
    }
    if (done.has(path)) return
    for (const used of sources.get(path)?.imports ?? []) {
      const target = targetOf(path, used)
      if (target !== null) walk(target, [...trail, path])
    }
    done.add(path)
  }
  for (const path of sources.keys()) walk(path, [])
  return found
}

test('the sources keep the floors', () => {
  expect(violationsIn(readSources())).toEqual([])
})

test('every folder of the table that exists holds sources', () => {
  const folders = new Set([...readSources().keys()].map(folderOf))
  expect([...folders].filter((folder) => !(folder in floors))).toEqual([])
  expect(folders.size).toBeGreaterThan(8)
})

describe('a violation is found', () => {
  const sources = (files: Readonly<Record<string, string>>): Sources =>
    new Map(
      Object.entries({ 'errors.ts': '', ...files }).map(([path, text]) => [path, parseFile(path, text)]),
    )

  test.each<[string, Readonly<Record<string, string>>, string]>([
    [
      'upward',
      { 'records/a.ts': `import { b } from '../extension/b.js'`, 'extension/b.ts': '' },
      'records/a.ts: extension/b.ts is not on a lower floor',
    ],
    [
      'upward, types only',
      { 'kms/a.ts': `import type { b } from '../records/b.js'`, 'records/b.ts': '' },
      'kms/a.ts: records/b.ts is not on a lower floor',
    ],
    [
      'upward by import()',
      { 'kms/a.ts': `await import('../cli/b.js')`, 'cli/b.ts': '' },
      'kms/a.ts: cli/b.ts is not on a lower floor',
    ],
    [
      'upward by an import type',
      { 'kms/a.ts': `let b: import('../cli/b.js').B`, 'cli/b.ts': '' },
      'kms/a.ts: cli/b.ts is not on a lower floor',
    ],
    [
      'upward by re-export',
      { 'kms/a.ts': `export { b } from '../cli/b.js'`, 'cli/b.ts': '' },
      'kms/a.ts: cli/b.ts is not on a lower floor',
    ],
    [
      'sideways',
      { 'records/a.ts': `import '../providers/b.js'`, 'providers/b.ts': '' },
      'records/a.ts: providers/b.ts is not on a lower floor',
    ],
    [
      'from schema into its generator',
      { 'schema/a.ts': `import './generator/b.js'`, 'schema/generator/b.ts': '' },
      'schema/a.ts: schema/generator/b.ts is not on a lower floor',
    ],
    ['of index.ts', { 'cli/a.ts': `import '../index.js'`, 'index.ts': '' }, 'cli/a.ts: imports index.ts'],
    ['of nothing', { 'kms/a.ts': `import './gone.js'` }, 'kms/a.ts: ./gone.js is outside src or missing'],
    [
      'of the client',
      { 'records/a.ts': `import '@prisma/client/extension'` },
      'records/a.ts: @prisma/client/extension belongs to extension/',
    ],
    [
      'of the generator helper',
      { 'schema/a.ts': `import type { D } from '@prisma/generator-helper'` },
      'schema/a.ts: @prisma/generator-helper belongs to schema/generator/',
    ],
    [
      'of another SDK',
      { 'providers/gcp.ts': `await import('@aws-sdk/client-kms')` },
      'providers/gcp.ts: @aws-sdk/client-kms belongs to providers/aws',
    ],
    [
      'of an SDK too early',
      { 'providers/aws.ts': `import { KMS } from '@aws-sdk/client-kms'` },
      'providers/aws.ts: @aws-sdk/client-kms is imported before its first use',
    ],
    ['export *', { 'kms/a.ts': `export * from './b.js'`, 'kms/b.ts': '' }, 'kms/a.ts: export *'],
    [
      'export * as',
      { 'index.ts': `export * as kms from './kms/b.js'`, 'kms/b.ts': '' },
      'index.ts: export *',
    ],
    [
      'a cycle',
      { 'kms/a.ts': `import './b.js'`, 'kms/b.ts': `import type { A } from './a.js'` },
      'cycle: kms/a.ts → kms/b.ts → kms/a.ts',
    ],
    ['a folder that the table does not have', { 'utils/a.ts': '' }, 'utils/a.ts: its folder has no floor'],
  ])('%s', (_, files, violation) => {
    expect(violationsIn(sources(files))).toEqual([violation])
  })

  test('and nothing else', () => {
    const files = {
      'index.ts': `export { a } from './extension/a.js'; export type { P } from './kms/p.js'`,
      'extension/a.ts': `import { Prisma } from '@prisma/client/extension'; import { p } from '../kms/p.js'; import '../errors.js'`,
      'kms/p.ts': `import { b } from '../envelope/b.js'; import { readFile } from 'node:fs'`,
      'envelope/b.ts': '',
      'schema/generator/g.ts': `import type { M } from '../m.js'; import h from '@prisma/generator-helper'`,
      'schema/m.ts': '',
      'providers/aws.ts': `import type { KMS } from '@aws-sdk/client-kms'; await import('@aws-sdk/client-kms')`,
    }
    expect(violationsIn(sources(files))).toEqual([])
  })
})
