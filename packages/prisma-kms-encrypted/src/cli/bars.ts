/** Turns counts into bars of block characters and into numbers for people. */
import type { Colours } from './terminal.js'

/** One part of a bar. Its own character tells it apart without colours too. */
export interface BarPart {
  readonly count: number
  readonly character: '█' | '▓' | '▒' | '░'
  readonly colour: 'green' | 'yellow' | 'red' | 'dim'
}

/** A bar of `width` characters; a part that is not nothing gets one character at least. */
export function renderBar(parts: readonly BarPart[], width: number, colours: Colours): string {
  const total = parts.reduce((sum, { count }) => sum + count, 0)
  if (total === 0) return colours.dim('·'.repeat(width))
  const exact = parts.map(({ count }) => (count / total) * width)
  const cells = exact.map((length, at) => ((parts[at]?.count ?? 0) > 0 ? Math.max(1, Math.floor(length)) : 0))
  for (let left = width - cells.reduce((sum, each) => sum + each, 0); left !== 0; left -= Math.sign(left)) {
    // What rounding has left over or taken too much goes to the part that it is farthest from.
    const order = cells
      .map((cell, at) => ({ at, cell, lack: ((exact[at] ?? 0) - cell) * Math.sign(left) }))
      .filter(({ cell }) => cell > 1 || (left > 0 && cell > 0))
      .sort((a, b) => b.lack - a.lack)
    const [first] = order
    if (!first) break
    cells[first.at] = first.cell + Math.sign(left)
  }
  return parts.map(({ character, colour }, at) => colours[colour](character.repeat(cells[at] ?? 0))).join('')
}

const number = new Intl.NumberFormat('en-US')

/** `1,234,567`. */
export function formatCount(count: number): string {
  return number.format(count)
}

/** A share that says 100 % and 0 % only when it is that; `–` of nothing. */
export function formatShare(part: number, total: number): string {
  if (total === 0) return '–'
  const percent = (part / total) * 100
  if (part === total || part === 0) return `${percent} %`
  if (percent < 0.1) return '< 0.1 %'
  if (percent > 99.9) return '> 99.9 %'
  return `${percent.toFixed(percent < 10 || percent > 90 ? 1 : 0)} %`
}

/** `45 s`, `12 min`, `3 h 05 min`. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 90) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`
}

/** `1 row`, `2,000 rows`. */
export function formatRows(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'row' : 'rows'}`
}
