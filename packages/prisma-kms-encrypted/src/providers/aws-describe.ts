/** Turns what AWS tells of a key into a key description. */
import type * as AwsSdk from '@aws-sdk/client-kms'
import type { KMSClient } from '@aws-sdk/client-kms'
import { kmsFailure } from '../kms/failure.js'
import type { KmsFailurePlace } from '../kms/failure.js'
import type { KeyDescription } from '../kms/provider.js'
import { toAwsFailure } from './aws-failure.js'

/**
 * Asks DescribeKey, and GetKeyRotationStatus and ListResourceTags where the permissions allow it.
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
  // Aliases are not taken by these two, and each has its own permission: what is denied is not known.
  const [rotation, tags] = await Promise.all([
    client.send(new sdk.GetKeyRotationStatusCommand({ KeyId: key.KeyId })).catch(() => null),
    client.send(new sdk.ListResourceTagsCommand({ KeyId: key.KeyId })).catch(() => null),
  ])
  return {
    keyId,
    enabled: key.Enabled ?? null,
    automaticRotation: rotation?.KeyRotationEnabled ?? null,
    rotationPeriodDays: rotation?.RotationPeriodInDays ?? null,
    lastRotation: null,
    nextRotation: rotation?.NextRotationDate ?? null,
    multiRegion: key.MultiRegion ?? null,
    derived: null,
    account: key.AWSAccountId ?? null,
    tags: Object.fromEntries(
      (tags?.Tags ?? []).map(({ TagKey, TagValue }) => [TagKey ?? '', TagValue ?? '']),
    ),
  }
}
