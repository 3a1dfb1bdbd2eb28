/** `kms-encrypted open`: decrypts one value, after asking, and leaves an audit entry before it does. */
import { hostname, userInfo } from 'node:os'

import { parseKeyColumn } from '../../envelope/key-column.js'
import { delegateOf, type Delegate } from '../../extension/prisma-internals.js'
import { identityOf } from '../../records/context.js'
import type { RecordModel, SealedField } from '../../records/models.js'
import type { Row } from '../../records/rows.js'
import { chooseEntry, columnName } from '../../records/stored-entries.js'
import type { OpenAudit } from '../define-config.js'
import { exitCodes, type ExitCode } from '../exit-codes.js'
import { parseId } from '../parse-id.js'
import { chooseModels, type Project } from '../project.js'
import { printable, type Terminal } from '../terminal.js'
import { usageError } from '../usage.js'

/** Options of the command. */
export interface OpenCommand {
  readonly model: string
  readonly id: string
  readonly field: string
  readonly reason: string | undefined
  /** Does not ask; then a reason must be given. */
  readonly yes: boolean
  readonly json: boolean
  readonly now: Date
}

/** Opens one value of one record. */
export async function runOpen(project: Project, terminal: Terminal, command: OpenCommand): Promise<ExitCode> {
  const { model, field } = findField(project, command)
  const where = parseId(model, model.definition.primaryKey, command.id)
  const stored = await readStored(project, model, field, where)
  if (stored[field.name] === null) {
    terminal.out(command.json ? '{"value":null}\n' : '')
    terminal.err(`${model.name}.${field.name} of this record is null: there is nothing to open.\n`)
    return exitCodes.ok
  }
  const entry = describe(model, field, stored, command.now)
  const reason = await askForReason(terminal, entry, command)
  if (reason === null) {
    terminal.err('Nothing was opened.\n')
    return exitCodes.error
  }
  const audit: OpenAudit = { ...entry, reason }
  await project.config.config.onOpen?.(audit)
  terminal.err(`audit  ${printable(JSON.stringify(audit))}\n`)
  const delegate = project.delegate(model) as Delegate // of an encrypted model
  const opened = await delegate.findFirstOrThrow({ where, select: { [field.name]: true } })
  terminal.out(renderValue(opened[field.name], command.json, terminal))
  return exitCodes.ok
}

function findField(project: Project, { model: name, field: fieldName }: OpenCommand) {
  const [model] = chooseModels(project, [name])
  const field = model?.fields.get(fieldName)
  if (model && field) return { model, field }
  throw usageError(
    `${name}.${fieldName} is no encrypted field`,
    'Only encrypted fields are opened.',
    `Known: ${[...(model?.fields.keys() ?? [])].join(', ')}.`,
  )
}

/** What is stored, read without the extension, so that nothing is unwrapped yet. */
async function readStored(
  { runtime }: Project,
  model: RecordModel,
  field: SealedField,
  where: Row,
): Promise<Row> {
  const columns = [field.name, field.group.column, ...model.contextFields]
  const select = Object.fromEntries(columns.map((name) => [name, true]))
  const [row] = await delegateOf(runtime.base, model.delegate).findMany({ where, select, take: 1 })
  if (row) return row
  throw usageError(
    `${model.name}: no record has this id`,
    'Ids are those of the primary key.',
    'Check the id and the database that the configuration connects to.',
  )
}

function describe(model: RecordModel, field: SealedField, row: Row, at: Date): Omit<OpenAudit, 'reason'> {
  const { group } = field
  const text = row[group.column]
  const entries = typeof text === 'string' ? parseKeyColumn(text, columnName(group)) : []
  const stored = row[field.name]
  // Of several keys, the value's own; plaintext of a model that is migrating has none.
  const entry =
    entries.length > 0 && field.codec.looksSealed(stored) ? chooseEntry(entries, field, stored) : undefined
  const keyId = entry === undefined ? 'none' : (group.config.versions.get(entry.version)?.keyId ?? 'unknown')
  return {
    at,
    user: userInfo().username,
    host: hostname(),
    model: model.name,
    id: identityOf(model, row)?.id ?? '',
    field: field.name,
    key: group.key,
    keyId,
  }
}

/** `null`: the user does not want to. */
async function askForReason(
  terminal: Terminal,
  { model, id, field, keyId }: Omit<OpenAudit, 'reason'>,
  { yes, reason }: OpenCommand,
): Promise<string | null> {
  const given = reason?.trim() ?? ''
  if (yes) {
    if (given !== '') return given
    throw usageError('open: --yes needs --reason', 'What was opened and why is recorded.', 'Give --reason.')
  }
  const { bold } = terminal.colours
  const question = `Decrypt ${bold(`${model}.${field}`)} of record ${bold(printable(id))} and show it here?\nThe key service (${keyId}) records the use of the key. [y/N] `
  const answer = await terminal.ask(question)
  if (answer === null) {
    throw usageError(
      'open: nobody is there to answer',
      'It asks before it decrypts, and this is no terminal.',
      'Run it in a terminal, or give --yes and --reason.',
    )
  }
  if (!/^y(es)?$/i.test(answer.trim())) return null
  if (given !== '') return given
  const typed = (await terminal.ask('Reason: '))?.trim() ?? ''
  return typed === '' ? null : typed
}

/** On a terminal, characters that it would obey are shown, not sent. */
function renderValue(value: unknown, json: boolean, { columns }: Terminal): string {
  const plain = value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
  if (json) return `${JSON.stringify({ value: plain })}\n`
  const text = typeof plain === 'string' ? plain : JSON.stringify(plain, null, 2)
  return `${columns === null ? text : printable(text)}\n`
}
