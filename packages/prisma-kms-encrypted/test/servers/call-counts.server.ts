/** How many requests an operation costs, counted by a proxy in front of the real servers. */
import { awsKms } from '../../src/providers/aws.js'
import { postgresBranchKeys } from '../../src/providers/postgres-branch-keys.js'
import { vaultTransit } from '../../src/providers/vault.js'
import { createKey, createTestClient } from './aws-keys.js'
import { countOperations, startKmsProxy, type KmsProxy } from './kms-proxy.js'
import { openBaoAt } from './openbao.js'
import { useServiceDatabase } from './service-clients.js'

const database = useServiceDatabase()
const awsAddress = process.env['TEST_LOCAL_KMS'] ?? ''
const baoAddress = process.env['TEST_OPENBAO'] ?? ''
const rows = 1_000
const cache = { ttlMs: 60_000, maxEntries: 2 * rows }
let aws: KmsProxy
let bao: KmsProxy
let awsKeyId = ''
let mount = ''

beforeAll(async () => {
  aws = await startKmsProxy(awsAddress)
  bao = await startKmsProxy(baoAddress)
  awsKeyId = await createKey(createTestClient(awsAddress, 'eu-west-2'))
  const { root, mountTransit } = openBaoAt(baoAddress)
  mount = await mountTransit()
  await root.write(`${mount}/keys/app`, { derived: true })
  // The provider makes its own client, with its own sockets.
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_KMS: aws.url,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  })
})
beforeEach(async () => {
  await database.sql('TRUNCATE "User" CASCADE')
  for (const proxy of [aws, bao]) proxy.reset()
})
afterAll(async () => {
  await Promise.all([aws.stop(), bao.stop()])
})

const startOnAws = (options: { cache?: typeof cache } = {}) =>
  database.start({
    ...options,
    providers: [awsKms({ region: 'eu-west-2', requestTimeoutMs: 10_000 })],
    key: { keyId: awsKeyId },
  })
const startOnVault = (options: { cache?: typeof cache } = {}) =>
  database.start({
    ...options,
    providers: [vaultTransit({ address: bao.url, token: 'root', mount })],
    key: { keyId: 'vault/app' },
  })
const names = Array.from({ length: rows }, (_, index) => `name ${index}`)
const data = names.map((name) => ({ name }))
const readNames = async (instance: ReturnType<typeof startOnAws>) =>
  (await instance.user.findMany({ orderBy: { id: 'asc' } })).map(({ name }) => name)

test('AWS: 1,000 rows cost 1,000 requests each way, 64 under way at the same time and never more', async () => {
  const instance = startOnAws()
  aws.holdUntil = 64 // nothing is answered before: only enough sockets come that far
  await instance.user.createMany({ data })
  expect(countOperations(aws.requests)).toEqual({ Encrypt: rows })
  expect(aws.peak).toBe(64)

  aws.reset()
  aws.holdUntil = 64
  expect(await readNames(instance)).toEqual(names)
  expect(countOperations(aws.requests)).toEqual({ Decrypt: rows })
  expect(aws.peak).toBe(64)
})

test('Vault: 1,000 rows cost 5 requests each way, and one more when a process meets the key first', async () => {
  const instance = startOnVault()
  await instance.user.createMany({ data })
  expect(countOperations(bao.requests)).toEqual({
    [`GET ${mount}/keys/app`]: 1,
    [`POST ${mount}/encrypt/app`]: 5,
  })

  bao.reset()
  expect(await readNames(instance)).toEqual(names)
  expect(countOperations(bao.requests)).toEqual({ [`POST ${mount}/decrypt/app`]: 5 })
})

test.each([
  ['AWS', startOnAws, () => aws],
  ['Vault', startOnVault, () => bao],
])('%s: with a warm cache reading costs no request, until it is flushed', async (_, start, proxyOf) => {
  const writer = start()
  await writer.user.createMany({ data })
  const instance = start({ cache })
  await readNames(instance)
  const proxy = proxyOf()

  proxy.reset()
  expect(await readNames(instance)).toEqual(names)
  expect(proxy.requests).toHaveLength(0)

  instance.$kms.flush()
  await readNames(instance)
  expect(proxy.requests.length).toBeGreaterThanOrEqual(5)
})

test.each([
  ['AWS', () => ({ providers: [awsKms({ region: 'eu-west-2' })], keyId: awsKeyId }), () => aws, 'Decrypt'],
  [
    'Vault',
    () => ({ providers: [vaultTransit({ address: bao.url, token: 'root', mount })], keyId: 'vault/app' }),
    () => bao,
    () => `POST ${mount}/decrypt/app`,
  ],
])('%s: with branch keys 1,000 rows cost one request', async (_, service, proxyOf, operation) => {
  const start = () => {
    const { providers, keyId } = service()
    const store = postgresBranchKeys({ connectionString: database.url })
    return {
      store,
      instance: database.start({ providers, key: { keyId, branchKeys: { store, per: 'model' } } }),
    }
  }
  const writer = start()
  await writer.store.createTable()
  await database.sql('TRUNCATE kms_branch_keys')
  await writer.instance.user.createMany({ data })
  const { instance } = start()
  const proxy = proxyOf()
  proxy.reset()
  expect(await readNames(instance)).toEqual(names)
  const counts = countOperations(proxy.requests)
  expect(counts[typeof operation === 'string' ? operation : operation()]).toBe(1)
  // Vault's is asked once whether it enforces contexts, by each process.
  expect(proxy.requests.filter(({ operation: name }) => !name.startsWith('GET '))).toHaveLength(1)
})

test('queries of one moment share requests', async () => {
  const instance = startOnVault()
  await instance.user.createMany({ data: data.slice(0, 100) })
  const ids = (await instance.user.findMany({ select: { id: true } })).map(({ id }) => id)
  bao.reset()
  await Promise.all(ids.map((id) => instance.user.findUniqueOrThrow({ where: { id } })))
  expect(bao.requests.length).toBeLessThanOrEqual(3)
})

test('a record without encrypted values costs nothing, and one that is only counted neither', async () => {
  const instance = startOnVault()
  await instance.org.create({ data: { name: 'plain' } })
  await instance.user.count()
  await instance.user.findMany({ select: { id: true, nickname: true } })
  expect(bao.requests).toHaveLength(0)
})
