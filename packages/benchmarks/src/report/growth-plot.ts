/** Turns the growth into a drawing, and into a table of the same numbers. */
import type { Growth, Line } from '../figures/growth.js'

const panel = { width: 300, height: 240, left: 52, top: 34, right: 12, bottom: 40 } as const
const legendHeight = 26

const colours: Readonly<Record<string, string>> = {
  plain: '#777777',
  cached: '#1b7837',
  'branch key': '#2166ac',
  'per record': '#b2182b',
}

/** An SVG with one panel for each chart, both axes logarithmic. */
export function drawGrowth(charts: readonly Growth[]): string {
  const width = panel.width * charts.length
  const height = panel.height + legendHeight
  const drawn = charts.map(
    (chart, index) => `<g transform="translate(${index * panel.width} 0)">${drawChart(chart)}</g>`,
  )
  const legend = Object.entries(colours).map(([name, colour], index) => {
    const x = panel.left + index * 120
    const y = panel.height + 10
    return `<path d="M${x} ${y}h18" stroke="${colour}" stroke-width="2"/><text x="${x + 24}" y="${y + 4}">${name}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<title>Milliseconds of a read as rows, fields and latency grow</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${drawn.join('\n')}
${legend.join('\n')}
</svg>
`
}

/** The numbers of the drawing, as Markdown. */
export function formatGrowth(charts: readonly Growth[]): string {
  return charts
    .map(({ title, axis, lines }) => {
      const xs = lines[0]?.points.map(([x]) => x) ?? []
      const rows = lines.map(({ name, points }) => [name, ...points.map(([, ms]) => ms.toPrecision(3))])
      const head = [`ms by ${axis}`, ...xs.map((x) => x.toLocaleString('en'))]
      const table = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
      return `${title}\n\n${table.join('\n')}`
    })
    .join('\n\n')
}

function drawChart({ title, axis, lines }: Growth): string {
  const points = lines.flatMap((line) => line.points)
  const xs = points.map(([x]) => x)
  const ys = points.map(([, y]) => y)
  const x = logScale(Math.min(...xs), Math.max(...xs), panel.left, panel.width - panel.right)
  const y = logScale(
    decade(Math.min(...ys), Math.floor),
    decade(Math.max(...ys), Math.ceil),
    panel.height - panel.bottom,
    panel.top,
  )
  const xTicks = (lines[0]?.points ?? []).map(([value]) => {
    const at = x(value).toFixed(1)
    return `<path d="M${at} ${panel.top}V${panel.height - panel.bottom}" stroke="#eeeeee"/><text x="${at}" y="${panel.height - panel.bottom + 15}" text-anchor="middle">${shorten(value)}</text>`
  })
  const yTicks: string[] = []
  for (
    let value = decade(Math.min(...ys), Math.floor);
    value <= decade(Math.max(...ys), Math.ceil);
    value *= 10
  ) {
    const at = y(value).toFixed(1)
    yTicks.push(
      `<path d="M${panel.left} ${at}H${panel.width - panel.right}" stroke="#dddddd"/><text x="${panel.left - 6}" y="${Number(at) + 4}" text-anchor="end">${shorten(value)} ms</text>`,
    )
  }
  return [
    `<text x="${panel.left}" y="18" font-weight="bold">${title}</text>`,
    ...xTicks,
    ...yTicks,
    `<text x="${(panel.left + panel.width - panel.right) / 2}" y="${panel.height - 8}" text-anchor="middle">${axis}</text>`,
    ...lines.map((line) => drawLine(line, x, y)),
  ].join('')
}

function drawLine(
  { name, points }: Line,
  x: (value: number) => number,
  y: (value: number) => number,
): string {
  const colour = colours[name] ?? '#000000'
  const places = points.map(([px, py]) => `${x(px).toFixed(1)} ${y(py).toFixed(1)}`)
  const dots = points.map(
    ([px, py]) => `<circle cx="${x(px).toFixed(1)}" cy="${y(py).toFixed(1)}" r="2.5" fill="${colour}"/>`,
  )
  return `<path d="M${places.join('L')}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}`
}

function logScale(from: number, to: number, start: number, end: number): (value: number) => number {
  const span = Math.log(to / from) || 1
  return (value) => start + (Math.log(value / from) / span) * (end - start)
}

/** The power of ten below or above. */
function decade(value: number, towards: (exponent: number) => number): number {
  return 10 ** towards(Math.log10(value))
}

function shorten(value: number): string {
  return value >= 1_000 ? `${value / 1_000}k` : String(value)
}
