import { withRetry } from '../../src/kms/retry.js'
import { awsKms } from '../../src/providers/aws.js'
import { countingKms, providerContract } from '../../src/testing/index.js'
import { createDisabledKey, createKey, createTestClient, encryptRaw } from './aws-keys.js'

const client = createTestClient(process.env['TEST_LOCAL_KMS'] ?? '', 'eu-west-2')
let keyId = ''

beforeAll(async () => {
  keyId = await createKey(client)
})

providerContract({
  name: 'aws (local-kms)',
  create: () => awsKms({ client }),
  keyId: () => keyId,
  states: {
    missingKey: () => '1234abcd-12ab-34cd-56ef-1234567890ab',
    disabledKey: () => createDisabledKey(client),
    wrongLengthKey: (ofKeyId, keyContext) => encryptRaw(client, ofKeyId, Buffer.alloc(16), keyContext),
    slowService: () => withRetry(countingKms(awsKms({ client }), { latencyMs: 600 })),
  },
  unsupported: { deniedKey: 'local-kms checks no permissions; tested against a stub' },
})
