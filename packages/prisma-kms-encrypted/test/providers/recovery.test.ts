/**
 * What an operator can get wrong at a key service: each gives its own code, is asked once, and is over as soon as it is
 * mended, with the same client. Real SDKs against stubs; test/servers does the same with real servers.
 */
import { withCallPolicy } from '../../src/kms/call-policy.js'
import type { KmsProvider, UnwrapItem } from '../../src/kms/provider.js'
import { awsKms } from '../../src/providers/aws.js'
import { gcpKms } from '../../src/providers/gcp.js'
import { vaultTransit } from '../../src/providers/vault.js'
import { shortForm } from '../kms/fake-provider.js'
import { answerLikeKms, signedRegion, stubClient } from './aws-stub.js'
import { grpcStatus, startGcpStub, type GcpStub } from './gcp-stub.js'
import { startHttpStub, type HttpStub, type StubAnswer } from './http-stub.js'

const context = { model_name: 'User', model_id: '42' }
const plaintext = Buffer.alloc(32, 7)

/** Fails both operations ten times with the code, more often than a circuit breaker bears; then mended, both work. */
async function expectRecovery(
  bare: KmsProvider,
  keyId: string,
  code: string,
  { breakIt, mend, asked }: { breakIt: () => void; mend: () => void; asked: () => number },
): Promise<void> {
  mend()
  const kms = withCallPolicy(bare)
  const [wrapped] = await kms.wrap(keyId, [{ plaintext, context }], {})
  if (wrapped?.ok !== true) throw wrapped?.error ?? new Error('no outcome')
  const stored: UnwrapItem = { ciphertext: wrapped.value, context }

  breakIt()
  const before = asked()
  for (let attempt = 0; attempt < 5; attempt += 1) {
    expect((await kms.unwrap(keyId, [stored], {})).map(shortForm)).toEqual([code])
    expect((await kms.wrap(keyId, [{ plaintext, context }], {})).map(shortForm)).toEqual([code])
  }
  expect(asked() - before).toBe(10) // never retried, never refused unasked

  mend()
  expect(await kms.unwrap(keyId, [stored], {})).toMatchObject([{ ok: true, value: plaintext }])
  expect(await kms.wrap(keyId, [{ plaintext, context }], {})).toMatchObject([{ ok: true }])
}

describe('AWS KMS', () => {
  const keyId = '1234abcd-12ab-34cd-56ef-1234567890ab'
  const closing: (() => void)[] = []
  let stub: HttpStub
  beforeAll(async () => {
    stub = await startHttpStub(answerLikeKms)
  })
  afterAll(async () => {
    for (const close of closing) close()
    await stub.stop()
  })
  const refusal = (name: string) => (): StubAnswer => ({ status: 400, json: { __type: name } })

  test.each([
    ['a revoked permission', 'AccessDeniedException', 'KMS_ACCESS_DENIED'],
    ['expired credentials', 'ExpiredTokenException', 'KMS_ACCESS_DENIED'],
    ['a disabled key', 'DisabledException', 'KMS_KEY_DISABLED'],
    ['a key that is to be deleted', 'KMSInvalidStateException', 'KMS_KEY_DISABLED'],
  ])('%s', async (_, exception, code) => {
    const client = stubClient(stub.url)
    closing.push(() => {
      client.destroy()
    })
    await expectRecovery(awsKms({ client }), keyId, code, {
      breakIt: () => (stub.answer = refusal(exception)),
      mend: () => (stub.answer = answerLikeKms),
      asked: () => stub.requests.length,
    })
  })

  test('a wrong region', async () => {
    let keyRegion = 'eu-west-1'
    stub.answer = (request) =>
      signedRegion(request) === keyRegion ? answerLikeKms(request) : refusal('NotFoundException')()
    const client = stubClient(stub.url, { region: 'eu-west-1' })
    closing.push(() => {
      client.destroy()
    })
    await expectRecovery(awsKms({ client }), keyId, 'KMS_KEY_NOT_FOUND', {
      breakIt: () => (keyRegion = 'us-east-1'),
      mend: () => (keyRegion = 'eu-west-1'),
      asked: () => stub.requests.length,
    })
  })
})

describe('Google Cloud KMS', () => {
  const keyId = 'projects/my-project/locations/global/keyRings/app/cryptoKeys/users'
  let stub: GcpStub
  beforeAll(async () => {
    stub = await startGcpStub([keyId])
  })
  afterAll(() => stub.stop())

  test.each([
    ['a revoked permission', grpcStatus.PERMISSION_DENIED, 'KMS_ACCESS_DENIED'],
    ['expired credentials', grpcStatus.UNAUTHENTICATED, 'KMS_ACCESS_DENIED'],
    ['a disabled key version', grpcStatus.FAILED_PRECONDITION, 'KMS_KEY_DISABLED'],
    ['a wrong location', grpcStatus.NOT_FOUND, 'KMS_KEY_NOT_FOUND'],
  ])('%s', async (_, status, code) => {
    await expectRecovery(gcpKms({ client: stub.client }), keyId, code, {
      breakIt: () => (stub.failWith = status),
      mend: () => (stub.failWith = undefined),
      asked: () => stub.requests.length,
    })
  })
})

describe('Vault', () => {
  let stub: HttpStub
  beforeAll(async () => {
    stub = await startHttpStub(() => ({}))
  })
  afterAll(() => stub.stop())

  const answerLikeVault: HttpStub['answer'] = ({ method, path, body }) => {
    if (method === 'GET') return { json: { data: { derived: true, latest_version: 1, keys: {} } } }
    const batch = body['batch_input'] as Record<string, string>[]
    const results = path.includes('/encrypt/')
      ? batch.map((item) => ({ ciphertext: `vault:v1:${item['plaintext']}` }))
      : batch.map((item) => ({ plaintext: item['ciphertext']?.split(':')[2] }))
    return { json: { data: { batch_results: results } } }
  }

  test.each([
    ['a revoked permission', 403, 'permission denied', 'KMS_ACCESS_DENIED'],
    ['a wrong mount', 404, 'no handler for route', 'KMS_KEY_NOT_FOUND'],
    ['a deleted key', 400, 'encryption key not found', 'KMS_KEY_NOT_FOUND'],
    [
      'a key version below min_decryption_version',
      400,
      'ciphertext or signature version is disallowed by policy (too old)',
      'KMS_KEY_DISABLED',
    ],
  ])('%s', async (_, status, text, code) => {
    const kms = vaultTransit({ address: stub.url, token: 's.token' })
    await expectRecovery(kms, 'vault/app', code, {
      breakIt: () => (stub.answer = () => ({ status, json: { errors: [text] } })),
      mend: () => (stub.answer = answerLikeVault),
      asked: () => stub.requests.length,
    })
  })

  test('what kept the first look at a key from succeeding is not remembered', async () => {
    stub.answer = () => ({ status: 403, json: { errors: ['permission denied'] } })
    const kms = withCallPolicy(vaultTransit({ address: stub.url, token: 's.token' }))
    const wrap = async () => (await kms.wrap('vault/app', [{ plaintext, context }], {})).map(({ ok }) => ok)
    expect(await wrap()).toEqual([false])
    stub.answer = answerLikeVault
    expect(await wrap()).toEqual([true])
  })
})
