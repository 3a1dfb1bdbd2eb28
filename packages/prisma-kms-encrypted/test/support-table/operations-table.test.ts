/**
 * The table in docs/operations.md: every operation × clause is run on an encrypted model and on its twin; a cell is
 * "supported" only if both came to the same result and the same stored records. `UPDATE_DOCS=1` writes the page.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { absent, type Column, type Place, type Row, type Section, type Verdict } from './cell.js'
import { createFixture, type Fixture } from './fixture.js'
import { judge } from './judge.js'
import { renderSections, signs, type JudgedSection } from './markdown.js'
import {
  throughRelations,
  uniqueCriteria,
  withIndex,
  withoutIndex,
  withTruncatedIndex,
} from './sections/filters.js'
import { aggregations, order, selections } from './sections/reading.js'
import { placesOfOperations, rootData } from './sections/writing.js'
import { otherRelations, toMany, toOne } from './sections/nested.js'

const page = new URL('../../../../docs/operations.md', import.meta.url)
const begin = '<!-- generated: begin -->'
const end = '<!-- generated: end -->'

const sections = [
  withoutIndex,
  withIndex,
  withTruncatedIndex,
  uniqueCriteria,
  throughRelations,
  order,
  selections,
  aggregations,
  rootData,
  toMany,
  toOne,
  otherRelations,
  placesOfOperations,
]

/** Where the cells of the other sections run: `TABLE_PLACE=interactive` and `array` must give the same table. */
const place = (process.env['TABLE_PLACE'] ?? 'alone') as Place

let fixture: Fixture
const judged: JudgedSection[] = []

beforeAll(async () => {
  fixture = await createFixture()
})
afterAll(() => fixture.close())

async function judgeCell(row: Row, column: Column): Promise<Verdict> {
  const calls = column.operations.length > 0 ? column.operations : ['']
  const verdicts: Verdict[] = []
  for (const operation of calls) {
    const call = row.call({ ...column, operations: [operation] })
    verdicts.push(call ? await judge(fixture, call, column.place ?? place, row.error) : absent)
  }
  const [first = absent] = verdicts
  for (const verdict of verdicts) expect(verdict).toEqual(first) // one column, one answer
  return first
}

test.each(sections.map((section): [string, Section] => [section.title, section]))(
  '%s',
  async (_, section) => {
    const verdicts: Verdict[][] = []
    const failures: string[] = []
    for (const row of section.rows) {
      const line: Verdict[] = []
      for (const column of section.columns) {
        try {
          line.push(await judgeCell(row, column))
        } catch (error) {
          failures.push(`${row.clause} × ${column.title}: ${String(error)}`)
          line.push(absent)
        }
      }
      verdicts.push(line)
      if (Boolean(row.never) !== line.every(({ kind }) => kind === 'none'))
        failures.push(`${row.clause}: expected ${row.never ? 'no' : 'some'} operation to have it`)
    }
    expect(failures).toEqual([])
    judged.push({ section, verdicts })
  },
  120_000, // beside other work; alone a few seconds
)

test('docs/operations.md says the same', () => {
  expect(judged).toHaveLength(sections.length)
  const text = readFileSync(page, 'utf8')
  const [head = '', rest = ''] = text.split(begin)
  const [, tail = ''] = rest.split(end)
  const expected = `${head}${begin}\n\n${renderSections(judged)}\n\n${end}${tail}`
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(page, expected)
  else expect(text).toBe(expected)
  for (const sign of Object.values(signs)) expect(head).toContain(`**${sign}**`)
})
