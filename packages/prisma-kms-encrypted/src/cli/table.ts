/** Turns rows of cells into an aligned table that fits the terminal, or into a list where it is too narrow for one. */
import CliTable from 'cli-table3'

import type { Terminal } from './terminal.js'
import { widthOf, wrapText } from './wrap-text.js'

/** One column. */
export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** Columns below which its text is not wrapped any further; without it the column is never wrapped. */
  readonly wrapTo?: number
  /** Columns that it takes at least, so that several tables are aligned with each other. */
  readonly atLeast?: number
  /** Whether a table leaves it empty where it and the other such columns are as in the row above. */
  readonly once?: boolean
}

/** Between two columns. */
const gap = 2
const indent = 2

/** Renders a table without borders. Cells may be coloured and have several lines. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  terminal: Pick<Terminal, 'columns' | 'colours'>,
): string {
  const { columns: terminalWidth, colours } = terminal
  const natural = columns.map(({ title, atLeast = 0 }, at) =>
    Math.max(atLeast, ...[title, ...rows.map((row) => row[at] ?? '')].map(widthOf)),
  )
  const widths = terminalWidth === null ? natural : fit(columns, natural, terminalWidth - indent)
  if (widths === null) return renderList(columns, rows, terminal)
  const empty = Object.fromEntries(borders.map((name) => [name, '']))
  const table = new CliTable({
    chars: { ...empty, middle: ' '.repeat(gap) },
    head: columns.map(({ title }) => colours.dim(title)),
    colWidths: widths,
    colAligns: columns.map(({ align }) => align ?? 'left'),
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
    wordWrap: true,
  })
  table.push(...withoutRepetition(columns, rows))
  const lines = table.toString().split('\n')
  return lines.map((line) => `${' '.repeat(indent)}${line}`.trimEnd()).join('\n') + '\n'
}

const borders = [
  ...['top', 'bottom', 'left', 'right', 'mid'],
  ...['top-mid', 'top-left', 'top-right', 'bottom-mid', 'bottom-left', 'bottom-right'],
  ...['left-mid', 'mid-mid', 'right-mid'],
]

function withoutRepetition(columns: readonly Column[], rows: readonly (readonly string[])[]): string[][] {
  const same = (row: readonly string[], other: readonly string[]) =>
    columns.every(({ once }, at) => once !== true || row[at] === other[at])
  return rows.map((row, n) => {
    const above = rows[n - 1]
    return row.map((cell, at) => (columns[at]?.once === true && above && same(row, above) ? '' : cell))
  })
}

/** Takes what is missing from the columns that may be wrapped, the widest first; `null`: it cannot fit. */
function fit(columns: readonly Column[], natural: readonly number[], width: number): number[] | null {
  const widths = [...natural]
  let excess = widths.reduce((sum, each) => sum + each, 0) + gap * (columns.length - 1) - width
  while (excess > 0) {
    const [widest] = columns
      .map(({ wrapTo }, at) => ({ at, spare: (widths[at] ?? 0) - (wrapTo ?? Infinity) }))
      .filter(({ spare }) => spare > 0)
      .sort((a, b) => (widths[b.at] ?? 0) - (widths[a.at] ?? 0))
    if (!widest) return null
    widths[widest.at] = (widths[widest.at] ?? 0) - 1
    excess--
  }
  return widths
}

function renderList(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { columns: width, colours }: Pick<Terminal, 'columns' | 'colours'>,
): string {
  const label = Math.max(...columns.map(({ title }) => title.length))
  const hanging = ' '.repeat(indent + label + gap)
  const blocks = rows.map((row) =>
    columns.flatMap(({ title }, at) => {
      const cell = row[at] ?? ''
      const start = `${' '.repeat(indent)}${colours.dim(title.padEnd(label))}${' '.repeat(gap)}`
      return cell === ''
        ? []
        : cell.split('\n').map((line, n) => wrapText(line, width, n === 0 ? start : hanging, hanging))
    }),
  )
  return blocks.map((lines) => lines.join('')).join('\n')
}
