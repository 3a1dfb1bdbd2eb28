/** The command line: every command with its options and its help. */
import { Command, InvalidArgumentError, Option } from 'commander'

import { severities } from './doctor/check.js'
import type { Colours, Terminal } from './terminal.js'

/** What every command has. */
export interface CommonOptions {
  readonly config?: string
  readonly json?: boolean
  readonly debug?: boolean
}

/** What the commands do; each gets its arguments and options as commander has read them. */
export interface Actions {
  readonly doctor: (options: CommonOptions & DoctorOptions) => Promise<void>
  readonly status: (models: readonly string[], options: CommonOptions & StatusOptions) => Promise<void>
  readonly rotate: (models: readonly string[], options: CommonOptions & RotateOptions) => Promise<void>
  readonly encrypt: (models: readonly string[], options: CommonOptions & EncryptOptions) => Promise<void>
  readonly createIndexKey: (
    options: CommonOptions & { readonly keyId?: string; readonly version: number },
  ) => Promise<void>
  readonly rotateIndexKey: (
    options: CommonOptions & { readonly keyId?: string; readonly rewrap?: boolean },
  ) => Promise<void>
  readonly contextHash: (
    model: string,
    id: string,
    options: CommonOptions & { readonly key: string; readonly path: string },
  ) => Promise<void>
  readonly open: (
    model: string,
    id: string,
    field: string,
    options: CommonOptions & { readonly reason?: string; readonly yes?: boolean },
  ) => Promise<void>
}

/** Filters of `doctor`. */
export interface DoctorOptions {
  readonly severity?: (typeof severities)[number]
  readonly account?: string
  readonly tag?: string
  readonly model?: string
  readonly key?: string
  readonly failOn: (typeof severities)[number]
}

/** Options of `status`. */
export interface StatusOptions {
  readonly key?: string
  readonly html?: string
  readonly check?: boolean
}

/** Options of `rotate` and `encrypt`. */
export interface RowsOptions {
  readonly batchSize?: number
  readonly concurrency?: number
  readonly dryRun?: boolean
  readonly verify?: boolean
  readonly stopOnError?: boolean
  readonly cursor?: string
}

/** Options of `rotate`. */
export interface RotateOptions extends RowsOptions {
  readonly key?: string
  readonly reEncrypt?: boolean
  readonly force?: boolean
}

/** Options of `encrypt`. */
export interface EncryptOptions extends RowsOptions {
  readonly key?: string
  readonly openSealed?: boolean
}

const about = 'Check, watch and rotate the keys of encrypted Prisma models.'

/** Builds the program. */
export function createProgram(
  actions: Actions,
  version: string,
  { out, err, columns, colours }: Terminal,
): Command {
  const program = new Command('kms-encrypted')
  const { bold, cyan, dim, yellow } = colours
  program
    .description(about)
    .version(version, '-V, --version', 'Show the version')
    .helpOption('-h, --help', 'Show this help')
    .helpCommand('help [command]', 'Show the help of a command')
    .configureHelp({
      showGlobalOptions: false,
      subcommandTerm: (command) =>
        `${command.name()} ${command.usage().replace('[options]', '').trim()}`.trim(),
      styleTitle: (text) => bold(text),
      styleCommandText: (text) => cyan(text),
      styleSubcommandText: (text) => cyan(text),
      styleOptionText: (text) => yellow(text),
      styleArgumentText: (text) => yellow(text),
    })
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: out,
      writeErr: err,
      getOutHelpWidth: () => columns ?? 100,
      getErrHelpWidth: () => columns ?? 100,
      // The colours of the help are chosen above, so that nothing is left to take out.
      stripColor: (text) => text,
      outputError: (text, write) => {
        write(text.replace(/^error: /, `${colours.red(colours.bold('error'))}  `))
      },
    })
  const example = (lines: readonly (readonly [command: string, comment: string])[]) => {
    const width = Math.max(...lines.map(([command]) => command.length))
    const shown = lines.map(([command, comment]) => `  ${cyan(command.padEnd(width))}  ${dim(comment)}`)
    return `\n${bold('Examples:')}\n${shown.join('\n')}`
  }
  const add = (name: string, summary: string, parent: Command = program): Command =>
    parent
      .command(name)
      .summary(summary)
      .description(summary)
      .option('-c, --config <file>', 'Configuration file (default: kms-encrypted.config.ts, here or above)')
      .option('--json', 'Write the result as JSON')
      .option('--debug', 'Show the stack of an error')
      .helpOption('-h, --help', 'Show this help')

  add('doctor', 'Check schema, database and keys, and say how to mend what is wrong')
    .addOption(severityOption('--severity <level>', 'Show checks of this severity or worse'))
    .option('--account <id>', 'Only keys of this account or project')
    .option('--tag <name=value>', 'Only keys with this tag or label')
    .option('--model <name>', 'Only this model and its keys')
    .option('--key <name>', 'Only this key, by its name or key id')
    .addOption(severityOption('--fail-on <level>', 'Exit with 3 from this severity on').default('CRITICAL'))
    .addHelpText(
      'after',
      example([
        ['kms-encrypted doctor', 'every check'],
        ['kms-encrypted doctor --severity warn --fail-on warn', 'for a scheduled job that alarms'],
        ['kms-encrypted doctor --tag env=production --json', 'as data'],
      ]),
    )
    .action(actions.doctor)

  add('status', 'Count what is encrypted, under which key versions, and what is left to do')
    .argument('[models...]', 'Models (default: all encrypted ones)')
    .option('--key <name>', 'Only this key')
    .option('--html <file>', 'Write a report with charts besides')
    .option('--check', 'Exit with 3 when anything is left to do')
    .addHelpText(
      'after',
      example([
        ['kms-encrypted status', 'all models'],
        ['kms-encrypted status User --html report.html', 'one model, with a page of charts'],
        ['kms-encrypted status --check', 'for a job that waits for the end of a migration'],
      ]),
    )
    .action(actions.status)

  rowsOptions(
    add('rotate', 'Wrap the data keys of all records under the current version of their keys')
      .argument('[models...]', 'Models (default: all encrypted ones)')
      .option('--key <name>', 'Only this key')
      .option('--re-encrypt', 'New data keys and new ciphertext: the remedy when data keys became known')
      .option('--force', 'Also keys that are of the current version already'),
  )
    .addHelpText(
      'after',
      example([
        ['kms-encrypted rotate User --key phone', 'one key of one model'],
        ['kms-encrypted rotate --dry-run', 'what would be done'],
      ]),
    )
    .action(actions.rotate)

  rowsOptions(
    add('encrypt', 'Encrypt what is stored as plaintext, and fill missing blind indexes')
      .argument('[models...]', 'Models (default: all encrypted ones)')
      .option('--key <name>', 'Only this key')
      .option('--open-sealed', 'Also open encrypted values, to fill or renew their blind indexes'),
  )
    .addHelpText(
      'after',
      example([
        ['kms-encrypted encrypt User', "after migrating: { User: 'write' } is deployed everywhere"],
        ['kms-encrypted encrypt User --dry-run', 'what would be done'],
      ]),
    )
    .action(actions.encrypt)

  const indexKey = program
    .command('index-key')
    .summary('Make the key of blind indexes, or a new one')
    .description('Make the key of blind indexes, or a new one')
    .helpOption('-h, --help', 'Show this help')
    .helpCommand(false)
  add('create', 'Make an index key and print it, wrapped', indexKey)
    .option('--key-id <id>', 'KMS key that wraps it (default: KMS_KEY_ID)')
    .option('--version <n>', 'Version of keys.default that wraps it', positive, 1)
    .action(actions.createIndexKey)
  add('rotate', 'Print the configuration with one index key more', indexKey)
    .option('--key-id <id>', 'KMS key that wraps it (default: as now)')
    .option('--rewrap', 'Keep the index key; only wrap it anew, under --key-id')
    .action(actions.rotateIndexKey)

  add('context-hash', "Show how a record appears in its key service's audit log")
    .argument('<model>', 'Model')
    .argument('<id>', 'Id of the record; several id fields as JSON')
    .option('--key <name>', 'Key', 'default')
    .option('--path <device>', 'Audit device of Vault', 'file')
    .addHelpText(
      'after',
      example([['kms-encrypted context-hash User 42', 'to search the log for record 42']]),
    )
    .action(actions.contextHash)

  add('open', 'Decrypt one value; asks first, and leaves an audit entry')
    .argument('<model>', 'Model')
    .argument('<id>', 'Id of the record; several id fields as JSON')
    .argument('<field>', 'Encrypted field')
    .option('--reason <text>', 'Why; recorded')
    .option('--yes', 'Do not ask; needs --reason')
    .addHelpText('after', example([['kms-encrypted open User 42 email', 'asks, then prints the value']]))
    .action(actions.open)

  program.addHelpText('after', exitHelp(colours))
  return program
}

function rowsOptions(command: Command): Command {
  return command
    .option('--dry-run', 'Change nothing, only count')
    .option('--verify', 'Open every record again after it was written')
    .option('--batch-size <rows>', 'Records at once', positive)
    .option('--concurrency <n>', 'Batches under way at the same time', positive)
    .option('--stop-on-error', 'End at the first record that cannot be opened')
    .option('--cursor <cursor>', 'Go on behind this record of one model; printed by Ctrl-C')
}

function severityOption(flags: string, description: string): Option {
  return new Option(
    flags,
    `${description}: ${severities.map((level) => level.toLowerCase()).join(', ')}`,
  ).argParser((text) => {
    const level = severities.find((each) => each === text.toUpperCase())
    if (level) return level
    throw new InvalidArgumentError(`Known: ${severities.join(', ').toLowerCase()}.`)
  })
}

function positive(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Expected a whole number of 1 or more.')
}

function exitHelp({ bold, yellow }: Colours): string {
  const codes = [
    ['0', 'done, nothing wrong'],
    ['1', 'an error stopped the command'],
    ['2', 'the command line or the configuration cannot be used'],
    ['3', 'doctor or status --check found something'],
    ['4', 'rotate or encrypt left records as they were'],
    ['130', 'ended by Ctrl-C'],
  ]
  return `\n${bold('Exit codes:')}\n${codes.map(([code = '', text = '']) => `  ${yellow(code.padEnd(4))} ${text}`).join('\n')}`
}
