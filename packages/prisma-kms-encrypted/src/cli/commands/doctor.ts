/** `kms-encrypted doctor`: checks the installation from the schema to the key services, and says how to mend what is wrong. */
import { checkDatabase } from '../doctor/check-database.js'
import { checkEnvironment } from '../doctor/check-environment.js'
import { checkKeys } from '../doctor/check-keys.js'
import { checkRotation } from '../doctor/check-rotation.js'
import { checkSchema } from '../doctor/check-schema.js'
import {
  filterChecks,
  isAtLeast,
  severities,
  type Check,
  type CheckFilter,
  type Section,
  type Severity,
} from '../doctor/check.js'
import { listKeyUses } from '../doctor/key-uses.js'
import { exitCodes, type ExitCode } from '../exit-codes.js'
import type { Project } from '../project.js'
import { renderTable } from '../table.js'
import type { Colours, Terminal } from '../terminal.js'
import { widthOf, wrapText } from '../wrap-text.js'

/** Options of the command. */
export interface DoctorCommand {
  readonly json: boolean
  readonly filter: CheckFilter
  /** The severity from which on the command fails. */
  readonly failOn: Severity
  readonly redact: (text: string) => string
  readonly now: Date
}

/** Runs all checks; exit code 3 when one of them is as bad as `failOn`. */
export async function runDoctor(
  project: Project,
  terminal: Terminal,
  { json, filter, failOn, redact, now }: DoctorCommand,
): Promise<ExitCode> {
  const { config, runtime } = project
  const uses = listKeyUses(runtime)
  const all: Check[] = []
  const step = async (what: string, run: () => readonly Check[] | Promise<readonly Check[]>) => {
    if (terminal.live) terminal.err(`\r\u001b[K  Checking ${what} …`)
    all.push(...(await run()))
  }
  await step('versions', () => checkEnvironment(uses, config.path, process.version))
  await step('the schema', () => checkSchema(config, runtime.config.models, redact))
  await step('the database', () => checkDatabase(runtime, redact))
  await step('the keys', () => checkKeys(runtime, uses, redact))
  await step('rotation', () => checkRotation(uses, redact, now))
  if (terminal.live) terminal.err('\r\u001b[K')
  const chosen = filterChecks(all, filter)
  const shown = chosen.filter(({ severity }) => isAtLeast(severity, filter.severity ?? 'OK'))
  const failed = chosen.some(({ severity }) => isAtLeast(severity, failOn))
  if (json) {
    const summary = Object.fromEntries(severities.map((severity) => [severity, count(chosen, severity)]))
    terminal.out(`${JSON.stringify({ checkedAt: now.toISOString(), summary, checks: shown }, null, 2)}\n`)
  } else terminal.out(renderChecks(shown, chosen, terminal))
  return failed ? exitCodes.findings : exitCodes.ok
}

const sections: readonly Section[] = ['Environment', 'Schema', 'Database', 'Keys', 'Rotation']

/**
 * The tables of all sections and the summary.
 * @param chosen what the summary counts: also what is too harmless to be shown
 */
export function renderChecks(
  shown: readonly Check[],
  chosen: readonly Check[],
  terminal: Pick<Terminal, 'columns' | 'colours'>,
): string {
  const { colours } = terminal
  const tabled = shown.filter(({ section }) => section !== 'Rotation')
  const parts = sections.flatMap((section) => {
    const checks = shown.filter((each) => each.section === section)
    if (checks.length === 0) return []
    const table =
      section === 'Rotation' ? rotationTable(checks, terminal) : checkTable(checks, tabled, terminal)
    return [`\n ${colours.bold(section)}\n${table}`]
  })
  const summary = severities
    .map((severity) => ({ severity, total: count(chosen, severity) }))
    .filter(({ total }) => total > 0)
    .map(({ severity, total }) => paint(severity, `${total} ${severity}`, colours))
  return `${parts.join('')}\n  ${summary.join('   ') || 'No checks match the filters.'}\n`
}

function checkTable(
  checks: readonly Check[],
  all: readonly Check[],
  terminal: Pick<Terminal, 'columns' | 'colours'>,
): string {
  const { colours } = terminal
  const subjects = [...new Set(checks.map(({ subject }) => subject))]
  const grouped = subjects.flatMap((subject) => checks.filter((each) => each.subject === subject))
  const widest = (texts: readonly string[]) => Math.max(...texts.map(widthOf))
  return renderTable(
    [
      { title: '', atLeast: widest(all.map(({ severity }) => label(severity, colours))) },
      { title: 'Of', wrapTo: 16, once: true, atLeast: widest(all.map(({ subject }) => subject)) },
      { title: 'Check', atLeast: widest(all.map(({ id }) => id)) },
      { title: 'Finding', wrapTo: 30 },
    ],
    grouped.map((each) => [
      label(each.severity, colours),
      colours.bold(each.subject),
      each.id,
      finding(each, colours),
    ]),
    terminal,
  )
}

function rotationTable(checks: readonly Check[], terminal: Pick<Terminal, 'columns' | 'colours'>): string {
  const { colours } = terminal
  const controls = checks.find(({ rotation }) => rotation)?.rotation?.controls ?? []
  const table = renderTable(
    [
      { title: '' },
      { title: 'Key id', wrapTo: 20 },
      { title: 'Account' },
      { title: 'Last' },
      { title: 'Next' },
      { title: 'Status', wrapTo: 24 },
    ],
    checks.map((each) => [
      label(each.severity, colours),
      each.subject,
      each.account ?? '–',
      each.rotation?.last ?? '–',
      each.rotation?.next ?? '–',
      finding(each, colours),
    ]),
    terminal,
  )
  return `${table}
${wrapText(colours.dim(`Controls: ${controls.join(', ')}`), terminal.columns, '  ')}`
}

function finding({ finding: text, fix }: Check, colours: Colours): string {
  return fix === null ? text : `${text}\n${colours.cyan('→')} ${fix}`
}

const symbols: Readonly<Record<Severity, string>> = { OK: '✓', WARN: '!', CRITICAL: '✗' }

function label(severity: Severity, colours: Colours): string {
  return paint(severity, `${symbols[severity]} ${severity}`, colours)
}

function paint(severity: Severity, text: string, colours: Colours): string {
  if (severity === 'OK') return colours.green(text)
  return severity === 'WARN' ? colours.yellow(text) : colours.red(colours.bold(text))
}

function count(checks: readonly Check[], severity: Severity): number {
  return checks.filter((each) => each.severity === severity).length
}
