import { awsKms } from '../../src/providers/aws.js'
import { providerContract } from '../../src/testing/index.js'
import { createDisabledKey, createKey, createTestClient, encryptRaw } from './aws-keys.js'
import { startKmsProxy, type KmsProxy } from './kms-proxy.js'

const address = process.env['TEST_LOCAL_KMS'] ?? ''
const client = createTestClient(address, 'eu-west-2')
let keyId = ''
let slow: KmsProxy

beforeAll(async () => {
  keyId = await createKey(client)
  slow = await startKmsProxy(address)
  slow.delayMs = 600
})
afterAll(async () => {
  client.destroy()
  await slow.stop()
})

providerContract({
  name: 'aws (local-kms)',
  create: () => awsKms({ client }),
  keyId: () => keyId,
  states: {
    missingKey: () => '1234abcd-12ab-34cd-56ef-1234567890ab',
    disabledKey: () => createDisabledKey(client),
    wrongLengthKey: (ofKeyId, keyContext) => encryptRaw(client, ofKeyId, Buffer.alloc(16), keyContext),
    slowService: () => awsKms({ client: createTestClient(slow.url, 'eu-west-2') }),
  },
  unsupported: {
    joinedContexts: 'local-kms joins the pairs of a context, which AWS does not',
    deniedKey: 'local-kms checks no permissions; moto does',
  },
})
