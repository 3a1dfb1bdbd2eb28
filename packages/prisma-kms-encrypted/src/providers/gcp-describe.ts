/** Turns what Google Cloud tells of a key into a key description. */
import { kmsFailure } from '../kms/failure.js'
import type { KmsFailurePlace } from '../kms/failure.js'
import type { KeyDescription } from '../kms/provider.js'
import type { KeyManagementServiceClient } from '@google-cloud/kms'
import { toGcpFailure } from './gcp-failure.js'

/** Version states come as names or numbers, depending on the client's options. */
const enabledStates: readonly unknown[] = ['ENABLED', 1]

/**
 * Asks GetCryptoKey.
 * @throws KMS_ACCESS_DENIED, KMS_KEY_NOT_FOUND and the other codes of a failed request
 */
export async function describeGcpKey(
  client: Pick<KeyManagementServiceClient, 'getCryptoKey'>,
  place: KmsFailurePlace,
  options: { readonly timeout: number; readonly retry: { readonly retryCodes: number[] } },
): Promise<KeyDescription> {
  const [key] = await client.getCryptoKey({ name: place.keyId }, options).catch((error: unknown) => {
    throw toGcpFailure(error, place)
  })
  if (key.name !== place.keyId) throw kmsFailure('KMS_INVALID_RESPONSE', place)
  const periodSeconds = Number(key.rotationPeriod?.seconds ?? 0)
  const state = key.primary?.state
  return {
    keyId: place.keyId,
    enabled: state === null || state === undefined ? null : enabledStates.includes(state),
    automaticRotation: periodSeconds > 0,
    rotationPeriodDays: periodSeconds > 0 ? periodSeconds / 86_400 : null,
    lastRotation:
      key.primary?.name?.endsWith('/cryptoKeyVersions/1') === false ? toDate(key.primary.createTime) : null,
    nextRotation: toDate(key.nextRotationTime),
    multiRegion: null,
    derived: null,
    account: place.keyId.split('/')[1] ?? null,
    tags: key.labels ?? {},
  }
}

function toDate(time: { readonly seconds?: unknown } | null | undefined): Date | null {
  const seconds = Number(time?.seconds ?? Number.NaN)
  return Number.isNaN(seconds) ? null : new Date(seconds * 1000)
}
