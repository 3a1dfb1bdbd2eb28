/** `kms-encrypted rotate` and `encrypt`: run over tables with a progress display, and end cleanly on Ctrl-C. */
import type { RecordModel } from '../../records/models.js'
import type { WalkOptions, WalkProgress, WalkResult } from '../../rotation/walk-options.js'
import { formatCount, formatDuration, formatRows } from '../bars.js'
import { exitCodes, type ExitCode } from '../exit-codes.js'
import { showProgress } from '../progress.js'
import type { Project } from '../project.js'
import { errorParts, type ErrorParts } from '../report-error.js'
import { printable, type Terminal } from '../terminal.js'
import { usageError } from '../usage.js'

/** One kind of run. */
export interface RowsCommand {
  /** In the past tense: `rotated`, `encrypted`. */
  readonly verb: string
  readonly models: readonly RecordModel[]
  readonly dryRun: boolean
  readonly json: boolean
  readonly signal: AbortSignal
  readonly redact: (text: string) => string
  /** The command line as it was given. */
  readonly args: readonly string[]
  readonly run: (delegate: unknown, walk: Pick<WalkOptions, 'signal' | 'onProgress'>) => Promise<WalkResult>
  readonly now: () => number
}

interface ModelReport extends Omit<WalkProgress, 'rowsPerSecond' | 'etaMs'> {
  readonly model: string
  readonly finished: boolean
  readonly failures: readonly ({ readonly id: string; readonly key: string } & ErrorParts)[]
  readonly durationMs: number
}

/** Failures shown in the terminal; `--json` has all that the run has kept. */
const shownFailures = 10

/** Runs over one model after another; exit code 4 when rows were left, 130 when the user ended it. */
export async function runRows(project: Project, terminal: Terminal, command: RowsCommand): Promise<ExitCode> {
  const { models, signal, args, json, dryRun } = command
  if (args.includes('--cursor') && models.length !== 1) {
    throw usageError(
      '--cursor: expected one model',
      'A cursor is the place in one table.',
      'Name the model that it was printed for.',
    )
  }
  const reports: ModelReport[] = []
  for (const model of models) {
    if (signal.aborted) break
    reports.push(await runModel(project, terminal, command, model))
  }
  const interrupted = reports.length < models.length || reports.some(({ finished }) => !finished)
  if (json) terminal.out(`${JSON.stringify({ dryRun, interrupted, models: reports }, null, 2)}\n`)
  if (interrupted) {
    const left = models.slice(reports.filter(({ finished }) => finished).length).map(({ name }) => name)
    const lines = resumeCommands(args, models, left, reports.at(-1)?.cursor ?? null)
    const shown = lines.map((line) => `\n  ${terminal.colours.cyan(line)}`).join('')
    terminal.err(`\nEnded. What is done stays done. Go on with:${shown}\n`)
    return exitCodes.interrupted
  }
  return reports.some(({ failed }) => failed > 0) ? exitCodes.rowsFailed : exitCodes.ok
}

async function runModel(
  project: Project,
  terminal: Terminal,
  { run, signal, redact, now, json, verb, dryRun }: RowsCommand,
  model: RecordModel,
): Promise<ModelReport> {
  const startedMs = now()
  const display = showProgress(terminal, model.name, now)
  const result = await run(project.delegate(model), { signal, onProgress: display.update }).finally(
    display.stop,
  )
  const { done, total, skipped, failed, cursor, finished } = result
  const report: ModelReport = {
    model: model.name,
    ...{ done, total, skipped, failed, cursor, finished },
    failures: result.failures.map(({ id, key, error }) => ({ id, key, ...errorParts(error, redact) })),
    durationMs: now() - startedMs,
  }
  if (!json) terminal.out(renderReport(report, dryRun ? `would be ${verb}` : verb, terminal))
  return report
}

function renderReport(
  { model, done, skipped, failed, failures, durationMs, finished }: ModelReport,
  verb: string,
  { colours }: Terminal,
): string {
  const mark = failed > 0 ? colours.red('✗') : finished ? colours.green('✓') : colours.yellow('!')
  const parts = [
    `${formatRows(done)} ${verb}`,
    `${formatCount(skipped)} had nothing to do`,
    ...(failed > 0 ? [colours.red(`${formatCount(failed)} left as they were`)] : []),
  ]
  const took = colours.dim(`in ${formatDuration(durationMs)}`)
  const lines = [`  ${mark} ${colours.bold(model)}  ${parts.join(', ')}  ${took}`]
  for (const { id, key, message, fix, code } of failures.slice(0, shownFailures)) {
    const place = colours.red(`${model} ${printable(id)}, key ${key}`)
    lines.push(`    ${place}  ${printable(message)} ${colours.dim(code)}`)
    if (fix !== null) lines.push(`      ${colours.cyan('→')} ${fix}`)
  }
  const more = failed - Math.min(failures.length, shownFailures)
  if (more > 0) lines.push(colours.dim(`    and ${formatCount(more)} more`))
  return `${lines.join('\n')}\n`
}

/** The same command for the model that was ended, from where it was, and one for the models that are left. */
function resumeCommands(
  args: readonly string[],
  models: readonly RecordModel[],
  left: readonly string[],
  cursor: string | null,
): readonly string[] {
  const names = new Set(models.map(({ name }) => name.toLowerCase()))
  const [verb = '', ...rest] = withoutCursor(args)
  const options = rest.filter((arg) => !names.has(arg.toLowerCase()))
  const [ended, ...others] = left
  const line = (parts: readonly string[]) => ['kms-encrypted', verb, ...parts.map(quoted)].join(' ')
  return [
    line([ended ?? '', ...options, ...(cursor === null ? [] : ['--cursor', cursor])]),
    ...(others.length > 0 ? [line([...others, ...options])] : []),
  ]
}

function withoutCursor(args: readonly string[]): readonly string[] {
  const at = args.indexOf('--cursor')
  return at < 0 ? args : args.filter((_, index) => index !== at && index !== at + 1)
}

/** For a POSIX shell. */
function quoted(arg: string): string {
  return /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", "'\\''")}'`
}
