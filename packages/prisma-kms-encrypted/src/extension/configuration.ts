/** Validates the configuration once and resolves each key to its versions, providers and contexts. */
import * as z from 'zod'

import type { KmsEncryptedError } from '../errors.js'
import { createKmsAudit } from '../kms/audit.js'
import type { KmsEvent } from '../kms/audit-event.js'
import type { DataKeyCacheOptions } from '../kms/cache.js'
import type { Mode } from '../kms/permissions.js'
import type { KmsProvider } from '../kms/provider.js'
import { createProviderRegistry } from '../kms/registry.js'
import { defaultProviders } from '../providers/defaults.js'
import type { ContextFn, EagerMode, KeyVersion, ResolvedKey } from '../records/key-config.js'
import { branchFunction, branchKeyOptions, type BranchKeyOptions } from './branch-keys.js'
import { checkContextColumns, checkNames, checkRowBinding, invalid } from './check-configuration.js'
import { checkExclusive, checkIndexKeyApart } from './check-mode.js'
import { indexKeyConfig, resolveIndexKey, type IndexKeyConfig, type ResolvedIndexKey } from './index-key.js'
import { createKeyServices, type KeyServices } from './key-services.js'
import { legacyConfig, resolveLegacy } from './legacy.js'
import { migratingConfig, resolveMigrating, type MigratingConfig } from './migrating.js'
import type { LegacyOpener } from '../records/legacy-opener.js'
import type { MigrationStage } from '../records/models.js'
import type { EncryptedModelName, KeyName, ModelDefinitions } from '../schema/model.js'

/** What holds for all versions of a key. */
export interface KeyOptions {
  /** When a new record's id comes from the database: fetched before the insert, after it, or not used at all. */
  readonly eager?: EagerMode
  /** Replaces the default context; gets the record's id and `contextColumns`, returns 1 to 8 pairs of strings. */
  readonly context?: ContextFn
  /** Immutable columns that the context uses besides the id. */
  readonly contextColumns?: readonly string[]
  /** `'off'` acknowledges a custom context that holds neither the id nor a unique immutable column. */
  readonly rowBinding?: 'off'
  /** The key service wraps one key for each model or tenant, which wraps the records' data keys; off unless given. */
  readonly branchKeys?: BranchKeyOptions
  /** `true`: every write of an encrypted field gets a data key of its own; see the guide on permissions. */
  readonly freshKeys?: boolean
}

/** One version of a key. */
export interface KeyVersionConfig {
  readonly keyId: string
  /** Replaces {@link KeyOptions.context} for this version. */
  readonly context?: ContextFn
  /** Replaces {@link KeyOptions.branchKeys} for this version. */
  readonly branchKeys?: BranchKeyOptions
}

/** A key: one id, or several versions of which one is current. */
export type KeyConfig =
  | ({ readonly keyId: string } & KeyOptions)
  | ({ readonly current: number; readonly versions: Readonly<Record<number, KeyVersionConfig>> } & KeyOptions)

/** The configuration of {@link kmsEncrypted}. `M` is the type of the generated `encryptedModels`. */
export interface KmsEncryptedConfig<M extends ModelDefinitions, K extends string = KeyName<M>> {
  /** What the generator emitted; checked against the client when extending. */
  readonly models: M
  /** Key services of your own making or configuration; the known ones are otherwise loaded on first use, by key id. */
  readonly providers?: readonly KmsProvider[]
  /** Shorthand for `keys.default`. Default: the environment's `KMS_KEY_ID`. */
  readonly keyId?: string
  readonly keys?: { readonly [name in K]?: KeyConfig }
  /** The wrapped index master key of the models' blind indexes, from `createIndexKey()`. Default: `KMS_INDEX_KEY`. */
  readonly indexKey?: IndexKeyConfig
  /**
   * What this server may do. `encrypt-only` never unwraps a data key, `decrypt-only` never wraps one, whatever their
   * credentials would allow. Default: `read-write`.
   */
  readonly mode?: Mode
  /** Models whose tables no other deployment writes; see the guide on permissions. */
  readonly exclusive?: readonly (keyof M & string)[]
  /** Keeps unwrapped data keys in memory; off unless given. */
  readonly cache?: DataKeyCacheOptions
  /**
   * Limits of calls to key services. `deadlineMs`: until when throttling, timeouts and outages are tried again, for each
   * 1,000 keys; 10,000. How many requests are under way at once is an option of the provider (`concurrency`).
   */
  readonly calls?: { readonly deadlineMs?: number }
  /** An extra context pair, for databases that share a KMS key. */
  readonly namespace?: string
  /** Models whose rows are partly plaintext: `read` goes on storing plaintext, `write` encrypts, both read both. */
  readonly migrating?: MigratingConfig<EncryptedModelName<M>>
  /** Open what other libraries wrote, until `encryptAll()` has rewritten it. */
  readonly legacy?: readonly LegacyOpener[]
  /**
   * Takes the ids of new records from their sequences in blocks of so many (2 to 10,000), so that only one create in so many
   * waits for a trip to the database; ids left over when the process ends are skipped. Off unless given: see docs/ids.md.
   */
  readonly idBlock?: number
  /** Limits in ms of the transactions that the library opens itself. Default: 10,000 to get one, 60,000 to finish it. */
  readonly transaction?: { readonly maxWait?: number; readonly timeout?: number }
  /** Told of every use of a data key, one event per record; nobody waits for it, and what it throws stops nothing. */
  readonly onKmsEvent?: (event: KmsEvent) => void
}

/**
 * Refuses key names that the models do not have. `K` is inferred from the configuration itself, since a mapped type over
 * the names in `M` would leave the context functions in it without parameter types.
 */
export type KnownKeys<M extends ModelDefinitions, K extends string> = [K] extends [KeyName<M>]
  ? unknown
  : { readonly keys: { readonly [name in Exclude<K, KeyName<M>>]: never } }

/** The configuration as the rest of the extension uses it: complete and frozen. */
export interface ResolvedConfig {
  readonly models: ModelDefinitions
  readonly mode: Mode
  readonly exclusive: ReadonlySet<string>
  readonly keyFor: (model: string, key: string) => ResolvedKey
  /** `null`: no model has an index. */
  readonly indexKey: ResolvedIndexKey | null
  /** How far the migration of a model is; `null`: it has no plaintext. */
  readonly stageOf: (model: string) => MigrationStage | null
  /** The opener of what another library wrote into a field; `null`: none did. */
  readonly openerOf: (model: string, field: string) => LegacyOpener | null
  readonly services: Pick<KeyServices, 'resolve' | 'flush' | 'rotateBranchKeys' | 'close'>
  readonly transaction: { readonly maxWait: number; readonly timeout: number }
  /** Ids that one trip takes ahead; `null`: none are taken ahead. */
  readonly idBlock: number | null
}

const contextFn = z.custom<ContextFn>((value) => typeof value === 'function', 'expected a function')
const provider = z.custom<KmsProvider>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    ['accepts', 'wrap', 'unwrap'].every(
      (name) => typeof (value as Record<string, unknown>)[name] === 'function',
    ),
  'expected a KmsProvider',
)
const versionNumber = z.int().min(1)
const keyOptions = {
  eager: z.enum(['fetch-id', 'after-insert', 'context-free']).optional(),
  context: contextFn.optional(),
  contextColumns: z.array(z.string().min(1)).optional(),
  rowBinding: z.literal('off').optional(),
  branchKeys: branchKeyOptions.optional(),
  freshKeys: z.boolean().optional(),
}
const keyConfig = z.union([
  z.strictObject({ keyId: z.string().min(1), ...keyOptions }),
  z.strictObject({
    current: versionNumber,
    versions: z.record(
      z.string().regex(/^[1-9]\d*$/, 'versions are numbered from 1'),
      z.strictObject({
        keyId: z.string().min(1),
        context: contextFn.optional(),
        branchKeys: branchKeyOptions.optional(),
      }),
    ),
    ...keyOptions,
  }),
])
const configuration = z.strictObject({
  models: z.custom<ModelDefinitions>(
    (value) => typeof value === 'object' && value !== null,
    'expected encryptedModels',
  ),
  providers: z.array(provider).optional(),
  keyId: z.string().min(1).optional(),
  keys: z.record(z.string(), keyConfig).optional(),
  indexKey: indexKeyConfig.optional(),
  mode: z.enum(['read-write', 'encrypt-only', 'decrypt-only']).optional(),
  calls: z.strictObject({ deadlineMs: z.int().positive().optional() }).optional(),
  exclusive: z.array(z.string()).optional(),
  cache: z.custom<DataKeyCacheOptions>((value) => typeof value === 'object' && value !== null).optional(),
  namespace: z.string().min(1).optional(),
  migrating: migratingConfig.optional(),
  legacy: legacyConfig.optional(),
  idBlock: z.int().min(2).max(10_000).optional(),
  transaction: z
    .strictObject({ maxWait: z.int().positive().optional(), timeout: z.int().positive().optional() })
    .optional(),
  onKmsEvent: z
    .custom<(event: KmsEvent) => void>((value) => typeof value === 'function', 'expected a function')
    .optional(),
})

type ParsedKey = z.infer<typeof keyConfig>

/**
 * Checks the whole configuration: every key of the models is configured, every key id has its provider.
 * @param environment where `KMS_KEY_ID` is looked up
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`, `UNKNOWN_KEY_ID`
 */
export function resolveConfiguration(
  config: unknown,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ResolvedConfig {
  const parsed = configuration.safeParse(config)
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`)
    throw invalid(
      issues.join('; '),
      'The configuration does not have the documented form.',
      'Correct the named options.',
    )
  }
  const {
    models,
    providers = [],
    keys = {},
    mode = 'read-write',
    exclusive = [],
    namespace = null,
    transaction = {},
  } = parsed.data
  checkNames(models, keys)
  checkExclusive(models, exclusive)
  const services = createKeyServices(createProviderRegistry(providers, defaultProviders(environment)), {
    mode,
    cache: parsed.data.cache,
    deadlineMs: parsed.data.calls?.deadlineMs,
    audit: createKmsAudit(parsed.data.onKmsEvent),
  })
  const shorthand = parsed.data.keyId ?? environment['KMS_KEY_ID']
  const resolved = new Map<string, ResolvedKey>()
  for (const [model, definition] of Object.entries(models)) {
    for (const name of Object.keys(definition.keys)) {
      const given = keys[name] ?? (name === 'default' && shorthand ? { keyId: shorthand } : undefined)
      if (!given) throw keyNotConfigured(model, name)
      const key = resolved.get(name) ?? resolveKey(name, given, services, namespace, mode)
      resolved.set(name, key)
      checkContextColumns(model, definition, key)
      checkRowBinding(model, definition, key)
    }
  }
  const indexKey = Object.values(models).some((model) => Object.keys(model.indexes).length > 0)
    ? resolveIndexKey(parsed.data.indexKey ?? environment['KMS_INDEX_KEY'], resolved.get('default'), services)
    : null
  checkIndexKeyApart(mode, indexKey, resolved)
  return Object.freeze({
    models,
    mode,
    exclusive: new Set(exclusive),
    keyFor: (model: string, key: string) => resolved.get(key) ?? keyMissing(model, key),
    services,
    indexKey,
    openerOf: resolveLegacy(models, parsed.data.legacy ?? []),
    stageOf: resolveMigrating(models, parsed.data.migrating ?? {}),
    idBlock: parsed.data.idBlock ?? null,
    transaction: { maxWait: transaction.maxWait ?? 10_000, timeout: transaction.timeout ?? 60_000 },
  })
}

function resolveKey(
  name: string,
  given: ParsedKey,
  services: KeyServices,
  namespace: string | null,
  mode: Mode,
): ResolvedKey {
  const { current, versions } =
    'versions' in given ? given : { current: 1, versions: { 1: { keyId: given.keyId } } }
  const resolved = new Map<number, KeyVersion>()
  for (const [number, version] of Object.entries(versions)) {
    const { keyId } = version
    const own = 'context' in version ? version.context : undefined
    const context = own ?? given.context ?? null
    const branchKeys = ('branchKeys' in version ? version.branchKeys : undefined) ?? given.branchKeys
    const branched = { key: name, version: Number(number), keyId, namespace }
    resolved.set(Number(number), {
      keyId,
      provider: branchKeys ? services.branched(branched, branchKeys) : services.forDataKeys(keyId),
      context,
      branch: branchKeys ? branchFunction(branchKeys) : null,
      // The lifetimes of a data key and of the branch key that opened it would add up.
      cache: branchKeys ? null : services.dataKeys,
    })
  }
  if (!resolved.has(current)) {
    throw invalid(
      `keys.${name}.current is ${current}, but versions holds ${[...resolved.keys()].join(', ') || 'none'}`,
      'New data keys are wrapped under the current version.',
      `Add version ${current} to keys.${name}.versions.`,
    )
  }
  const eager = given.eager ?? null
  const customEverywhere = [...resolved.values()].every((version) => version.context)
  if (eager === 'context-free' && !customEverywhere) {
    throw invalid(
      `keys.${name}: eager 'context-free' needs a context of its own`,
      'The default context holds the record’s id, which is not known before the insert.',
      'Give a context function that uses contextColumns only.',
    )
  }
  return Object.freeze({
    name,
    current,
    versions: resolved,
    contextColumns: given.contextColumns ?? [],
    eager,
    rowBinding: given.rowBinding !== 'off',
    freshKeys: mode === 'encrypt-only' || (given.freshKeys ?? false),
    mode,
    namespace,
  })
}

function keyNotConfigured(model: string, name: string): KmsEncryptedError {
  const fix =
    name === 'default'
      ? 'Give keyId or keys.default, or set KMS_KEY_ID in the environment.'
      : `Give keys.${name}: { keyId: … }.`
  return invalid(
    `${model}: no key id for the key '${name}'`,
    'Each key that the schema names wraps data keys.',
    fix,
  )
}

function keyMissing(model: string, key: string): never {
  throw keyNotConfigured(model, key)
}
