/** What all operations of one extended client share. */
import type { KmsCall } from '../kms/provider.js'
import type { RecordModels } from '../records/models.js'
import { createIndexKeys, type IndexKeys } from '../records/index-keys.js'
import type { GlobalOmit } from '../records/plan-selection.js'
import { unwrapIndexKeys } from './index-key.js'
import { readCatalogue } from './catalogue.js'
import type { Catalogue, Dialect } from './dialects/dialect.js'
import { createIdBlocks, type IdBlocks } from './id-blocks.js'
import { findDialect } from './dialects/find-dialect.js'
import type { InternalClient } from './prisma-internals.js'
import type { ResolvedConfig } from './resolve-configuration.js'
import { TransactionQueues, type Session } from './transactions.js'

/** The state of one extended client. */
export interface Runtime {
  readonly base: InternalClient
  readonly config: ResolvedConfig
  readonly models: RecordModels
  readonly globalOmit: GlobalOmit
  readonly queues: TransactionQueues
  /** How this database is spoken to; `null`: no statements of our own. */
  readonly dialect: Dialect | null
  /** Ids fetched ahead; `null`: each operation fetches its own. */
  readonly idBlocks: IdBlocks | null
  /** The schema of models without `@@schema`: the adapter's, otherwise the database's default as in Prisma's own statements. */
  readonly schema: string | null
  /** What every call to a key service gets. */
  readonly call: KmsCall
  /** The index keys; `null` before they are unwrapped, or when no model has an index. */
  indexKeys(): IndexKeys | null
  /** Whether the index keys are unwrapped, or no model has an index. */
  isReady(): boolean
  /** Unwraps the index master keys, once per process. */
  loadIndexKeys(): Promise<void>
  /** Forgets what was unwrapped. */
  flush(): void
  /** Which models' ids can be fetched before the insert; read once, outside any transaction where possible. */
  catalogue(session: Session | null): Promise<Catalogue>
  /** The same once it has been read; `null` before. */
  knownCatalogue(): Catalogue | null
}

/** Builds the state for a client that is being extended. */
export function createRuntime(base: InternalClient, config: ResolvedConfig, models: RecordModels): Runtime {
  const dialect = findDialect(base._activeProvider)
  const schema = base._engineConfig.adapter?.options?.schema ?? dialect?.defaultSchema ?? null
  const globalOmit = base._globalOmit ?? {}
  const idBlocks =
    dialect?.sequences && config.idBlock !== null ? createIdBlocks(dialect.sequences, config.idBlock) : null
  const call: KmsCall = {}
  let loading: Promise<Catalogue> | undefined
  let catalogue: Catalogue | null = null
  let unwrapping: Promise<readonly Uint8Array[]> | undefined
  let indexKeys: IndexKeys | null = null
  return {
    base,
    config,
    models,
    globalOmit,
    queues: new TransactionQueues(),
    dialect,
    idBlocks,
    schema,
    call,
    indexKeys: () => indexKeys,
    isReady: () => indexKeys !== null || config.indexKey === null,
    async loadIndexKeys() {
      if (!config.indexKey) return
      unwrapping ??= unwrapIndexKeys(config.indexKey, call).catch((error: unknown) => {
        unwrapping = undefined // a key service that was away is asked again
        throw error
      })
      indexKeys ??= createIndexKeys(await unwrapping)
    },
    flush() {
      unwrapping = undefined
      indexKeys = null
      idBlocks?.forget()
      config.services.flush()
    },
    catalogue(session) {
      if (!dialect?.sequences) return Promise.resolve(new Map())
      loading ??= readCatalogue(dialect, session?.client ?? base, models, schema).then(
        (read) => (catalogue = read),
        (error: unknown) => {
          loading = undefined // a database that was away is asked again
          throw error
        },
      )
      return loading
    },
    knownCatalogue: () => catalogue,
  }
}
