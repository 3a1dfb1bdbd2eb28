import { inspect } from 'node:util'
import { codeOf } from '../kms/code-of.js'
import { shortForm } from '../kms/fake-provider.js'
import { vaultTransit } from '../../src/providers/vault.js'
import type { VaultTransitOptions } from '../../src/providers/vault.js'
import { startHttpStub } from './http-stub.js'
import type { HttpStub, StubAnswer, StubRequest } from './http-stub.js'

const context = { model_name: 'User', model_id: '42' }
const item = { plaintext: Buffer.alloc(32, 7), context }
const token = 's.a-secret-token'
let stub: HttpStub

/** Answers like Vault; what it "encrypts" is only encoded, which is enough here. */
function answerLikeVault({ method, path, body }: StubRequest): StubAnswer {
  if (method === 'GET')
    return { json: { data: { derived: true, latest_version: 1, keys: { 1: 1_700_000_000 } } } }
  const batch = body['batch_input'] as Record<string, string>[]
  if (path.includes('/encrypt/')) {
    return {
      json: {
        data: { batch_results: batch.map(({ plaintext }) => ({ ciphertext: `vault:v1:${plaintext}` })) },
      },
    }
  }
  return {
    json: {
      data: { batch_results: batch.map(({ ciphertext }) => ({ plaintext: ciphertext?.split(':')[2] })) },
    },
  }
}

beforeAll(async () => {
  stub = await startHttpStub(answerLikeVault)
})
afterAll(async () => {
  await stub.stop()
})
afterEach(() => {
  stub.answer = answerLikeVault
})

const create = (options: VaultTransitOptions = {}) => vaultTransit({ address: stub.url, token, ...options })
const wrapWith = async (answer: (request: StubRequest) => StubAnswer, items = 1): Promise<unknown[]> => {
  stub.answer = (request) => (request.method === 'GET' ? answerLikeVault(request) : answer(request))
  const outcomes = await create({ requestTimeoutMs: 300 }).wrap(
    'vault/app',
    Array.from({ length: items }, () => item),
    {},
  )
  return outcomes.map(shortForm)
}

test('sends batches of at most 249 items, with the sorted context in base64', async () => {
  const before = stub.requests.length
  const outcomes = await create().wrap(
    'vault/app',
    Array.from({ length: 500 }, () => item),
    {},
  )
  expect(outcomes.filter(({ ok }) => ok)).toHaveLength(500)
  const [key, ...batches] = stub.requests.slice(before)
  expect(key).toMatchObject({ method: 'GET', path: '/v1/transit/keys/app' })
  expect(batches.map(({ path }) => path)).toEqual(Array(3).fill('/v1/transit/encrypt/app'))
  const inputs = batches.map(({ body }) => body['batch_input'] as { context: string }[])
  expect(inputs.map(({ length }) => length).sort()).toEqual([2, 249, 249])
  expect(Buffer.from(inputs[0]?.[0]?.context ?? '', 'base64').toString()).toBe(
    '{"model_id":"42","model_name":"User"}',
  )
})

test('the key is looked at once', async () => {
  const kms = create()
  const before = stub.requests.length
  await kms.wrap('vault/app', [item], {})
  await kms.wrap('vault/app', [item], {})
  expect(stub.requests.slice(before).filter(({ method }) => method === 'GET')).toHaveLength(1)
})

test('outcomes of single items are read from HTTP 400 and from errors inside a 200', async () => {
  const data = {
    batch_results: [
      { ciphertext: 'vault:v1:AAAA' },
      { error: 'cipher: message authentication failed' },
      { error: 'unable to derive key' },
    ],
  }
  const expected = [118, 'KMS_INVALID_CIPHERTEXT', 'KMS_REQUEST_REFUSED'] // 118 is the v of vault
  expect(await wrapWith(() => ({ json: { data } }), 3)).toEqual(expected)
  expect(await wrapWith(() => ({ status: 400, json: { data } }), 3)).toEqual(expected)
})

test('a batch with too few results fails as a whole, without shifting the next one', async () => {
  const outcomes = await wrapWith((request) => {
    const answer = answerLikeVault(request) as { json: { data: { batch_results: unknown[] } } }
    if ((request.body['batch_input'] as unknown[]).length === 249) answer.json.data.batch_results.pop()
    return answer
  }, 300)
  expect(outcomes.slice(0, 249)).toEqual(Array(249).fill('KMS_INVALID_RESPONSE'))
  expect(outcomes.slice(249)).toEqual(Array(51).fill(118))
})

test.each([
  ['throttling', { status: 429, json: { errors: ['request path rate limit'] } }, 'KMS_THROTTLED'],
  [
    'a node that is behind',
    { status: 412, json: { errors: ['required index state not present'] } },
    'KMS_UNAVAILABLE',
  ],
  ['a sealed server', { status: 503, json: { errors: ['Vault is sealed'] } }, 'KMS_UNAVAILABLE'],
  ['a denied path', { status: 403, json: { errors: ['permission denied'] } }, 'KMS_ACCESS_DENIED'],
  ['no such mount', { status: 404, json: { errors: ['no handler for route'] } }, 'KMS_KEY_NOT_FOUND'],
  ['a refusal', { status: 400, json: { errors: ['invalid request'] } }, 'KMS_REQUEST_REFUSED'],
  ['a reset', 'reset', 'KMS_UNAVAILABLE'],
  ['a slow answer', { afterMs: 1_000 }, 'KMS_TIMEOUT'],
  ['garbage', { text: 'garbage' }, 'KMS_INVALID_RESPONSE'],
  ['too few results', { json: { data: { batch_results: [] } } }, 'KMS_INVALID_RESPONSE'],
  [
    'a result of another kind',
    { json: { data: { batch_results: [{ ciphertext: 5 }] } } },
    'KMS_INVALID_RESPONSE',
  ],
] as const)('%s is told apart', async (_, answer, code) => {
  expect(await wrapWith(() => answer)).toEqual([code])
})

test.each(['reset', { status: 500, text: 'echo' }, { afterMs: 1_000 }] as const)(
  'errors never hold the token or the plaintext (%j)',
  async (answer) => {
    stub.answer = (request) => (request.method === 'GET' ? answerLikeVault(request) : answer)
    const outcomes = await create({ requestTimeoutMs: 200 }).wrap('vault/app', [item], {})
    const shown = inspect(outcomes, { depth: 20, showHidden: true }) + JSON.stringify(outcomes)
    expect(shown).not.toContain(token)
    expect(shown).not.toContain(item.plaintext.toString('base64'))
  },
)

test('a key that is not derived is refused, and a token that may not look is told so', async () => {
  stub.answer = () => ({ json: { data: { derived: false, latest_version: 1 } } })
  await expect(create().wrap('vault/app', [item], {})).rejects.toMatchObject({
    code: 'INVALID_CONFIGURATION',
  })
  stub.answer = () => ({ status: 403, json: { errors: ['permission denied'] } })
  const [outcome] = await create().wrap('vault/app', [item], {})
  expect(String(outcome?.ok === false && outcome.error)).toContain('allowUnderived')
})

test('namespace and token go into headers, the mount into the path', async () => {
  await create({ namespace: 'team', mount: 'a/transit' }).wrap('vault/app', [item], {})
  expect(stub.requests.at(-1)).toMatchObject({
    path: '/v1/a/transit/encrypt/app',
    headers: { 'x-vault-token': token, 'x-vault-namespace': 'team' },
  })
})

test('a key id that is no key name never becomes a path', async () => {
  const before = stub.requests.length
  for (const keyId of ['vault/../sys/raw', 'vault/a/b', 'vault/a?b', 'alias/app']) {
    expect((await create().wrap(keyId, [item], {})).map(shortForm)).toEqual(['KMS_KEY_NOT_FOUND'])
  }
  expect(stub.requests).toHaveLength(before)
})

test('an abort ends the call', async () => {
  stub.answer = (request) => (request.method === 'GET' ? answerLikeVault(request) : { afterMs: 300 })
  const controller = new AbortController()
  const pending = create().wrap('vault/app', [item], { signal: controller.signal })
  setTimeout(() => {
    controller.abort()
  }, 50)
  await expect(pending).rejects.toMatchObject({ code: 'KMS_ABORTED' })
})

test('without an address or a token it is a configuration error', async () => {
  const saved = process.env
  process.env = { ...saved, VAULT_ADDR: '', VAULT_TOKEN: '' }
  await expect(vaultTransit().wrap('vault/app', [item], {})).rejects.toMatchObject({
    code: 'INVALID_CONFIGURATION',
  })
  await expect(vaultTransit({ address: stub.url }).wrap('vault/app', [item], {})).rejects.toMatchObject({
    code: 'INVALID_CONFIGURATION',
  })
  process.env = saved
})

test.each([
  ['an unknown option', { adress: 'http://127.0.0.1' }],
  ['an address that is none', { address: 'vault' }],
  ['a mount that leaves its place', { mount: '../sys' }],
  ['a mount with a query', { mount: 'transit?x' }],
])('refuses %s', (_, options) => {
  expect(codeOf(() => vaultTransit(options as never))).toBe('INVALID_CONFIGURATION')
})
