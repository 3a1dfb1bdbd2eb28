/** Checks the whole configuration once: each key gets its versions, providers and contexts, each model its keys. */
import { createKmsAudit } from '../kms/audit.js'
import type { Mode } from '../kms/permissions.js'
import { createProviderRegistry } from '../kms/registry.js'
import { defaultProviders } from '../providers/defaults.js'
import type { ResolvedKey } from '../records/key-config.js'
import type { LegacyOpener } from '../records/legacy-opener.js'
import type { MigrationStage } from '../records/models.js'
import type { ModelDefinitions } from '../schema/model.js'
import { checkContextColumns, checkNames, checkRowBinding } from './check-configuration.js'
import { checkExclusive, checkIndexKeyApart } from './check-mode.js'
import { parseConfiguration } from './configuration-form.js'
import { resolveIndexKey, type ResolvedIndexKey } from './index-key.js'
import { createKeyServices, type KeyServices } from './key-services.js'
import { resolveLegacy } from './legacy.js'
import { resolveMigrating } from './migrating.js'
import { keyNotConfigured, resolveKey } from './resolve-key.js'

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

/**
 * Checks the whole configuration: every key of the models is configured, every key id has its provider.
 * @param environment where `KMS_KEY_ID` is looked up
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`, `UNKNOWN_KEY_ID`
 */
export function resolveConfiguration(
  config: unknown,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ResolvedConfig {
  const parsed = parseConfiguration(config)
  const {
    models,
    providers = [],
    keys = {},
    mode = 'read-write',
    exclusive = [],
    namespace = null,
    transaction = {},
  } = parsed
  checkNames(models, keys)
  checkExclusive(models, exclusive)
  const services = createKeyServices(createProviderRegistry(providers, defaultProviders(environment)), {
    mode,
    cache: parsed.cache,
    deadlineMs: parsed.calls?.deadlineMs,
    audit: createKmsAudit(parsed.onKmsEvent),
  })
  const shorthand = parsed.keyId ?? environment['KMS_KEY_ID']
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
    ? resolveIndexKey(parsed.indexKey ?? environment['KMS_INDEX_KEY'], resolved.get('default'), services)
    : null
  checkIndexKeyApart(mode, indexKey, resolved)
  return Object.freeze({
    models,
    mode,
    exclusive: new Set(exclusive),
    keyFor: (model: string, key: string) => resolved.get(key) ?? keyMissing(model, key),
    services,
    indexKey,
    openerOf: resolveLegacy(models, parsed.legacy ?? []),
    stageOf: resolveMigrating(models, parsed.migrating ?? {}),
    idBlock: parsed.idBlock ?? null,
    transaction: { maxWait: transaction.maxWait ?? 10_000, timeout: transaction.timeout ?? 60_000 },
  })
}

function keyMissing(model: string, key: string): never {
  throw keyNotConfigured(model, key)
}
