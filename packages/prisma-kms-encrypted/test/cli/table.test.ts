import fc from 'fast-check'
import pc from 'picocolors'
import { formatDuration, formatShare, renderBar } from '../../src/cli/bars.js'
import { renderTable } from '../../src/cli/table.js'
import { showsColours } from '../../src/cli/terminal.js'

const plain = pc.createColors(false)

test('a bar has exactly its width, and shows every part that is there', () => {
  const count = fc.nat({ max: 10_000_000 })
  fc.assert(
    fc.property(count, count, count, fc.integer({ min: 3, max: 60 }), (a, b, c, width) => {
      const parts = [
        { count: a, character: '█', colour: 'green' },
        { count: b, character: '▓', colour: 'yellow' },
        { count: c, character: '░', colour: 'red' },
      ] as const
      const bar = renderBar(parts, width, plain)
      expect(bar).toHaveLength(width)
      for (const part of parts) expect(bar.includes(part.character)).toBe(part.count > 0)
    }),
  )
})

test('a share says 100 % and 0 % only when it is that', () => {
  expect([formatShare(0, 0), formatShare(0, 9), formatShare(9, 9), formatShare(1, 3)]).toEqual([
    '–',
    '0 %',
    '100 %',
    '33 %',
  ])
  expect([formatShare(999_999, 1_000_000), formatShare(1, 1_000_000), formatShare(995, 1000)]).toEqual([
    '> 99.9 %',
    '< 0.1 %',
    '99.5 %',
  ])
  expect([
    formatDuration(0),
    formatDuration(89_000),
    formatDuration(600_000),
    formatDuration(11_100_000),
  ]).toEqual(['0 s', '89 s', '10 min', '3 h 05 min'])
})

test('a table wraps what may be wrapped, and becomes a list where it cannot fit', () => {
  const columns = [
    { title: 'Model', once: true },
    { title: 'Count', align: 'right' },
    { title: 'Finding', wrapTo: 12 },
  ] as const
  const rows = [
    ['User', '1', 'this is a longer text than fits'],
    ['User', '2,000', 'short'],
  ]
  expect(renderTable(columns, rows, { columns: null, colours: plain })).toBe(
    '  Model  Count  Finding\n  User       1  this is a longer text than fits\n         2,000  short\n',
  )
  expect(renderTable(columns, rows, { columns: 36, colours: plain })).toBe(
    '  Model  Count  Finding\n  User       1  this is a longer\n                text than fits\n         2,000  short\n',
  )
  expect(renderTable(columns, rows, { columns: 24, colours: plain })).toBe(
    '  Model    User\n  Count    1\n  Finding  this is a\n           longer text\n           than fits\n\n  Model    User\n  Count    2,000\n  Finding  short\n',
  )
})

test('colours follow NO_COLOR, FORCE_COLOR and the terminal', () => {
  expect(showsColours({}, true)).toBe(true)
  expect(showsColours({}, false)).toBe(false)
  expect(showsColours({ NO_COLOR: '1', FORCE_COLOR: '1' }, true)).toBe(false)
  expect(showsColours({ NO_COLOR: '' }, true)).toBe(true)
  expect(showsColours({ FORCE_COLOR: '1' }, false)).toBe(true)
  expect(showsColours({ FORCE_COLOR: '0' }, true)).toBe(false)
  expect(showsColours({ TERM: 'dumb' }, true)).toBe(false)
})
