/** `kms-encrypted index-key`: makes the index master key of blind indexes, and a new one beside it. */
import {
  createIndexKey,
  unwrapIndexKeys,
  wrapIndexKey,
  type WrappedIndexKey,
} from '../../extension/index-key.js'
import type { KmsProvider } from '../../kms/provider.js'
import { exitCodes, type ExitCode } from '../exit-codes.js'
import type { Project } from '../project.js'
import type { Terminal } from '../terminal.js'
import { usageError } from '../usage.js'

/** Options of `index-key create`. */
export interface CreateIndexKeyCommand {
  readonly keyId: string | undefined
  /** The version of `keys.default` that it names. */
  readonly version: number
  readonly providers: readonly KmsProvider[]
  readonly json: boolean
}

/** Makes an index key; works before a client exists, since a client with blind indexes needs one. */
export async function runCreateIndexKey(
  terminal: Terminal,
  { keyId, version, providers, json }: CreateIndexKeyCommand,
): Promise<ExitCode> {
  if (keyId === undefined) {
    throw usageError(
      'index-key create: no key id',
      'The index key is wrapped by a KMS key.',
      'Give --key-id alias/app, or set KMS_KEY_ID.',
    )
  }
  const key = await createIndexKey({ keyId, providers, version })
  if (json) {
    terminal.out(`${JSON.stringify({ keyId, key })}\n`)
    return exitCodes.ok
  }
  const { dim } = terminal.colours
  terminal.err(dim(`An index key, wrapped by ${keyId}. It is no secret; keep it as long as the data:\n\n`))
  terminal.out(`${key}\n`)
  terminal.err(
    dim(`\nSet it as KMS_INDEX_KEY, or in kmsEncrypted({ indexKey: { keyId: '${keyId}', key: '…' } }).\n`),
  )
  return exitCodes.ok
}

/** Options of `index-key rotate`. */
export interface RotateIndexKeyCommand {
  /** What wraps the result; default: what wraps the current one. */
  readonly keyId: string | undefined
  /** Keeps the index key and only wraps it anew: the stored indexes stay valid. */
  readonly rewrap: boolean
  readonly json: boolean
}

/** Makes the configuration with one index key more, or with the same ones wrapped anew. */
export async function runRotateIndexKey(
  { runtime }: Project,
  terminal: Terminal,
  { keyId, rewrap, json }: RotateIndexKeyCommand,
): Promise<ExitCode> {
  const { indexKey, services } = runtime.config
  const current = indexKey?.[0]
  if (!indexKey || !current) {
    throw usageError(
      'index-key rotate: no model has a blind index',
      'There is no index key to rotate.',
      'Make one with: kms-encrypted index-key create',
    )
  }
  const target = keyId ?? current.keyId
  const wrapped: WrappedIndexKey[] = indexKey.map(({ keyId: own, key }) => ({ keyId: own, key }))
  // The current one comes first, but gets the highest number: they are listed in the order in which they came.
  const kept = rewrap ? await rewrapAll() : wrapped
  const old = [...kept.slice(1), ...kept.slice(0, 1)]
  const all = rewrap ? old : [...old, await createWrapped(services.resolve(target), target)]
  const versions = Object.fromEntries(all.map((version, at) => [at + 1, version]))
  const config = { current: old.length, versions }
  if (json) {
    terminal.out(`${JSON.stringify(config)}\n`)
    return exitCodes.ok
  }
  terminal.out(`${renderConfig(config)}\n`)
  const { dim } = terminal.colours
  const steps = rewrap
    ? ['Deploy this. The stored indexes stay valid: only the wrapping is new.']
    : [
        `1. Deploy this everywhere: both are searched, version ${old.length} is written.`,
        `2. Set current to ${all.length} and deploy again.`,
        '3. Run: kms-encrypted encrypt --open-sealed   (computes the indexes of all records anew)',
        '4. Remove the old version.',
      ]
  terminal.err(dim(`\n${steps.join('\n')}\n`))
  return exitCodes.ok

  async function rewrapAll(): Promise<WrappedIndexKey[]> {
    const keys = await unwrapIndexKeys(indexKey ?? [], {})
    const provider = services.resolve(target)
    return Promise.all(
      keys.map(async (key) => ({ keyId: target, key: await wrapIndexKey(provider, target, key) })),
    )
  }
}

async function createWrapped(provider: KmsProvider, keyId: string): Promise<WrappedIndexKey> {
  // Given as the only provider: it is the one that the application has configured.
  return { keyId, key: await createIndexKey({ keyId, providers: [provider] }) }
}

function renderConfig(config: {
  readonly current: number
  readonly versions: Readonly<Record<string, WrappedIndexKey>>
}): string {
  const versions = Object.entries(config.versions).map(
    ([version, { keyId, key }]) => `    ${version}: { keyId: '${keyId}', key: '${key}' },`,
  )
  return ['indexKey: {', `  current: ${config.current},`, '  versions: {', ...versions, '  },', '},'].join(
    '\n',
  )
}
