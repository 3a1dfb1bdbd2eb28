/** Whoever can write the database chooses neither the key nor the place that a request goes to. */
import { awsKms } from '../../src/providers/aws.js'
import { vaultTransit } from '../../src/providers/vault.js'
import { codeOf } from '../support/extended-database.js'
import { createKey, createTestClient, encryptRaw } from './aws-keys.js'
import { startKmsProxy, type KmsProxy } from './kms-proxy.js'
import { openBaoAt } from './openbao.js'
import { useServiceDatabase, type Instance } from './service-clients.js'

const database = useServiceDatabase()
const awsAddress = process.env['TEST_MOTO'] ?? ''
const bao = openBaoAt(process.env['TEST_OPENBAO'] ?? '')
const plaintext = Buffer.alloc(32, 7)
let awsProxy: KmsProxy
let baoProxy: KmsProxy
let mount = ''
let keyId = ''

beforeAll(async () => {
  awsProxy = await startKmsProxy(awsAddress)
  baoProxy = await startKmsProxy(bao.address)
  mount = await bao.mountTransit()
  for (const key of ['app', 'other']) await bao.root.write(`${mount}/keys/${key}`, { derived: true })
  keyId = await createKey(createTestClient(awsAddress))
})
afterAll(async () => {
  await Promise.all([awsProxy.stop(), baoProxy.stop()])
})

/** Replaces the key column of a new record, and reads it. */
async function readWithPlanted(instance: Instance, makeKeyColumn: (id: number) => Promise<string> | string) {
  const { id } = await instance.user.create({ data: { name: 'Ada' } })
  await database.sql('UPDATE "User" SET "encryptedKmsKey" = $1 WHERE id = $2', await makeKeyColumn(id), id)
  awsProxy.reset()
  baoProxy.reset()
  return codeOf(instance.user.findUniqueOrThrow({ where: { id } }))
}
const contextOf = (id: number) => ({ model_name: 'User', model_id: String(id) })
const column = (ciphertext: Uint8Array | string, version = 1): string =>
  `v${version}:${Buffer.from(ciphertext).toString('base64')}`

test('AWS: a key that another key of the account wrapped is asked for under the configured one, and refused', async () => {
  const client = createTestClient(awsProxy.url)
  const instance = database.start({ providers: [awsKms({ client })], key: { keyId } })
  const other = await createKey(client)
  // AWS's ciphertext names its key; without a pinned key id the service would follow it.
  const code = await readWithPlanted(instance, async (id) =>
    column(await encryptRaw(client, other, plaintext, contextOf(id))),
  )
  expect(code).toBe('KMS_ACCESS_DENIED') // what moto says instead of IncorrectKeyException
  expect(awsProxy.requests.map(({ body }) => (JSON.parse(body) as { KeyId: string }).KeyId)).toEqual([keyId])
})

test('Vault: a planted key stays in the body; the path has the configured key', async () => {
  const provider = vaultTransit({ address: baoProxy.url, token: 'root', mount })
  const instance = database.start({ providers: [provider], key: { keyId: 'vault/app' } })
  const code = await readWithPlanted(instance, async (id) => {
    const { data } = (await bao.root.write(`${mount}/encrypt/other`, {
      plaintext: plaintext.toString('base64'),
      context: Buffer.from(`{"model_id":"${id}","model_name":"User"}`).toString('base64'),
    })) as { data: { ciphertext: string } } // the client's answers have no type
    return column(data.ciphertext)
  })
  expect(code).toBe('DECRYPTION_FAILED')
  expect(baoProxy.requests.map(({ operation }) => operation)).toEqual([`POST ${mount}/decrypt/app`])
})

test.each([
  ['a path', 'vault:v1:../../sys/raw'],
  ['a query', 'vault:v1:AAAA?x=1'],
  ['another service', 'arn:aws:kms:us-east-1:123456789012:key/x'],
])('Vault: %s in the key column is sent nowhere', async (_, planted) => {
  const provider = vaultTransit({ address: baoProxy.url, token: 'root', mount })
  const instance = database.start({ providers: [provider], key: { keyId: 'vault/app' } })
  expect(await readWithPlanted(instance, () => column(planted))).toBe('DECRYPTION_FAILED')
  expect(baoProxy.requests).toEqual([])
})

test('a version number is looked up in the configuration, and nowhere else', async () => {
  const instance = database.start({
    providers: [awsKms({ client: createTestClient(awsProxy.url) })],
    key: { current: 3, versions: { 3: { keyId } } },
  })
  for (const version of ['v1', 'v03', 'v3.0', 'v9007199254740993', keyId, 'alias/app']) {
    const code = await readWithPlanted(instance, () => `${version}:AAAA`)
    expect(code).toMatch(/^(UNKNOWN_KEY_VERSION|INVALID_KEY_COLUMN)$/)
    expect(awsProxy.requests).toEqual([])
  }
})
