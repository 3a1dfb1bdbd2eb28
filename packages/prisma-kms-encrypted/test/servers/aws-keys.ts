/** Makes keys and raw ciphertexts at an AWS KMS stand-in, through the SDK. */
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  EncryptCommand,
  KMSClient,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms'

/** A key pair of an AWS account. */
export interface AwsCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** A client for a stand-in at `endpoint`. */
export function createTestClient(
  endpoint: string,
  region = 'us-east-1',
  credentials: AwsCredentials = { accessKeyId: 'test', secretAccessKey: 'test' },
): KMSClient {
  return new KMSClient({
    endpoint,
    region,
    credentials,
    maxAttempts: 1,
    requestHandler: {
      httpAgent: { keepAlive: true, maxSockets: 64 },
      requestTimeout: 5_000,
      throwOnRequestTimeout: true,
    },
  })
}

/** The id of a new symmetric key. */
export async function createKey(client: KMSClient, options: { multiRegion?: boolean } = {}): Promise<string> {
  const { KeyMetadata } = await client.send(
    new CreateKeyCommand({ MultiRegion: options.multiRegion ?? false }),
  )
  if (KeyMetadata?.KeyId === undefined) throw new Error('no key was made')
  return KeyMetadata.KeyId
}

export async function createDisabledKey(client: KMSClient): Promise<string> {
  const keyId = await createKey(client)
  await client.send(new DisableKeyCommand({ KeyId: keyId }))
  return keyId
}

/** Points an alias at a key, whether or not it exists. */
export async function pointAlias(client: KMSClient, alias: string, keyId: string): Promise<void> {
  const input = { AliasName: alias, TargetKeyId: keyId }
  await client.send(new CreateAliasCommand(input)).catch(() => client.send(new UpdateAliasCommand(input)))
}

/** The ciphertext of `plaintext` as the service itself makes it. */
export async function encryptRaw(
  client: KMSClient,
  keyId: string,
  plaintext: Uint8Array,
  context: { readonly [name: string]: string },
): Promise<Uint8Array> {
  const { CiphertextBlob } = await client.send(
    new EncryptCommand({ KeyId: keyId, Plaintext: plaintext, EncryptionContext: { ...context } }),
  )
  return CiphertextBlob ?? new Uint8Array()
}
