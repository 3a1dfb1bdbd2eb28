/** The index master key: how it is made, configured and unwrapped. */
import { randomBytes } from 'node:crypto'

import { INDEX_MASTER_KEY_BYTES } from '../envelope/blind-index.js'
import { formatKeyColumn, parseKeyColumn } from '../envelope/key-column.js'
import { KmsEncryptedError } from '../errors.js'
import type { EncryptionContext, KmsCall, KmsProvider } from '../kms/provider.js'
import { createProviderRegistry, type ProviderRegistry } from '../kms/registry.js'
import { defaultProviders } from '../providers/defaults.js'
import { serviceFailure } from '../records/key-failures.js'
import type { ResolvedKey } from '../records/key-config.js'

/** One wrapped index master key and the KMS key that it is wrapped by. */
export interface WrappedIndexKey {
  readonly keyId: string
  /** What `createIndexKey()` gave: `v1:…`. */
  readonly key: string
}

/**
 * The wrapped index master key: alone, when a version of `keys.default` wraps it (the one that its `v1:` names); with a
 * key id of its own; or in several versions, of which all are searched and the current one is written.
 */
export type IndexKeyConfig =
  | string
  | WrappedIndexKey
  | { readonly current: number; readonly versions: Readonly<Record<number, WrappedIndexKey>> }

/** The wrapped index keys with their providers, the current one first. */
export type ResolvedIndexKey = readonly (WrappedIndexKey & { readonly provider: KmsProvider })[]

/** What index master keys are bound to; no record has this context. */
const context: EncryptionContext = Object.freeze({ purpose: 'blind-index' })

/**
 * Makes an index master key and wraps it.
 * @param options `keyId` names the KMS key; `providers` as in the configuration; `version`, when a version of
 *   `keys.default` other than 1 wraps it
 * @returns the string for the configuration's `indexKey`; it holds no secret
 * @throws KmsEncryptedError `UNKNOWN_KEY_ID`, `KMS_…`
 */
export async function createIndexKey(options: {
  readonly keyId: string
  readonly providers?: readonly KmsProvider[]
  readonly version?: number
}): Promise<string> {
  const { keyId, providers = [], version = 1 } = options
  const provider = createProviderRegistry(providers, defaultProviders()).resolve(keyId)
  return wrapIndexKey(provider, keyId, randomBytes(INDEX_MASTER_KEY_BYTES), version)
}

/**
 * Wraps an index master key, and zeroes it.
 * @param version the version of `keys.default` that the result names
 * @throws KmsEncryptedError `KMS_…`
 */
export async function wrapIndexKey(
  provider: KmsProvider,
  keyId: string,
  masterKey: Uint8Array,
  version = 1,
): Promise<string> {
  const [outcome] = await provider.wrap(keyId, [{ plaintext: masterKey, context }], {})
  masterKey.fill(0)
  if (!outcome?.ok) throw outcome ? serviceFailure(outcome.error) : noAnswer()
  return formatKeyColumn([{ version, ciphertext: Buffer.from(outcome.value), commitment: null }], 'indexKey')
}

/**
 * Resolves the configuration of the index key.
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`, `INVALID_KEY_COLUMN`, `UNKNOWN_KEY_ID`
 */
export function resolveIndexKey(
  given: IndexKeyConfig | undefined,
  defaultKey: ResolvedKey | undefined,
  registry: ProviderRegistry,
): ResolvedIndexKey {
  if (given === undefined) {
    throw invalid(
      'indexKey: models have blind indexes, but there is no index key',
      'Give indexKey, or KMS_INDEX_KEY in the environment; createIndexKey({ keyId }) makes one.',
    )
  }
  return versionsOf(given, defaultKey).map((version) => ({
    ...version,
    provider: registry.resolve(version.keyId),
  }))
}

function versionsOf(given: IndexKeyConfig, defaultKey: ResolvedKey | undefined): readonly WrappedIndexKey[] {
  if (typeof given === 'string') {
    const version = entryOf(given).version
    const keyId = defaultKey?.versions.get(version)?.keyId
    if (keyId !== undefined) return [{ keyId, key: given }]
    throw invalid(
      `indexKey: it was wrapped under version ${version} of keys.default, which is not configured`,
      'Name the KMS key: indexKey: { keyId, key }.',
    )
  }
  if (!('versions' in given)) return [given]
  const current = given.versions[given.current]
  if (!current)
    throw invalid(`indexKey.current is ${given.current}, which versions lacks`, 'Add the version.')
  const others = Object.entries(given.versions).filter(([number]) => Number(number) !== given.current)
  return [current, ...others.map(([, version]) => version)]
}

/**
 * Unwraps all versions of the index master key, the current one first.
 * @throws KmsEncryptedError `KMS_…`
 */
export function unwrapIndexKeys(keys: ResolvedIndexKey, call: KmsCall): Promise<readonly Uint8Array[]> {
  return Promise.all(
    keys.map(async ({ keyId, key, provider }) => {
      const { ciphertext } = entryOf(key)
      const [outcome] = await provider.unwrap(keyId, [{ ciphertext, context }], call)
      if (outcome?.ok) return outcome.value
      throw outcome ? serviceFailure(outcome.error) : noAnswer()
    }),
  )
}

function entryOf(key: string) {
  const [entry, another] = parseKeyColumn(key, 'indexKey')
  if (entry && !another) return entry
  throw invalid('indexKey: expected one wrapped key', 'Give exactly what createIndexKey() returned.')
}

function noAnswer(): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'KMS_INVALID_RESPONSE',
    message: 'indexKey: the key service answered nothing',
    why: 'A provider must answer one outcome per item.',
    fix: 'Check the provider with the contract suite in prisma-kms-encrypted/testing.',
  })
}

function invalid(message: string, fix: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message,
    why: 'Blind indexes are keyed hashes; without their key nothing can be searched or written.',
    fix,
  })
}
