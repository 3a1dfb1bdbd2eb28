/** Runs only against a given address: no package registry that we know serves fake-cloud-kms (docs/key-services.md). */
import { setTimeout as sleep } from 'node:timers/promises'
import { canonicalContextJson } from '../../src/kms/context.js'
import { gcpKms } from '../../src/providers/gcp.js'
import type { GcpKmsClient } from '../../src/providers/gcp.js'
import { providerContract } from '../../src/testing/index.js'
import { correctFakeCloudKms, createGoogleClient, seededKeyId } from './google-kms.js'

const client = createGoogleClient(process.env['TEST_FAKE_CLOUD_KMS'] ?? '')
const corrected = correctFakeCloudKms(client)
const create = () => gcpKms({ client: corrected })

/** The form of the client's methods that is used. */
type Encrypt = (request: object, options: object) => Promise<unknown>

afterAll(async () => {
  await client.close()
})

providerContract({
  name: 'gcp (fake-cloud-kms)',
  create,
  keyId: seededKeyId,
  states: {
    missingKey: () => seededKeyId.replace('users', 'missing'),
    wrongLengthKey: async (name, context) => {
      const additionalAuthenticatedData = Buffer.from(canonicalContextJson(context))
      const [answer] = await client.encrypt({
        name,
        plaintext: Buffer.alloc(16),
        additionalAuthenticatedData,
      })
      return Buffer.from(answer.ciphertext ?? '')
    },
    slowService: () => {
      const slowly: Encrypt = async (request, options) => {
        await sleep(600)
        return (corrected.encrypt as unknown as Encrypt)(request, options)
      }
      return gcpKms({ client: { ...corrected, encrypt: slowly } as unknown as GcpKmsClient })
    },
  },
  unsupported: {
    disabledKey: 'fake-cloud-kms has only enabled versions; tested against a stub',
    deniedKey: 'fake-cloud-kms checks no permissions; tested against a stub',
  },
})
