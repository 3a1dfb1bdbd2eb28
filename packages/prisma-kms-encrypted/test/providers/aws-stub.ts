/** What AWS KMS would answer, for the HTTP stub, and clients of the real SDK that speak to it. */
import { createHmac } from 'node:crypto'
import { KMSClient } from '@aws-sdk/client-kms'
import type { StubAnswer, StubRequest } from './http-stub.js'

/** Answers like AWS KMS; what it "encrypts" is only signed, which is enough here. */
export function answerLikeKms({ headers, body }: StubRequest): StubAnswer {
  const operation = String(headers['x-amz-target']).replace('TrentService.', '')
  const refuse = (name: string): StubAnswer => ({
    status: 400,
    json: { __type: name, message: 'of no use to us' },
  })
  const named = String(body['KeyId'] ?? body['SourceKeyId'])
  if (named.includes('missing') || named.startsWith('0000')) return refuse('NotFoundException')
  if (named.startsWith('dddd')) return refuse('DisabledException')
  const seal = (plaintext: unknown, pairs: unknown): string => {
    const content = JSON.stringify([plaintext, Object.entries(pairs as object).sort()])
    const tag = createHmac('sha256', 'stub').update(content).digest('base64')
    return Buffer.from(`${tag}${content}`).toString('base64')
  }
  if (operation === 'Encrypt') {
    return { json: { CiphertextBlob: seal(body['Plaintext'], body['EncryptionContext']), KeyId: named } }
  }
  const text = Buffer.from(String(body['CiphertextBlob']), 'base64').toString()
  const pairs = body['EncryptionContext'] ?? body['SourceEncryptionContext']
  let plaintext: unknown
  try {
    plaintext = (JSON.parse(text.slice(44)) as unknown[])[0]
  } catch {
    return refuse('InvalidCiphertextException')
  }
  if (Buffer.from(seal(plaintext, pairs), 'base64').toString() !== text)
    return refuse('InvalidCiphertextException')
  if (operation === 'Decrypt') return { json: { Plaintext: plaintext, KeyId: named } }
  return { json: { CiphertextBlob: Buffer.from(text).toString('base64'), KeyId: named } }
}

/** A client of the real SDK at an address of ours; it keeps connections, as the provider's own does. */
export function stubClient(
  endpoint: string,
  options: { region?: string; requestTimeout?: number } = {},
): KMSClient {
  const { region = 'us-east-1', requestTimeout = 30_000 } = options // the machine may be busy
  return new KMSClient({
    endpoint,
    region,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 30_000,
      requestTimeout,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: 64 },
    },
  })
}

/** The region that a request was signed for. */
export function signedRegion({ headers }: StubRequest): string {
  return /Credential=[^/]+\/\d+\/([^/]+)\//.exec(headers.authorization ?? '')?.[1] ?? ''
}
