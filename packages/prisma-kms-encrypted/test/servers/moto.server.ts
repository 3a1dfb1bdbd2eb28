import { withRetry } from '../../src/kms/retry.js'
import { awsKms } from '../../src/providers/aws.js'
import { countingKms, providerContract } from '../../src/testing/index.js'
import { createKey, createTestClient, encryptRaw, pointAlias } from './aws-keys.js'

const endpoint = process.env['TEST_MOTO'] ?? ''
const client = createTestClient(endpoint)
const context = { model_name: 'User', model_id: '42' }
const item = { plaintext: Buffer.alloc(32, 7), context }
let keyId = ''

beforeAll(async () => {
  keyId = await createKey(client)
})

providerContract({
  name: 'aws (moto)',
  create: () => awsKms({ client }),
  keyId: () => keyId,
  states: {
    missingKey: () => '1234abcd-12ab-34cd-56ef-1234567890ab',
    wrongLengthKey: (ofKeyId, keyContext) => encryptRaw(client, ofKeyId, Buffer.alloc(16), keyContext),
    slowService: () => withRetry(countingKms(awsKms({ client }), { latencyMs: 600 })),
  },
  unsupported: {
    disabledKey: 'moto lets disabled keys encrypt; local-kms does not',
    deniedKey: 'moto checks no permissions by default; tested against a stub',
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

test('endpoint, region and credentials come from the environment', async () => {
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_KMS: endpoint,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  })
  expect(await awsKms().wrap(keyId, [item], {})).toMatchObject([{ ok: true }])
  const description = await awsKms({ region: 'us-east-1' }).describeKey?.(keyId)
  expect(description).toMatchObject({ enabled: true, automaticRotation: false, multiRegion: false })
})
