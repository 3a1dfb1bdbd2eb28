import { inspect } from 'node:util'
import { KMSClient } from '@aws-sdk/client-kms'
import { codeOf } from '../kms/code-of.js'
import { shortForm } from '../kms/fake-provider.js'
import { createFakeTiming } from '../kms/fake-timing.js'
import { withRetry } from '../../src/kms/retry.js'
import { systemTiming } from '../../src/kms/timing.js'
import { awsKms } from '../../src/providers/aws.js'
import { keyIdInRegion, regionOfArn } from '../../src/providers/aws-regions.js'
import { providerContract } from '../../src/testing/index.js'
import { answerLikeKms } from './aws-stub.js'
import { startHttpStub } from './http-stub.js'
import type { HttpStub, StubAnswer } from './http-stub.js'

const keyId = '1234abcd-12ab-34cd-56ef-1234567890ab'
const mrk = 'mrk-1234abcd12ab34cd56ef1234567890ab'
const context = { model_name: 'User', model_id: '42' }
const item = { plaintext: Buffer.alloc(32, 7), context }
let stub: HttpStub
let second: HttpStub

const clientsMade: KMSClient[] = []
const cleanUps: (() => Promise<void>)[] = []

function createClient(url: string, options: object = {}): KMSClient {
  const client = new KMSClient({
    endpoint: url,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
    ...options,
  })
  clientsMade.push(client)
  return client
}

beforeAll(async () => {
  stub = await startHttpStub(answerLikeKms)
  second = await startHttpStub(answerLikeKms)
})
afterAll(async () => {
  for (const client of clientsMade) client.destroy()
  await Promise.all([stub.stop(), second.stop(), ...cleanUps.map((cleanUp) => cleanUp())])
})
afterEach(() => {
  stub.answer = answerLikeKms
  second.answer = answerLikeKms
})

const create = () => awsKms({ client: createClient(stub.url) })
const codesOf = async (answer: HttpStub['answer'], kms = create()): Promise<unknown[]> => {
  stub.answer = answer
  return (await kms.wrap(keyId, [item], {})).map(shortForm)
}

providerContract({
  name: 'aws (our own HTTP stub)',
  create,
  keyId,
  states: {
    missingKey: () => '00000000-12ab-34cd-56ef-1234567890ab',
    disabledKey: () => 'dddddddd-12ab-34cd-56ef-1234567890ab',
    deniedKey: async () => {
      const denied = await startHttpStub(() => ({ status: 400, json: { __type: 'AccessDeniedException' } }))
      cleanUps.push(() => denied.stop())
      return { provider: awsKms({ client: createClient(denied.url) }), keyId }
    },
    wrongLengthKey: (_, keyContext) => {
      const plaintext = Buffer.alloc(16).toString('base64')
      const answer = answerLikeKms({
        method: 'POST',
        path: '/',
        headers: { 'x-amz-target': 'TrentService.Encrypt' },
        body: { KeyId: keyId, Plaintext: plaintext, EncryptionContext: keyContext },
      }) as { json: { CiphertextBlob: string } }
      return Buffer.from(answer.json.CiphertextBlob, 'base64')
    },
    slowService: async () => {
      const slow = await startHttpStub((request) => ({ ...(answerLikeKms(request) as object), afterMs: 600 }))
      cleanUps.push(() => slow.stop())
      return awsKms({ client: createClient(slow.url) })
    },
  },
  unsupported: {},
})

test('pins the key id on Decrypt and on both sides of ReEncrypt', async () => {
  const [wrapped] = await create().wrap(keyId, [item], {})
  if (wrapped?.ok !== true) throw new Error('not wrapped')
  const stored = { ciphertext: wrapped.value, context }
  await create().unwrap(keyId, [stored], {})
  expect(stub.requests.at(-1)?.body).toMatchObject({ KeyId: keyId, EncryptionContext: context })
  await create().rewrap?.(keyId, [stored], {})
  expect(stub.requests.at(-1)?.body).toMatchObject({
    SourceKeyId: keyId,
    DestinationKeyId: keyId,
    SourceEncryptionContext: context,
    DestinationEncryptionContext: context,
  })
})

test.each([
  ['ThrottlingException', 'KMS_THROTTLED'],
  ['LimitExceededException', 'KMS_THROTTLED'],
  ['KMSInternalException', 'KMS_UNAVAILABLE'],
  ['KeyUnavailableException', 'KMS_UNAVAILABLE'],
  ['DependencyTimeoutException', 'KMS_UNAVAILABLE'],
  ['AccessDeniedException', 'KMS_ACCESS_DENIED'],
  ['ExpiredTokenException', 'KMS_ACCESS_DENIED'],
  ['UnrecognizedClientException', 'KMS_ACCESS_DENIED'],
  ['KMSInvalidStateException', 'KMS_KEY_DISABLED'],
  ['InvalidKeyUsageException', 'KMS_REQUEST_REFUSED'],
  ['ValidationException', 'KMS_REQUEST_REFUSED'],
])('%s becomes %s, asked once', async (name, code) => {
  const before = stub.requests.length
  expect(await codesOf(() => ({ status: 400, json: { __type: name } }))).toEqual([code])
  expect(stub.requests).toHaveLength(before + 1)
})

test('a broken connection, an error page and garbage', async () => {
  expect(await codesOf(() => 'reset')).toEqual(['KMS_UNAVAILABLE'])
  expect(await codesOf(() => ({ status: 503, text: '<html>busy</html>' }))).toEqual(['KMS_UNAVAILABLE'])
  expect(await codesOf(() => ({ status: 403, text: '<html>no</html>' }))).toEqual(['KMS_ACCESS_DENIED'])
  expect(await codesOf(() => ({ status: 429, text: 'slow down' }))).toEqual(['KMS_THROTTLED'])
  expect(await codesOf(() => ({ text: 'garbage' }))).toEqual(['KMS_INVALID_RESPONSE'])
  expect(await codesOf(() => ({ json: {} }))).toEqual(['KMS_INVALID_RESPONSE'])
  const nobody = awsKms({ client: createClient('http://127.0.0.1:9') })
  expect((await nobody.wrap(keyId, [item], {})).map(shortForm)).toEqual(['KMS_UNAVAILABLE'])
})

test('faults of any kind pass with retries', async () => {
  let requests = 0
  stub.answer = (request) => {
    requests += 1
    if (requests === 1) return { status: 400, json: { __type: 'ThrottlingException' } }
    if (requests === 2) return 'reset'
    return requests === 3 ? { text: 'garbage' } : answerLikeKms(request)
  }
  const kms = withRetry(create(), { timing: { ...systemTiming, random: () => 0 } })
  expect(await kms.wrap(keyId, [item], {})).toMatchObject([{ ok: true }])
  expect(requests).toBe(4)
})

test('errors hold nothing of the request or the answer', async () => {
  stub.answer = ({ body }) => ({
    status: 400,
    json: { __type: 'WeirdException', message: JSON.stringify(body) },
  })
  const [outcome] = await create().wrap(keyId, [item], {})
  const shown = inspect(outcome, { depth: 10, showHidden: true })
  expect(shown).not.toContain(item.plaintext.toString('base64'))
  expect(shown).not.toContain('model_id')
})

test('a re-pointed alias is explained as a new key version', async () => {
  stub.answer = () => ({ status: 400, json: { __type: 'IncorrectKeyException' } })
  const stored = { ciphertext: Buffer.alloc(100, 1), context }
  const [ofAlias] = await create().unwrap('alias/app', [stored], {})
  expect(ofAlias).toMatchObject({ ok: false, error: { code: 'KMS_INVALID_CIPHERTEXT' } })
  expect(String(ofAlias?.ok === false && ofAlias.error)).toMatch(
    /alias was pointed to another key.*new key version/,
  )
  const [ofKey] = await create().unwrap(keyId, [stored], {})
  expect(String(ofKey?.ok === false && ofKey.error)).not.toContain('alias')
})

test('at most `concurrency` requests are under way, over all calls', async () => {
  const counting = await startHttpStub((request) => ({ ...(answerLikeKms(request) as object), afterMs: 5 }))
  const kms = awsKms({ client: createClient(counting.url), concurrency: 7 })
  const items = Array.from({ length: 40 }, () => item)
  await Promise.all([kms.wrap(keyId, items, {}), kms.wrap(keyId, items, {})])
  expect(counting.requests).toHaveLength(80)
  expect(counting.peak).toBeGreaterThan(1)
  expect(counting.peak).toBeLessThanOrEqual(7)
  await counting.stop()
})

test('a slow item times out alone, at the deadline', async () => {
  let requests = 0
  stub.answer = (request) => {
    requests += 1
    const answer = answerLikeKms(request) as object
    return requests === 2 ? { ...answer, afterMs: 2_000 } : answer
  }
  const started = Date.now()
  const outcomes = await create().wrap(keyId, [item, item, item], { deadlineMs: started + 300 })
  expect(Date.now() - started).toBeLessThan(1_000)
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(2)
  expect(outcomes.map(shortForm)).toContain('KMS_TIMEOUT')
})

test('an abort drops the requests under way and those that wait', async () => {
  stub.answer = (request) => ({ ...(answerLikeKms(request) as object), afterMs: 300 })
  const before = stub.requests.length
  const controller = new AbortController()
  const kms = awsKms({ client: createClient(stub.url), concurrency: 2 })
  const pending = kms.wrap(
    keyId,
    Array.from({ length: 20 }, () => item),
    { signal: controller.signal },
  )
  setTimeout(() => {
    controller.abort()
  }, 100)
  await expect(pending).rejects.toMatchObject({ code: 'KMS_ABORTED' })
  expect(stub.requests.length - before).toBeLessThanOrEqual(2)
})

describe('multi-Region keys', () => {
  const clients = (region: string | undefined): KMSClient =>
    createClient(region === 'us-west-2' ? second.url : stub.url, { region: region ?? 'us-east-1' })
  const createMulti = () => awsKms({ regions: ['us-east-1', 'us-west-2'], client: clients })

  test.each([
    ['throttled', (): StubAnswer => ({ status: 400, json: { __type: 'ThrottlingException' } })],
    ['down', (): StubAnswer => 'reset'],
  ])(
    'when the first region is %s, the next one serves, and is asked first for a while',
    async (_, answer) => {
      const kms = createMulti()
      stub.answer = answer
      const [before, secondBefore] = [stub.requests.length, second.requests.length]
      expect(await kms.wrap(mrk, [item], {})).toMatchObject([{ ok: true }])
      expect(await kms.wrap(mrk, [item], {})).toMatchObject([{ ok: true }])
      expect(stub.requests.length - before).toBe(1)
      expect(second.requests.length - secondBefore).toBe(2)
    },
  )

  test('describeKey tells the last rotation, and whether each region has its replica enabled', async () => {
    const like = (enabled: boolean) => (request: Parameters<HttpStub['answer']>[0]) => {
      const target = String(request.headers['x-amz-target'])
      if (target.endsWith('.DescribeKey'))
        return { json: { KeyMetadata: { KeyId: mrk, Enabled: enabled, MultiRegion: true } } }
      if (target.endsWith('.ListKeyRotations'))
        return { json: { Rotations: [{ RotationDate: 1_700_000_000 }, { RotationDate: 1_750_000_000 }] } }
      return { status: 400, json: { __type: 'AccessDeniedException' } }
    }
    stub.answer = like(true)
    second.answer = () => ({ status: 400, json: { __type: 'NotFoundException' } })
    const missing = await createMulti().describeKey?.(mrk)
    expect(missing).toMatchObject({
      multiRegion: true,
      automaticRotation: null,
      lastRotation: new Date(1_750_000_000_000),
      regions: [
        { region: 'us-east-1', enabled: true },
        { region: 'us-west-2', enabled: null },
      ],
    })
    second.answer = like(false)
    expect((await createMulti().describeKey?.(mrk))?.regions?.[1]).toEqual({
      region: 'us-west-2',
      enabled: false,
    })
  })

  test('what one region wrapped, the other unwraps, under the ARN of its own region', async () => {
    const kms = createMulti()
    const arn = `arn:aws:kms:us-east-1:111122223333:key/${mrk}`
    const [wrapped] = await kms.wrap(arn, [item], {})
    if (wrapped?.ok !== true) throw new Error('not wrapped')
    stub.answer = () => 'reset'
    expect(await kms.unwrap(arn, [{ ciphertext: wrapped.value, context }], {})).toMatchObject([{ ok: true }])
    expect(second.requests.at(-1)?.body).toMatchObject({ KeyId: arn.replace('us-east-1', 'us-west-2') })
  })

  test('a region that does not answer is left at its time limit; after a while it is preferred again', async () => {
    const timing = createFakeTiming()
    const kms = awsKms({
      regions: ['us-east-1', 'us-west-2'],
      client: (region) =>
        region === 'us-west-2'
          ? createClient(second.url, { region })
          : createClient(stub.url, { requestHandler: { requestTimeout: 200, throwOnRequestTimeout: true } }),
      timing,
    })
    const wrap = async () => {
      expect(await kms.wrap(mrk, [item], {})).toMatchObject([{ ok: true }])
    }
    const asked = async (action: () => Promise<unknown>): Promise<number[]> => {
      const [first, next] = [stub.requests.length, second.requests.length]
      await action()
      return [stub.requests.length - first, second.requests.length - next]
    }
    stub.answer = (request) => ({ ...(answerLikeKms(request) as object), afterMs: 5_000 })
    expect(await asked(wrap)).toEqual([1, 1])
    stub.answer = answerLikeKms
    await timing.advance(4_999)
    expect(await asked(wrap)).toEqual([0, 1])
    await timing.advance(2)
    expect(await asked(wrap)).toEqual([1, 0])
  })

  test('with every region down each is asked once, and all recovers when one is back', async () => {
    const kms = createMulti()
    stub.answer = () => 'reset'
    second.answer = () => ({ status: 400, json: { __type: 'ThrottlingException' } })
    const [before, secondBefore] = [stub.requests.length, second.requests.length]
    expect((await kms.wrap(mrk, [item], {})).map(shortForm)).toEqual(['KMS_THROTTLED'])
    expect([stub.requests.length - before, second.requests.length - secondBefore]).toEqual([1, 1])
    second.answer = answerLikeKms
    expect(await kms.wrap(mrk, [item], {})).toMatchObject([{ ok: true }])
  })

  test('a refusal is not carried to the next region, nor is another key', async () => {
    const before = second.requests.length
    stub.answer = () => ({ status: 400, json: { __type: 'AccessDeniedException' } })
    expect((await createMulti().wrap(mrk, [item], {})).map(shortForm)).toEqual(['KMS_ACCESS_DENIED'])
    stub.answer = () => 'reset'
    expect((await createMulti().wrap(keyId, [item], {})).map(shortForm)).toEqual(['KMS_UNAVAILABLE'])
    expect(second.requests).toHaveLength(before)
  })
})

test('close() ends the connections that the provider opened, and the next call opens others', async () => {
  const own = await startHttpStub(answerLikeKms)
  const environment = {
    AWS_ENDPOINT_URL_KMS: own.url,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  }
  const before = { ...process.env }
  Object.assign(process.env, environment)
  try {
    const kms = awsKms({ region: 'us-east-1' })
    for (let use = 0; use < 2; use += 1) {
      expect(await kms.wrap(keyId, [item], {})).toMatchObject([{ ok: true }])
      expect(await own.connections()).toBe(1)
      await kms.close?.()
      while ((await own.connections()) > 0) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const given = createClient(own.url)
    const withClient = awsKms({ client: given })
    await withClient.wrap(keyId, [item], {})
    await withClient.close?.()
    expect(await withClient.wrap(keyId, [item], {})).toMatchObject([{ ok: true }]) // its owner's to close
  } finally {
    for (const name of Object.keys(environment)) Reflect.deleteProperty(process.env, name)
    Object.assign(process.env, before)
    await own.stop()
  }
})

test('an ARN says its region; one of another region than the given is not accepted', () => {
  const arn = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
  expect(regionOfArn(arn)).toBe('eu-west-1')
  expect(keyIdInRegion(arn, 'us-east-1')).toBe(arn)
  expect(awsKms().accepts(arn)).toBe(true)
  expect(awsKms({ region: 'eu-west-1' }).accepts(arn)).toBe(true)
  expect(awsKms({ region: 'us-east-1' }).accepts(arn)).toBe(false)
  expect(awsKms().accepts('vault/app')).toBe(false)
})

test.each([
  ['an unknown option', { regoin: 'us-east-1' }],
  ['both region and regions', { region: 'us-east-1', regions: ['us-east-1'] }],
  ['a region twice', { regions: ['us-east-1', 'us-east-1'] }],
  ['one client for several regions', { regions: ['us-east-1', 'us-west-2'], client: {} }],
  ['no concurrency', { concurrency: 0 }],
])('refuses %s', (_, options) => {
  expect(codeOf(() => awsKms(options as never))).toBe('INVALID_CONFIGURATION')
})
