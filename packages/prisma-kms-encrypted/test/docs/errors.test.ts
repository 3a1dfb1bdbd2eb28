import { errorCodes } from '../../src/errors.js'
import { inlineCode, listPages, readPage } from './pages.js'

const page = readPage('docs/errors.md')

/** The text under each heading of the third level, by heading. */
const sections = new Map(
  page.text
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [heading = '', ...rest] = section.split('\n')
      return [heading.replaceAll('`', ''), rest.join('\n').split(/^## /m)[0] ?? ''] as const
    }),
)

/** Environment variables and the like, which look like codes. */
const otherNames =
  /^(DATABASE_URL|KMS_(KEY_ID|INDEX_KEY|LOCAL_KEY)|NODE_ENV|NO_COLOR|FORCE_COLOR|(VAULT|AWS|TEST)_\w+|SYMMETRIC_DEFAULT|ENCRYPT_DECRYPT)$/

test('the page has every code, each once, and no other', () => {
  const headings = page.headings.filter((heading) => heading.startsWith('`')).map((code) => code.slice(1, -1))
  expect(headings.toSorted()).toEqual(errorCodes.toSorted())
  expect([...sections.keys()].toSorted()).toEqual(errorCodes.toSorted())
})

test.each(errorCodes)('%s: when, why, fix and an example message with this code', (code) => {
  const section = sections.get(code) ?? ''
  for (const part of ['**When.**', '**Why.**', '**Fix.**']) expect(section).toContain(part)
  expect(section).toMatch(
    new RegExp(`\n\`\`\`text\n[^]+\n {2}why: .+\n {2}fix: .+\n {2}code: ${code}\n\`\`\`\n`),
  )
})

test.each(listPages())('%s names only codes that exist', (path) => {
  const names = inlineCode(readPage(path)).filter((code) => /^[A-Z]+(_[A-Z]+)+$/.test(code))
  const codes: readonly string[] = errorCodes
  expect(names.filter((name) => !codes.includes(name) && !otherNames.test(name))).toEqual([])
})
