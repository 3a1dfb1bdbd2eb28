import { CreateKeyCommand, ReplicateKeyCommand, type KMSClient } from '@aws-sdk/client-kms'
import { awsKms } from '../../src/providers/aws.js'
import { providerContract } from '../../src/testing/index.js'
import { createKey, createTestClient, encryptRaw, pointAlias } from './aws-keys.js'
import { startKmsProxy, type KmsProxy } from './kms-proxy.js'
import { createIamUser, enforceIam, type IamUser } from './moto-iam.js'

const endpoint = process.env['TEST_MOTO'] ?? ''
let admin: IamUser
let denied: IamUser
let client: KMSClient
const context = { model_name: 'User', model_id: '42' }
const item = { plaintext: Buffer.alloc(32, 7), context }
let keyId = ''
let slow: KmsProxy

// Permissions are enforced throughout.
beforeAll(async () => {
  await enforceIam(endpoint, false)
  admin = await createIamUser(endpoint, ['kms:*'])
  denied = await createIamUser(endpoint, ['kms:DescribeKey'])
  await enforceIam(endpoint, true)
  client = createTestClient(endpoint, 'us-east-1', admin.credentials)
  keyId = await createKey(client)
  slow = await startKmsProxy(endpoint)
  slow.delayMs = 600
})
afterAll(async () => {
  client.destroy()
  await slow.stop()
  await enforceIam(endpoint, false)
})

providerContract({
  name: 'aws (moto)',
  create: () => awsKms({ client }),
  keyId: () => keyId,
  states: {
    missingKey: () => '1234abcd-12ab-34cd-56ef-1234567890ab',
    wrongLengthKey: (ofKeyId, keyContext) => encryptRaw(client, ofKeyId, Buffer.alloc(16), keyContext),
    slowService: () => awsKms({ client: createTestClient(slow.url, 'us-east-1', admin.credentials) }),
    deniedKey: () => ({
      provider: awsKms({ client: createTestClient(endpoint, 'us-east-1', denied.credentials) }),
      keyId,
    }),
  },
  unsupported: {
    joinedContexts: 'moto joins the pairs of a context, which AWS does not',
    disabledKey: 'moto lets disabled keys encrypt; local-kms does not',
  },
})

test('keys are found by ARN and by alias', async () => {
  await pointAlias(client, 'alias/by-name', keyId)
  const arn = `arn:aws:kms:us-east-1:123456789012:key/${keyId}`
  const kms = awsKms({ client })
  const [wrapped] = await kms.wrap('alias/by-name', [item], {})
  if (wrapped?.ok !== true) throw new Error('not wrapped')
  const stored = { ciphertext: wrapped.value, context }
  expect(await kms.unwrap('alias/by-name', [stored], {})).toMatchObject([{ ok: true }])
  expect(await kms.unwrap(arn, [stored], {})).toMatchObject([{ ok: true }])
})

test('an alias that was pointed to another key no longer opens', async () => {
  await pointAlias(client, 'alias/moving', keyId)
  const kms = awsKms({ client })
  const [wrapped] = await kms.wrap('alias/moving', [item], {})
  if (wrapped?.ok !== true) throw new Error('not wrapped')
  await pointAlias(client, 'alias/moving', await createKey(client))
  const [outcome] = await kms.unwrap('alias/moving', [{ ciphertext: wrapped.value, context }], {})
  // moto says AccessDeniedException where AWS says IncorrectKeyException; that one is tested against a stub.
  expect(outcome).toMatchObject({ ok: false, error: { code: 'KMS_ACCESS_DENIED' } })
})

test('a multi-Region key is served by the next region when the first is down', async () => {
  const { KeyMetadata } = await client.send(new CreateKeyCommand({ MultiRegion: true }))
  const mrk = KeyMetadata?.KeyId ?? ''
  expect(mrk).toMatch(/^mrk-/)
  await client.send(new ReplicateKeyCommand({ KeyId: mrk, ReplicaRegion: 'eu-west-1' }))
  const first = await startKmsProxy(endpoint)
  const second = await startKmsProxy(endpoint)
  const urls: Record<string, string> = { 'us-east-1': first.url, 'eu-west-1': second.url }
  const kms = awsKms({
    regions: Object.keys(urls),
    client: (region = '') => createTestClient(urls[region] ?? '', region, admin.credentials),
  })
  expect(await kms.wrap(mrk, [item], {})).toMatchObject([{ ok: true }])
  expect([first.requests.length, second.requests.length]).toEqual([1, 0])
  await first.stop()
  expect(await kms.wrap(mrk, [item], {})).toMatchObject([{ ok: true }])
  // moto opens nothing with a replica; unwrapping in another region is tested against a stub.
  expect(second.requests.map(({ operation }) => operation)).toEqual(['Encrypt'])
  await second.stop()
})

test('endpoint, region and credentials come from the environment', async () => {
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_KMS: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: admin.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: admin.credentials.secretAccessKey,
  })
  expect(await awsKms().wrap(keyId, [item], {})).toMatchObject([{ ok: true }])
  const description = await awsKms({ region: 'us-east-1' }).describeKey?.(keyId)
  expect(description).toMatchObject({ enabled: true, automaticRotation: false, multiRegion: false })
})
