/** Renders judged tables as Markdown, padded as Prettier pads them. */
import type { Section, Verdict } from './cell.js'

/** Signs of the refusal codes in the table. */
export const signs: Readonly<Record<string, string>> = {
  ENCRYPTED_FILTER: 'F',
  ENCRYPTED_ORDER: 'O',
  MANAGED_COLUMN: 'M',
  CONTEXT_COLUMN_IMMUTABLE: 'C',
  UNSUPPORTED_OPERATION: 'U',
  UNSUPPORTED_IN_BATCH: 'B',
  INVALID_VALUE: 'I',
  VALUE_TOO_LONG: 'L',
}

/** A section with one verdict per row and column. */
export interface JudgedSection {
  readonly section: Section
  readonly verdicts: readonly (readonly Verdict[])[]
}

/** The generated part of the page. */
export function renderSections(judged: readonly JudgedSection[]): string {
  return judged.map(renderSection).join('\n\n')
}

function renderSection({ section, verdicts }: JudgedSection): string {
  const header = ['Clause', ...section.columns.map(({ title }) => `\`${title}\``)]
  const body = section.rows.map(({ clause }, row) => [clause, ...(verdicts[row] ?? []).map(signOf)])
  return [`## ${section.title}`, section.text, table([header, ...body])].join('\n\n')
}

function signOf(verdict: Verdict): string {
  if (verdict.kind === 'supported') return '✓'
  if (verdict.kind === 'none') return '–'
  const sign = signs[verdict.code]
  if (sign === undefined) throw new Error(`${verdict.code} has no sign`)
  return `**${sign}**`
}

function table(lines: readonly (readonly string[])[]): string {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(3, ...lines.map((line) => line[column]?.length ?? 0)),
  )
  const padded = lines.map(
    (line) => `| ${line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`,
  )
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`
  return [padded[0], rule, ...padded.slice(1)].join('\n')
}
