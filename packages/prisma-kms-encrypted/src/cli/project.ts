/** Turns the configuration into the extended client with its models, keys and runtime. */
import { runtimeOfClient } from '../extension/registry.js'
import type { Runtime } from '../extension/runtime.js'
import type { RecordModel } from '../records/models.js'
import type { LoadedConfig } from './load-config.js'
import { usageError } from './usage.js'

/** What commands work on. */
export interface Project {
  readonly config: LoadedConfig
  readonly runtime: Runtime
  /** The models with encrypted fields. */
  readonly models: readonly RecordModel[]
  /** The delegate of a model on the extended client. */
  delegate(model: RecordModel): unknown
  /** Closes the database connections. */
  close(): Promise<void>
}

/**
 * Opens the client that the configuration gives.
 * @throws KmsEncryptedError `INVALID_CONFIGURATION` when it is not extended
 */
export async function openProject(config: LoadedConfig): Promise<Project> {
  const { client: given } = config.config
  const client: unknown = typeof given === 'function' ? await (given as () => unknown)() : given
  const runtime = runtimeOfClient(client, config.path)
  const members = client as Readonly<Record<string, unknown>> // runtimeOfClient() found it to be a client
  return {
    config,
    runtime,
    models: [...runtime.models.values()].filter((model) => model.encrypted),
    delegate: (model) => members[model.delegate],
    async close() {
      await runtime.config.services.close()
      await (members['$disconnect'] as () => Promise<void>).call(client)
    },
  }
}

/**
 * The models that the user named, whatever the case; all without names.
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`
 */
export function chooseModels({ models }: Project, names: readonly string[]): readonly RecordModel[] {
  if (names.length === 0) return models
  return names.map((name) => {
    const found = models.find((model) => model.name.toLowerCase() === name.toLowerCase())
    if (found) return found
    throw usageError(
      `'${name}' is no encrypted model`,
      'Only models with encrypted fields have keys.',
      `Known: ${models.map((model) => model.name).join(', ')}.`,
    )
  })
}
