/** Checks of the configuration that the server's mode asks for. */
import type { Mode } from '../kms/permissions.js'
import type { ResolvedKey } from '../records/key-config.js'
import type { ModelDefinitions } from '../schema/model.js'
import { invalid } from './check-configuration.js'
import type { ResolvedIndexKey } from './index-key.js'

/** Refuses names in `exclusive` that are no models with encrypted fields. */
export function checkExclusive(models: ModelDefinitions, exclusive: readonly string[]): void {
  const known = Object.entries(models).flatMap(([name, { keys }]) =>
    Object.keys(keys).length > 0 ? [name] : [],
  )
  for (const name of exclusive) {
    if (known.includes(name)) continue
    throw invalid(
      `exclusive: '${name}' is no model with encrypted fields (known: ${known.join(', ')})`,
      'It would promise something of a table that does not exist or has no keys.',
      'Correct the name.',
    )
  }
}

/**
 * Refuses an encrypt-only server whose index key is wrapped by a key that wraps data keys: the permission to unwrap the
 * one would open the other.
 */
export function checkIndexKeyApart(
  mode: Mode,
  indexKey: ResolvedIndexKey | null,
  keys: ReadonlyMap<string, ResolvedKey>,
): void {
  if (mode !== 'encrypt-only') return
  for (const { name, versions } of keys.values()) {
    for (const { keyId } of versions.values()) {
      if (!indexKey?.some((version) => version.keyId === keyId)) continue
      throw invalid(
        `indexKey: it is wrapped by ${keyId}, which also wraps the data keys of keys.${name}`,
        "With mode: 'encrypt-only' the server may decrypt with the KMS key of the index key, and with no other.",
        'Wrap the index key by a KMS key of its own: indexKey: { keyId, key }.',
      )
    }
  }
}
