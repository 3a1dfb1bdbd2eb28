/** A Google Cloud KMS for the end-to-end suites: fake-cloud-kms where its address is given, else our own gRPC stub. */
import { KeyManagementServiceClient } from '@google-cloud/kms'
import { PassThroughClient } from 'google-auth-library'
import { grpc } from 'google-gax'
import type { GcpKmsClient } from '../../src/providers/gcp.js'
import { startGcpStub } from '../providers/gcp-stub.js'

/** A running service. */
export interface GoogleKms {
  readonly client: GcpKmsClient
  readonly keyId: string
  stop(): Promise<void>
}

/** The key of fake-cloud-kms.yaml. */
export const seededKeyId = 'projects/test-project/locations/global/keyRings/app/cryptoKeys/users'

/** A client of the server at `address` (host and port), without TLS and credentials. */
export function createGoogleClient(address: string): KeyManagementServiceClient {
  const [apiEndpoint = '', port] = address.split(':')
  return new KeyManagementServiceClient({
    apiEndpoint,
    port: Number(port),
    sslCreds: grpc.credentials.createInsecure(),
    authClient: new PassThroughClient() as never, // the two packages' types of one class differ
  })
}

/**
 * The client of fake-cloud-kms, with its one difference from Google Cloud KMS made good: a wrong context or ciphertext
 * is INTERNAL or FAILED_PRECONDITION there instead of INVALID_ARGUMENT.
 */
export function correctFakeCloudKms(client: KeyManagementServiceClient): GcpKmsClient {
  type Method = (request: object, options: object) => Promise<unknown> // the form of its methods that is used
  const decrypt = client.decrypt.bind(client) as unknown as Method
  return {
    encrypt: client.encrypt.bind(client),
    getCryptoKey: client.getCryptoKey.bind(client),
    decrypt: (request: object, options: object) =>
      decrypt(request, options).catch((error: unknown) => {
        const { code } = error as { code?: number } // gRPC errors carry a status
        const differs = code === grpc.status.INTERNAL || code === grpc.status.FAILED_PRECONDITION
        throw differs ? Object.assign(new Error('refused'), { code: grpc.status.INVALID_ARGUMENT }) : error
      }),
  } as unknown as GcpKmsClient // the overloads that are not used are missing
}

/** Starts, or finds, the service. */
export async function startGoogleKms(): Promise<GoogleKms> {
  const address = process.env['TEST_FAKE_CLOUD_KMS'] ?? ''
  if (address === '') {
    const stub = await startGcpStub([seededKeyId])
    return { client: stub.client, keyId: seededKeyId, stop: () => stub.stop() }
  }
  const client = createGoogleClient(address)
  return { client: correctFakeCloudKms(client), keyId: seededKeyId, stop: () => client.close() }
}
