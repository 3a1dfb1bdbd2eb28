/** What the package exports and takes as options is what its pages tell, no less. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as exported from '../../src/index.js'
import * as testing from '../../src/testing/index.js'
import { listPages, readPage, root } from './pages.js'

const source = join(root, 'packages/prisma-kms-encrypted/src')

/** Options of an interface, nested ones included, as its source declares them. */
function optionsOf(file: string, name: string): readonly string[] {
  const text = readFileSync(join(source, file), 'utf8')
  const body = new RegExp(`interface ${name}[^{]*\\{\\n([^]*?)\\n\\}`).exec(text)?.[1]
  if (body === undefined) throw new Error(`${file} has no interface ${name}`)
  return [...body.matchAll(/\breadonly (\w+)\??:/g)].map(([, option = '']) => option)
}

/** As `option`, `option: …` or `option.more`; a word of a sentence or of a link does not count. */
function tells(text: string, option: string): boolean {
  return new RegExp(`(?<![\\w$/])${option}[\`:.]`).test(text)
}

function hasWord(text: string, word: string): boolean {
  return new RegExp(`(?<![\\w$])${word}(?!\\w)`).test(text)
}

/** A section of a page, to the next heading of its level. */
function section(path: string, heading: string): string {
  const text = readPage(path).text.split(`\n## ${heading}\n`)[1]
  if (text === undefined) throw new Error(`${path} has no section ${heading}`)
  return text.split('\n## ')[0] ?? ''
}

test.each([
  ['extension/configuration.ts', 'KmsEncryptedConfig', 'docs/keys.md', 'All options'],
  ['extension/configuration.ts', 'KeyOptions', 'docs/keys.md', 'All options'],
  ['extension/branch-key-options.ts', 'BranchKeyOptions', 'docs/keys.md', 'Branch keys'],
  ['kms/cache-options.ts', 'DataKeyCacheOptions', 'docs/keys.md', 'Calls to the key service'],
  ['rotation/rotate-options.ts', 'RowRotation', 'docs/rotation.md', 'Options'],
  ['rotation/walk-options.ts', 'WalkOptions', 'docs/rotation.md', 'Options'],
  ['rotation/walk-options.ts', 'WalkOptions', 'docs/migrating-from-plaintext.md', 'encryptAll'],
  ['rotation/encrypt-options.ts', 'EncryptOptions', 'docs/migrating-from-plaintext.md', 'encryptAll'],
  ['box/box-config.ts', 'BoxOptions', 'docs/box.md', 'All options'],
  ['cli/define-config.ts', 'CliConfig', 'docs/cli.md', 'Configuration'],
])('%s: every option of %s stands on %s under “%s”', (file, name, page, heading) => {
  const options = optionsOf(file, name)
  expect(options.length).toBeGreaterThan(2)
  const text = section(page, heading)
  expect(options.filter((option) => !tells(text, option))).toEqual([])
})

test('every function and value that the package exports is told on some page', () => {
  const text = listPages()
    .filter((path) => path !== 'CHANGELOG.md')
    .map((path) => readPage(path).text)
    .join('\n')
  const names = [...Object.keys(exported), ...Object.keys(testing)]
  expect(names.filter((name) => !hasWord(text, name))).toEqual([])
})

test('the README’s table of guides has every page of docs', () => {
  const { text } = readPage('README.md')
  const guides = listPages().filter((path) => path.startsWith('docs/'))
  expect(guides.filter((path) => !text.includes(`](${path})`))).toEqual([])
})
