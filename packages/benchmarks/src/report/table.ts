/** Turns the figures into a table for people and into JSON for programs. */
import type { Estimate } from '../measuring/statistics.js'
import { isMet, targets, type FigureName, type Figures, type Target } from '../targets.js'
import type { Machine } from './machine.js'

/** One line for each figure: value, interval, spread, target, and whether it is met. */
export function formatTable(figures: Figures): string {
  const rows = entriesOf(figures).map(([name, figure]) => {
    const { value, low, high, quartiles, rounds, byCpuTime } = figure
    const { target, bound, what }: Target = targets[name]
    return [
      isMet(name, figure) ? 'met' : 'MISSED',
      name,
      round(value),
      `${bound === 'most' ? '≤' : '≥'} ${target}`,
      `${round(low)} … ${round(high)}`,
      `${round(quartiles[0])} … ${round(quartiles[1])}`,
      byCpuTime === null ? '' : round(byCpuTime),
      String(rounds),
      what,
    ]
  })
  const head = [
    '',
    'figure',
    'value',
    'target',
    '95 % interval',
    'quartiles of rounds',
    'by CPU time',
    'rounds',
    '',
  ]
  const lines = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** One object: each figure's value under its name, and beside them intervals, verdicts and the machine. */
export function formatJson(figures: Figures, machine: Machine): string {
  const each = <T>(of: (figure: Estimate, name: FigureName) => T) =>
    Object.fromEntries(entriesOf(figures).map(([name, figure]) => [name, of(figure, name)]))
  return JSON.stringify({
    ...each(({ value }) => significant(value)),
    intervals: each(({ low, high }) => [significant(low), significant(high)]),
    met: each((figure, name) => isMet(name, figure)),
    machine,
  })
}

function entriesOf(figures: Figures): [FigureName, Estimate][] {
  return (Object.keys(targets) as FigureName[]).flatMap((name) => {
    const figure = figures[name]
    return figure ? [[name, figure]] : []
  })
}

function round(value: number): string {
  return significant(value).toLocaleString('en')
}

function significant(value: number): number {
  return Number(value.toPrecision(4))
}
