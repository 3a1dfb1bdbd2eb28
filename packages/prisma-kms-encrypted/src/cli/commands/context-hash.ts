/** `kms-encrypted context-hash`: how a record appears in the audit log of its key service. */
import { canonicalContextJson } from '../../kms/context.js'
import { contextFor, identityOf } from '../../records/context.js'
import { exitCodes, type ExitCode } from '../exit-codes.js'
import { parseId } from '../parse-id.js'
import { chooseModels, type Project } from '../project.js'
import { printable, type Terminal } from '../terminal.js'
import { usageError } from '../usage.js'

/** Options of the command. */
export interface ContextHashCommand {
  readonly model: string
  readonly id: string
  readonly key: string
  /** Name of the audit device (Vault). */
  readonly path: string
  readonly json: boolean
}

/** Prints the encryption context, and with Vault the hash that stands for it in the audit log. */
export async function runContextHash(
  project: Project,
  terminal: Terminal,
  { model: name, id, key, path, json }: ContextHashCommand,
): Promise<ExitCode> {
  const [model] = chooseModels(project, [name])
  const group = model?.groups.get(key)
  if (!model || !group) {
    throw usageError(
      `${name} has no key '${key}'`,
      'Each key has a context of its own.',
      `Known: ${[...(model?.groups.keys() ?? [])].join(', ')}.`,
    )
  }
  const fields = model.definition.contextId.map((each) => each.field)
  const identity = identityOf(model, parseId(model, fields, id))
  if (!identity) throw usageError(`${model.name}: ${id} is no id`, 'It has no canonical form.', 'Correct it.')
  const { pairs } = contextFor(group, group.config.current, identity)
  const version = group.config.versions.get(group.config.current)
  const hash = (await version?.provider.contextHash?.(pairs, path)) ?? null
  const canonical = canonicalContextJson(pairs)
  if (json) {
    terminal.out(
      `${JSON.stringify({ model: model.name, key, keyId: version?.keyId, context: pairs, canonical, hash })}\n`,
    )
    return exitCodes.ok
  }
  const { dim, bold } = terminal.colours
  const line = (title: string, text: string) => `  ${dim(title.padEnd(10))} ${printable(text)}\n`
  terminal.out(
    line('Record', `${model.name} ${identity.id ?? ''}, key ${key} (${version?.keyId ?? ''})`) +
      line('Context', canonical) +
      line('Base64', Buffer.from(canonical).toString('base64')) +
      (hash === null ? '' : line('Hash', bold(hash))),
  )
  return exitCodes.ok
}
