import { inspect } from 'node:util'
import { shortForm } from '../kms/fake-provider.js'
import { systemTiming } from '../../src/kms/timing.js'
import { withRetry } from '../../src/kms/retry.js'
import { crc32c } from '../../src/providers/crc32c.js'
import { gcpKms } from '../../src/providers/gcp.js'
import { providerContract } from '../../src/testing/index.js'
import { grpcStatus, slowly, startGcpStub } from './gcp-stub.js'
import type { GcpStub } from './gcp-stub.js'

const ring = 'projects/my-project/locations/global/keyRings/app/cryptoKeys'
const keyId = `${ring}/users`
const context = { model_name: 'User', model_id: '42' }
const item = { plaintext: Buffer.alloc(32, 7), context }
let stub: GcpStub
let deniedStub: GcpStub
let slowStub: GcpStub

beforeAll(async () => {
  const keys = [keyId, `${ring}/disabled`]
  stub = await startGcpStub(keys)
  deniedStub = await startGcpStub(keys)
  deniedStub.failWith = grpcStatus.PERMISSION_DENIED
  slowStub = await startGcpStub(keys)
  slowStub.intercept = slowly(600)
})

afterAll(async () => {
  await Promise.all([stub, deniedStub, slowStub].map((started) => started.stop()))
})

afterEach(() => {
  stub.intercept = undefined
})

const create = () => gcpKms({ client: stub.client })

providerContract({
  name: 'gcp (our own gRPC stub)',
  create,
  keyId,
  states: {
    missingKey: () => `${ring}/missing`,
    disabledKey: () => `${ring}/disabled`,
    deniedKey: () => ({ provider: gcpKms({ client: deniedStub.client }), keyId }),
    wrongLengthKey: async (name, keyContext) => {
      const aad = Buffer.from(JSON.stringify(keyContext, Object.keys(keyContext).sort()))
      const [answer] = await stub.client.encrypt({
        name,
        plaintext: Buffer.alloc(16),
        additionalAuthenticatedData: aad,
      })
      return Buffer.from(answer.ciphertext ?? '')
    },
    slowService: () => gcpKms({ client: slowStub.client }),
  },
  unsupported: {},
})

test('crc32c: the vectors of RFC 3720 B.4', () => {
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e)
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
})

test('sends the sorted context as additional data, and every checksum', async () => {
  await create().wrap(keyId, [item], {})
  const request = stub.requests.at(-1)
  const aad = '{"model_id":"42","model_name":"User"}'
  expect(request?.additionalAuthenticatedData.toString()).toBe(aad)
  expect(Number(request?.additionalAuthenticatedDataCrc32c?.value)).toBe(crc32c(Buffer.from(aad)))
  expect(Number(request?.plaintextCrc32c?.value)).toBe(crc32c(item.plaintext))
})

test.each([
  ['a damaged ciphertext', { ciphertext: Buffer.from('damaged') }],
  ['no checksum', { ciphertextCrc32c: null }],
  ['an unconfirmed plaintext', { verifiedPlaintextCrc32c: false }],
  ['an unconfirmed context', { verifiedAdditionalAuthenticatedDataCrc32c: false }],
  ['another key', { name: `${ring}/other/cryptoKeyVersions/1` }],
  ['nothing', { ciphertext: Buffer.alloc(0) }],
])('an answer to a wrap with %s is not taken', async (_, change) => {
  stub.intercept = (__, answer) => ({ ...answer, ...change })
  expect((await create().wrap(keyId, [item], {})).map(shortForm)).toEqual(['KMS_INVALID_RESPONSE'])
})

test('a damaged plaintext is not taken, and is asked for again', async () => {
  const [wrapped] = await create().wrap(keyId, [item], {})
  if (wrapped?.ok !== true) throw new Error('not wrapped')
  let answers = 0
  stub.intercept = (_, answer) => {
    answers += 1
    return answers === 1 ? { ...answer, plaintext: Buffer.alloc(32, 8) } : answer
  }
  const stored = { ciphertext: wrapped.value, context }
  const kms = withRetry(create(), { timing: { ...systemTiming, random: () => 0 } })
  expect((await kms.unwrap(keyId, [stored], {})).map(shortForm)).toEqual([7])
  expect(answers).toBe(2)
})

test.each([
  [grpcStatus.RESOURCE_EXHAUSTED, 'KMS_THROTTLED'],
  [grpcStatus.UNAVAILABLE, 'KMS_UNAVAILABLE'],
  [grpcStatus.INTERNAL, 'KMS_UNAVAILABLE'],
  [grpcStatus.DEADLINE_EXCEEDED, 'KMS_TIMEOUT'],
  [grpcStatus.UNAUTHENTICATED, 'KMS_ACCESS_DENIED'],
  [grpcStatus.INVALID_ARGUMENT, 'KMS_REQUEST_REFUSED'],
  [grpcStatus.UNIMPLEMENTED, 'KMS_REQUEST_REFUSED'],
])('gRPC status %i becomes %s, asked once, and shows nothing of the answer', async (status, code) => {
  const before = stub.requests.length
  stub.intercept = (_, __, request) => {
    throw Object.assign(new Error(`echo ${request.plaintext.toString('hex')}`), { code: status })
  }
  const [outcome] = await create().wrap(keyId, [item], {})
  expect(outcome && shortForm(outcome)).toBe(code)
  expect(stub.requests).toHaveLength(before + 1)
  expect(inspect(outcome, { depth: 10 })).not.toContain(item.plaintext.toString('hex'))
})

test('a request that takes too long is given up on its own', async () => {
  const kms = gcpKms({ client: slowStub.client, requestTimeoutMs: 100 })
  expect((await kms.wrap(keyId, [item], {})).map(shortForm)).toEqual(['KMS_TIMEOUT'])
})

test('a dead server is unavailable, not a hang', async () => {
  const dead = await startGcpStub([keyId])
  dead.stopServer()
  expect((await gcpKms({ client: dead.client }).wrap(keyId, [item], {})).map(shortForm)).toEqual([
    expect.stringMatching(/KMS_UNAVAILABLE|KMS_TIMEOUT/),
  ])
  await dead.stop()
})

test('describes a key', async () => {
  expect(await create().describeKey?.(keyId)).toEqual({
    keyId,
    enabled: true,
    automaticRotation: true,
    rotationPeriodDays: 90,
    lastRotation: new Date(1_700_000_000_000),
    nextRotation: new Date(2_000_000_000_000),
    multiRegion: null,
    derived: null,
    account: 'my-project',
    tags: { team: 'a' },
  })
  await expect(create().describeKey?.(`${ring}/missing`)).rejects.toMatchObject({ code: 'KMS_KEY_NOT_FOUND' })
})

test('missing application default credentials are denied access, not an outage', async () => {
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = '/missing/credentials.json'
  const [outcome] = await gcpKms().wrap(keyId, [item], { deadlineMs: Date.now() + 5_000 })
  expect(outcome && shortForm(outcome)).toBe('KMS_ACCESS_DENIED')
  delete process.env['GOOGLE_APPLICATION_CREDENTIALS']
})

test('a client that would log data keys is not made', async () => {
  process.env['GOOGLE_SDK_NODE_LOGGING'] = 'all'
  await expect(gcpKms().wrap(keyId, [item], {})).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' })
  delete process.env['GOOGLE_SDK_NODE_LOGGING']
})

test('unknown options are refused', () => {
  expect(() => gcpKms({ timeoutMs: 5 } as never)).toThrow(/gcpKms/)
})
