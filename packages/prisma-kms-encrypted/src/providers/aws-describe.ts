/** Turns what AWS tells of a key into a key description. */
import type * as AwsSdk from '@aws-sdk/client-kms'
import type { KMSClient } from '@aws-sdk/client-kms'
import { kmsFailure } from '../kms/failure.js'
import type { KmsFailurePlace } from '../kms/failure.js'
import type { KeyDescription } from '../kms/provider.js'
import { toAwsFailure } from './aws-failure.js'

/**
 * Asks DescribeKey, and GetKeyRotationStatus, ListKeyRotations and ListResourceTags where the permissions allow it.
 * @throws KMS_ACCESS_DENIED, KMS_KEY_NOT_FOUND and the other codes of a failed request
 */
export async function describeAwsKey(
  sdk: typeof AwsSdk,
  client: KMSClient,
  keyId: string,
  regionalKeyId: string,
): Promise<KeyDescription> {
  const place: KmsFailurePlace = { provider: 'aws', keyId, operation: 'describeKey' }
  const { KeyMetadata: key } = await client
    .send(new sdk.DescribeKeyCommand({ KeyId: regionalKeyId }))
    .catch((error: unknown) => {
      throw toAwsFailure(error, place)
    })
  if (key?.KeyId === undefined) throw kmsFailure('KMS_INVALID_RESPONSE', place)
  // Aliases are not taken by these, and each has its own permission: what is denied is not known.
  const [rotation, past, tags] = await Promise.all([
    client.send(new sdk.GetKeyRotationStatusCommand({ KeyId: key.KeyId })).catch(() => null),
    client.send(new sdk.ListKeyRotationsCommand({ KeyId: key.KeyId, Limit: 1000 })).catch(() => null),
    client.send(new sdk.ListResourceTagsCommand({ KeyId: key.KeyId })).catch(() => null),
  ])
  return {
    keyId,
    enabled: key.Enabled ?? null,
    automaticRotation: rotation?.KeyRotationEnabled ?? null,
    rotationPeriodDays: rotation?.RotationPeriodInDays ?? null,
    lastRotation: latest((past?.Rotations ?? []).map(({ RotationDate }) => RotationDate)),
    nextRotation: rotation?.NextRotationDate ?? null,
    multiRegion: key.MultiRegion ?? null,
    derived: null,
    account: key.AWSAccountId ?? null,
    tags: Object.fromEntries(
      (tags?.Tags ?? []).map(({ TagKey, TagValue }) => [TagKey ?? '', TagValue ?? '']),
    ),
  }
}

/**
 * Asks each region for its own key of a multi-Region key.
 * @param clientOf the client of a region with the key id there
 */
export function describeAwsRegions(
  sdk: typeof AwsSdk,
  regions: readonly string[],
  clientOf: (region: string) => { readonly client: KMSClient; readonly keyId: string },
): Promise<{ region: string; enabled: boolean | null }[]> {
  return Promise.all(
    regions.map(async (region) => {
      const { client, keyId } = clientOf(region)
      const answer = await client.send(new sdk.DescribeKeyCommand({ KeyId: keyId })).catch(() => null)
      return { region, enabled: answer?.KeyMetadata?.Enabled ?? null }
    }),
  )
}

function latest(dates: readonly (Date | undefined)[]): Date | null {
  const times = dates.flatMap((date) => (date === undefined ? [] : [date.getTime()]))
  return times.length === 0 ? null : new Date(Math.max(...times))
}
