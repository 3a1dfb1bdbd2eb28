/** Where the stand-in differs from Google Cloud KMS: a wrong context or ciphertext is INTERNAL instead of INVALID_ARGUMENT. */
import { KeyManagementServiceClient } from '@google-cloud/kms'
import { PassThroughClient } from 'google-auth-library'
import { grpc } from 'google-gax'
import { canonicalContextJson } from '../../src/kms/context.js'
import { withRetry } from '../../src/kms/retry.js'
import { gcpKms } from '../../src/providers/gcp.js'
import type { GcpKmsClient } from '../../src/providers/gcp.js'
import { countingKms, providerContract } from '../../src/testing/index.js'

const ring = 'projects/test-project/locations/global/keyRings/app/cryptoKeys'
const keyId = `${ring}/users`
const client = new KeyManagementServiceClient({
  apiEndpoint: '127.0.0.1',
  port: Number(process.env['TEST_FAKE_CLOUD_KMS']),
  sslCreds: grpc.credentials.createInsecure(),
  authClient: new PassThroughClient() as never, // the two packages' types of one class differ
})

/** The form of its methods that is used. */
type Method = (request: object, options: object) => Promise<unknown>

const encrypt = client.encrypt.bind(client) as unknown as Method
const decrypt = client.decrypt.bind(client) as unknown as Method
const getCryptoKey = client.getCryptoKey.bind(client) as unknown as Method

/** The client with the one difference made good. */
const correctedClient = {
  encrypt,
  getCryptoKey,
  decrypt: (request: object, options: object) =>
    decrypt(request, options).catch((error: unknown) => {
      const { code } = error as { code?: number } // gRPC errors carry a status
      const differs = code === grpc.status.INTERNAL || code === grpc.status.FAILED_PRECONDITION
      throw differs ? Object.assign(new Error('refused'), { code: grpc.status.INVALID_ARGUMENT }) : error
    }),
} as unknown as GcpKmsClient

const create = () => gcpKms({ client: correctedClient })

afterAll(async () => {
  await client.close()
})

providerContract({
  name: 'gcp (fake-cloud-kms)',
  create,
  keyId,
  states: {
    missingKey: () => `${ring}/missing`,
    wrongLengthKey: async (name, context) => {
      const additionalAuthenticatedData = Buffer.from(canonicalContextJson(context))
      const [answer] = await client.encrypt({
        name,
        plaintext: Buffer.alloc(16),
        additionalAuthenticatedData,
      })
      return Buffer.from(answer.ciphertext ?? '')
    },
    slowService: () => withRetry(countingKms(create(), { latencyMs: 600 })),
  },
  unsupported: {
    disabledKey: 'fake-cloud-kms has only enabled versions; tested against a stub',
    deniedKey: 'fake-cloud-kms checks no permissions; tested against a stub',
  },
})
