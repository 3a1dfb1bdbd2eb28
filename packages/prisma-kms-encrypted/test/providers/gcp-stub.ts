/** A small gRPC server that stands in for Google Cloud KMS, with faults that the real one shows rarely. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { KeyManagementServiceClient } from '@google-cloud/kms'
import { PassThroughClient } from 'google-auth-library'
import { grpc, GrpcClient } from 'google-gax'
import { crc32c } from '../../src/providers/crc32c.js'

/** A request as protobuf decodes it. */
export interface StubRequest {
  readonly name: string
  readonly plaintext: Buffer
  readonly ciphertext: Buffer
  readonly additionalAuthenticatedData: Buffer
  readonly plaintextCrc32c: { readonly value: string } | null
  readonly ciphertextCrc32c: { readonly value: string } | null
  readonly additionalAuthenticatedDataCrc32c: { readonly value: string } | null
}

type Answer = Record<string, unknown>

export interface GcpStub {
  readonly client: KeyManagementServiceClient
  readonly requests: readonly StubRequest[]
  /** Changes answers, or throws `{ code }`; `undefined` lets the answer pass. */
  intercept:
    ((operation: string, answer: Answer, request: StubRequest) => Answer | Promise<Answer>) | undefined
  /** A gRPC status with which every request fails. */
  failWith: number | undefined
  stopServer(): void
  stop(): Promise<void>
}

/** gRPC status codes that the stub answers with. */
export const grpcStatus = grpc.status

/** @param keys resource names of keys; any other is NOT_FOUND. A name that ends in `disabled` is. */
export async function startGcpStub(keys: readonly string[]): Promise<GcpStub> {
  const material = new Map(keys.map((name) => [name, randomBytes(32)]))
  const requests: StubRequest[] = []
  const underWay = new Set<Promise<void>>()
  const require = createRequire(import.meta.url)
  const sdkEntry = require.resolve('@google-cloud/kms')
  const protos: unknown = JSON.parse(
    await readFile(new URL('../protos/protos.json', `file://${sdkEntry}`), 'utf8'),
  )

  const keyOf = (name: string): Buffer => {
    const key = material.get(name)
    if (key === undefined) throw Object.assign(new Error('not found'), { code: grpcStatus.NOT_FOUND })
    if (name.endsWith('disabled')) {
      throw Object.assign(new Error('disabled'), { code: grpcStatus.FAILED_PRECONDITION })
    }
    return key
  }
  const encrypt = (request: StubRequest): Answer => {
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', keyOf(request.name), nonce)
    cipher.setAAD(request.additionalAuthenticatedData)
    const ciphertext = Buffer.concat([
      nonce,
      cipher.update(request.plaintext),
      cipher.final(),
      cipher.getAuthTag(),
    ])
    return {
      name: `${request.name}/cryptoKeyVersions/1`,
      ciphertext,
      ciphertextCrc32c: { value: crc32c(ciphertext) },
      verifiedPlaintextCrc32c: Number(request.plaintextCrc32c?.value) === crc32c(request.plaintext),
      verifiedAdditionalAuthenticatedDataCrc32c:
        Number(request.additionalAuthenticatedDataCrc32c?.value) ===
        crc32c(request.additionalAuthenticatedData),
    }
  }
  const decrypt = (request: StubRequest): Answer => {
    const key = keyOf(request.name)
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, request.ciphertext.subarray(0, 12), {
        authTagLength: 16,
      })
      decipher.setAAD(request.additionalAuthenticatedData)
      decipher.setAuthTag(request.ciphertext.subarray(-16))
      const plaintext = Buffer.concat([
        decipher.update(request.ciphertext.subarray(12, -16)),
        decipher.final(),
      ])
      return { plaintext, plaintextCrc32c: { value: crc32c(plaintext) } }
    } catch {
      throw Object.assign(new Error('Decryption failed'), { code: grpcStatus.INVALID_ARGUMENT })
    }
  }
  const getKey = (request: StubRequest): Answer => {
    keyOf(request.name)
    return {
      name: request.name,
      labels: { team: 'a' },
      rotationPeriod: { seconds: 90 * 86_400 },
      nextRotationTime: { seconds: 2_000_000_000 },
      primary: {
        name: `${request.name}/cryptoKeyVersions/2`,
        state: 'ENABLED',
        createTime: { seconds: 1_700_000_000 },
      },
    }
  }

  const handle =
    (operation: string, answerTo: (request: StubRequest) => Answer) =>
    (call: { request: StubRequest }, callback: (error: unknown, answer?: Answer) => void): void => {
      requests.push(call.request)
      const answer = async (): Promise<Answer> => {
        if (stub.failWith !== undefined) throw Object.assign(new Error('refused'), { code: stub.failWith })
        const made = answerTo(call.request)
        return stub.intercept === undefined ? made : stub.intercept(operation, made, call.request)
      }
      const answering = answer()
        .then(
          (made) => {
            callback(null, made)
          },
          (error: unknown) => {
            callback(error)
          },
        )
        .finally(() => underWay.delete(answering))
      underWay.add(answering)
    }

  // The packages' types know neither the services of a loaded file nor their methods.
  const loaded = new GrpcClient().loadProtoJSON(protos as never) as unknown as {
    google: { cloud: { kms: { v1: { KeyManagementService: { service: never } } } } }
  }
  const server = new grpc.Server()
  server.addService(loaded.google.cloud.kms.v1.KeyManagementService.service, {
    encrypt: handle('encrypt', encrypt),
    decrypt: handle('decrypt', decrypt),
    getCryptoKey: handle('getCryptoKey', getKey),
  } as never)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound)
      else reject(error)
    })
  })
  const client = new KeyManagementServiceClient({
    apiEndpoint: '127.0.0.1',
    port,
    sslCreds: grpc.credentials.createInsecure(),
    authClient: new PassThroughClient() as never, // the two packages' types of one class differ
  })

  const stub: GcpStub = {
    client,
    requests,
    intercept: undefined,
    failWith: undefined,
    stopServer: () => {
      server.forceShutdown()
    },
    stop: async () => {
      // Nobody may wait for them any more, but their answers must not come after the test's environment has gone.
      await Promise.all(underWay)
      await sleep(20)
      await client.close()
      server.forceShutdown()
    },
  }
  return stub
}

/** Answers after `ms`. */
export function slowly(ms: number): GcpStub['intercept'] {
  return async (_, answer) => {
    await sleep(ms)
    return answer
  }
}
