/** Turns the configuration of one key into its versions, each with its provider and context. */
import type { KmsEncryptedError } from '../errors.js'
import type { Mode } from '../kms/permissions.js'
import type { KeyVersion, ResolvedKey } from '../records/key-config.js'
import { branchFunction } from './branch-keys.js'
import { invalid } from './check-configuration.js'
import type { ParsedKey } from './configuration-form.js'
import type { KeyServices } from './key-services.js'

/**
 * Resolves one key of the configuration.
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`, `UNKNOWN_KEY_ID`
 */
export function resolveKey(
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

/** The error for a key of a model that the configuration gives no key id. */
export function keyNotConfigured(model: string, name: string): KmsEncryptedError {
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
