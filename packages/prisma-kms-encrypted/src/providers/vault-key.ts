/** Reads a transit key's settings and turns them into a key description. */
import { kmsFailure } from '../kms/failure.js'
import type { KmsFailurePlace } from '../kms/failure.js'
import type { KeyDescription } from '../kms/provider.js'
import { readPath, toVaultFailure } from './vault-response.js'
import type { VaultClient } from './vault-client.js'

/** What is used of `<mount>/keys/<key>`. */
export interface VaultKey {
  readonly derived: boolean
  readonly latestVersion: number
  readonly autoRotateSeconds: number
  /** When the latest version was made. */
  readonly latestCreated: Date | null
}

/**
 * Reads the settings of a key.
 * @throws KMS_KEY_NOT_FOUND
 * @throws KMS_ACCESS_DENIED when the token may not read `<mount>/keys/<key>`
 */
export async function readVaultKey(
  client: VaultClient,
  mount: string,
  place: KmsFailurePlace,
  options: { readonly timeout: number },
): Promise<VaultKey> {
  const path = `${mount}/keys/${place.keyId.slice('vault/'.length)}`
  const answer = await client.read(path, options).catch((error: unknown) => {
    const failure = toVaultFailure(error, place)
    if (failure.code !== 'KMS_ACCESS_DENIED') throw failure
    throw kmsFailure('KMS_ACCESS_DENIED', place, {
      detail: `reading ${path}, which tells whether the key is derived`,
      fix: `Grant read on ${path}, or check the key yourself and pass vaultTransit({ allowUnderived: true }).`,
    })
  })
  const data = readPath(answer, 'data')
  const derived = readPath(data, 'derived')
  const latestVersion = readPath(data, 'latest_version')
  if (typeof derived !== 'boolean' || typeof latestVersion !== 'number') {
    throw kmsFailure('KMS_INVALID_RESPONSE', place)
  }
  const autoRotate = readPath(data, 'auto_rotate_period')
  const created = readPath(data, 'keys', String(latestVersion))
  return {
    derived,
    latestVersion,
    autoRotateSeconds: typeof autoRotate === 'number' ? autoRotate : 0,
    latestCreated: typeof created === 'number' ? new Date(created * 1000) : null,
  }
}

/** What `describeKey` answers. Vault has no state that disables a key, no regions and no tags. */
export function toKeyDescription(keyId: string, key: VaultKey): KeyDescription {
  const periodDays = key.autoRotateSeconds / 86_400
  const next = key.latestCreated === null ? null : key.latestCreated.getTime() + key.autoRotateSeconds * 1000
  return {
    keyId,
    enabled: true,
    automaticRotation: periodDays > 0,
    rotationPeriodDays: periodDays > 0 ? periodDays : null,
    lastRotation: key.latestVersion > 1 ? key.latestCreated : null,
    nextRotation: periodDays > 0 && next !== null ? new Date(next) : null,
    multiRegion: null,
    derived: key.derived,
    account: null,
    tags: {},
  }
}
