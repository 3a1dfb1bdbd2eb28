/** Turns counts into charts: inline SVG, coloured by classes of the page's style. */
import { formatCount, formatShare } from '../bars.js'
import { html, type Markup } from './markup.js'

/** One part of a chart. */
export interface ChartPart {
  readonly label: string
  readonly count: number
  /** Class of the style, which gives the colour. */
  readonly tone: string
}

const width = 1000
const height = 28
/** Narrower parts would not be seen. */
const least = 6

/** A stacked bar over the whole width; each part says on hovering what it is. */
export function stackedBar(parts: readonly ChartPart[], description: string): Markup {
  const total = sum(parts)
  const shown = parts.filter(({ count }) => count > 0)
  const spare = width - least * shown.length
  let x = 0
  const segments = shown.map((part) => {
    const length = least + (part.count / total) * spare
    const segment = html`<rect
      class="${part.tone}"
      x="${x.toFixed(2)}"
      y="0"
      width="${length.toFixed(2)}"
      height="${height}"
      ><title>${titleOf(part, total)}</title></rect
    >`
    x += length
    return segment
  })
  return html`<svg
    class="bar"
    viewBox="0 0 ${width} ${height}"
    preserveAspectRatio="none"
    role="img"
    aria-label="${describe(description, parts)}"
  >
    <rect class="track" width="${width}" height="${height}" />
    ${segments}
  </svg>`
}

const radius = 42
const circumference = 2 * Math.PI * radius

/** A ring with a text in its middle. */
export function ring(parts: readonly ChartPart[], middle: string, description: string): Markup {
  const total = sum(parts)
  let start = 0
  const arcs = parts
    .filter(({ count }) => count > 0)
    .map((part) => {
      const length = (part.count / total) * circumference
      // A gap between parts, unless there is only one.
      const drawn = length < circumference ? Math.max(length - 2, 1) : length
      const arc = html`<circle
        class="${part.tone}"
        cx="60"
        cy="60"
        r="${radius}"
        stroke-dasharray="${drawn.toFixed(2)} ${(circumference - drawn).toFixed(2)}"
        stroke-dashoffset="${(-start).toFixed(2)}"
        ><title>${titleOf(part, total)}</title></circle
      >`
      start += length
      return arc
    })
  return html`<svg class="ring" viewBox="0 0 120 120" role="img" aria-label="${describe(description, parts)}">
    <circle class="track" cx="60" cy="60" r="${radius}" />
    <g transform="rotate(-90 60 60)">${arcs}</g>
    <text x="60" y="60" dy="0.35em">${middle}</text>
  </svg>`
}

/** The parts with their colours and counts. */
export function legend(parts: readonly ChartPart[]): Markup {
  const total = sum(parts)
  return html`<ul class="legend">
    ${parts.map(
      (part) =>
        html`<li class="${part.count === 0 ? 'none' : ''}">
          <svg viewBox="0 0 10 10" aria-hidden="true">
            <rect class="${part.tone}" width="10" height="10" rx="3" /></svg
          >${part.label}<b>${formatCount(part.count)}</b><span>${formatShare(part.count, total)}</span>
        </li>`,
    )}
  </ul>`
}

function titleOf({ label, count }: ChartPart, total: number): string {
  return `${label}: ${formatCount(count)} (${formatShare(count, total)})`
}

function describe(description: string, parts: readonly ChartPart[]): string {
  return `${description}: ${parts.map(({ label, count }) => `${formatCount(count)} ${label}`).join(', ')}`
}

function sum(parts: readonly ChartPart[]): number {
  return parts.reduce((total, { count }) => total + count, 0)
}
