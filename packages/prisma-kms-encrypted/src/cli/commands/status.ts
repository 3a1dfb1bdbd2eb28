/** `kms-encrypted status`: how much of each model is encrypted, under which key versions, and what is left to do. */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'

import { encryptionStatus, type EncryptionStatus, type KeyStatus } from '../../rotation/status.js'
import { formatCount, formatShare, renderBar } from '../bars.js'
import { exitCodes, type ExitCode } from '../exit-codes.js'
import { renderReport } from '../html/report.js'
import { chooseModels, type Project } from '../project.js'
import { renderTable } from '../table.js'
import { tasksOf, type Task } from '../tasks.js'
import type { Colours, Terminal } from '../terminal.js'
import { wrapText } from '../wrap-text.js'

/** Options of the command. */
export interface StatusCommand {
  readonly models: readonly string[]
  readonly json: boolean
  readonly key: string | undefined
  /** Where the report goes. */
  readonly html: string | undefined
  /** Exit code 3 when anything is left to do. */
  readonly check: boolean
  readonly signal: AbortSignal
  readonly now: Date
}

/** Characters of a bar, on wide and on narrow terminals. */
const [wideBar, narrowBar] = [20, 10]
const narrowColumns = 100

/** Counts the models one after another, so that the database has one scan to do at a time. */
export async function runStatus(
  project: Project,
  terminal: Terminal,
  { models: names, json, key, html, check, signal, now }: StatusCommand,
): Promise<ExitCode> {
  const models = chooseModels(project, names).filter((model) => key === undefined || model.groups.has(key))
  const statuses: EncryptionStatus[] = []
  for (const model of models) {
    if (terminal.live) terminal.err(`\r\u001b[K  Counting ${model.name} …`)
    const options = { signal, ...(key === undefined ? {} : { key }) }
    statuses.push(await encryptionStatus(project.delegate(model), options))
  }
  if (terminal.live) terminal.err('\r\u001b[K')
  if (json) terminal.out(`${JSON.stringify({ countedAt: now.toISOString(), models: statuses }, null, 2)}\n`)
  else terminal.out(renderStatus(statuses, terminal))
  if (html !== undefined) {
    await writeFile(resolve(html), renderReport(statuses, now))
    terminal.err(`Report written to ${html}\n`)
  }
  return check && statuses.some((status) => tasksOf(status).length > 0) ? exitCodes.findings : exitCodes.ok
}

/** The tables and what to do about them. */
export function renderStatus(
  statuses: readonly EncryptionStatus[],
  terminal: Pick<Terminal, 'columns' | 'colours'>,
): string {
  const { colours, columns } = terminal
  const narrow = columns !== null && columns < narrowColumns
  const barWidth = narrow ? narrowBar : wideBar
  if (statuses.length === 0) return 'No model has this key.\n'
  const keys = renderTable(
    [
      { title: 'Model', once: true },
      { title: 'Key' },
      { title: 'Rows', align: 'right', once: true },
      { title: 'Encrypted' },
      { title: 'Plaintext', align: 'right' },
      { title: 'Key versions' },
      { title: 'No key', align: 'right' },
    ],
    statuses.flatMap(({ model, rows, keys }) =>
      keys.map((key) => [
        colours.bold(model),
        key.key,
        formatCount(rows),
        `${keyBar(key, barWidth, colours)} ${formatShare(key.encrypted, key.encrypted + key.plaintext).padStart(8)}`,
        colourCount(key.plaintext, 'red', colours),
        describeVersions(key, narrow ? '\n' : '  ', colours),
        colourCount(key.keysMissing + key.keysUnreadable, 'red', colours),
      ]),
    ),
    terminal,
  )
  const legend = wrapText(
    `${colours.green('█')} encrypted, current key   ${colours.yellow('▓')} encrypted, other key   ${colours.red('░')} plaintext`,
    columns,
    '  ',
  )
  const indexes = statuses.flatMap((status) =>
    status.indexes.map((index) => ({ ...index, model: status.model })),
  )
  const indexTable =
    indexes.length === 0
      ? ''
      : `\n${renderTable(
          [
            { title: 'Blind index' },
            { title: 'of' },
            { title: 'Values', align: 'right' },
            { title: 'Indexed' },
            { title: 'Stale', align: 'right' },
          ],
          indexes.map(({ model, index, field, values, indexed, stale }) => [
            `${colours.bold(model)}.${index}`,
            field,
            formatCount(values),
            `${indexBar(indexed, values, barWidth, colours)} ${formatShare(indexed, values).padStart(8)}`,
            colourCount(stale, 'yellow', colours),
          ]),
          terminal,
        )}`
  const tasks = statuses.flatMap(tasksOf)
  const summary =
    tasks.length === 0
      ? `  ${colours.green('✓')} Nothing left to do.\n`
      : tasks.map((task) => renderTask(task, terminal)).join('')
  return `\n${keys}\n${legend}${indexTable}\n${summary}`
}

function renderTask(
  { place, problem, fix, command }: Task,
  { colours, columns }: Pick<Terminal, 'columns' | 'colours'>,
): string {
  const what = `${colours.yellow('→')} ${colours.bold(`${place}:`)} ${problem}`
  const how = command === null ? fix : `${fix} ${colours.cyan(command)}`
  return wrapText(what, columns, '  ', '    ') + wrapText(how, columns, '    ')
}

function keyBar(key: KeyStatus, barWidth: number, colours: Colours): string {
  const outdated = Math.min(key.outdated, key.encrypted)
  return renderBar(
    [
      { count: key.encrypted - outdated, character: '█', colour: 'green' },
      { count: outdated, character: '▓', colour: 'yellow' },
      { count: key.plaintext, character: '░', colour: 'red' },
    ],
    barWidth,
    colours,
  )
}

function indexBar(indexed: number, values: number, barWidth: number, colours: Colours): string {
  return renderBar(
    [
      { count: indexed, character: '█', colour: 'green' },
      { count: values - indexed, character: '░', colour: 'red' },
    ],
    barWidth,
    colours,
  )
}

function describeVersions(
  { versions, currentVersion }: KeyStatus,
  separator: string,
  colours: Colours,
): string {
  const shown = versions.filter(({ version, rows }) => rows > 0 || version === currentVersion)
  const parts = shown.map(({ version, keyId, rows }) => {
    const text = `v${version} ${formatCount(rows)}`
    if (keyId === null) return colours.red(`${text} (unknown)`)
    return version === currentVersion || rows === 0 ? text : colours.yellow(text)
  })
  return parts.join(separator)
}

function colourCount(count: number, colour: 'red' | 'yellow', colours: Colours): string {
  return count === 0 ? colours.dim('0') : colours[colour](formatCount(count))
}
