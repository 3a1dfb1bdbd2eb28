/** Two instances of an application, each of which may do one side only by the key service's own policies, on one table. */
import { readFile } from 'node:fs/promises'
import { createIndexKey } from '../../src/extension/index-key.js'
import { kmsEncrypted } from '../../src/index.js'
import { awsKms } from '../../src/providers/aws.js'
import { localKms } from '../../src/providers/local.js'
import { vaultTransit } from '../../src/providers/vault.js'
import type { KmsProvider } from '../../src/kms/provider.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { createClient } from '../support/client.js'
import { codeOf } from '../support/extended-database.js'
import { indexKey, localKeys } from '../support/extended-client.js'
import { createKey, createTestClient } from './aws-keys.js'
import { createIamUser, enforceIam } from './moto-iam.js'
import { openBaoAt } from './openbao.js'
import { useServiceDatabase } from './service-clients.js'

const database = useServiceDatabase()
const motoAddress = process.env['TEST_MOTO'] ?? ''
const bao = openBaoAt(process.env['TEST_OPENBAO'] ?? '')
const policy = (name: string) =>
  readFile(new URL(`../../../../docs/policies/${name}`, import.meta.url), 'utf8')

const clients: { $disconnect(): Promise<void> }[] = []
afterAll(() => Promise.all(clients.map((client) => client.$disconnect())))

type Config = Parameters<typeof kmsEncrypted<typeof encryptedModels>>[0]

function start(provider: KmsProvider, keyId: string, config: Pick<Config, 'mode'> & Partial<Config>) {
  const { prisma } = createClient({ url: database.url, max: 5 })
  clients.push(prisma)
  return prisma.$extends(
    kmsEncrypted({
      indexKey,
      ...config,
      models: encryptedModels,
      providers: [provider, localKms({ keys: localKeys })],
      keys: { default: { keyId }, phone: { keyId: 'local/phone' } },
    }),
  )
}

const whole = { name: 'Ada', email: 'ada@example.com', notes: { n: 1 }, avatar: new Uint8Array([1]) }

/** What the two instances do with one record. */
async function expectApart(
  encrypting: ReturnType<typeof start>,
  decrypting: ReturnType<typeof start>,
): Promise<void> {
  const { id } = await encrypting.user.create({ data: whole })
  expect(await decrypting.user.findUnique({ where: { id } })).toMatchObject(whole)
  await encrypting.user.update({ where: { id }, data: { email: 'changed@example.com' } })
  await encrypting.user.updateMany({ where: { id }, data: { notes: 'many' } })
  await encrypting.$transaction((tx) => tx.user.update({ where: { id }, data: { name: 'Grace' } }))
  expect(await decrypting.user.findUnique({ where: { id } })).toMatchObject({
    name: 'Grace',
    email: 'changed@example.com',
    notes: 'many',
    avatar: whole.avatar,
  })
  expect(await codeOf(encrypting.user.findUnique({ where: { id } }))).toBe('DECRYPT_NOT_PERMITTED')
  expect(await codeOf(decrypting.user.update({ where: { id }, data: { name: 'x' } }))).toBe(
    'ENCRYPT_NOT_PERMITTED',
  )
  expect(await decrypting.user.update({ where: { id }, data: { email: null } })).toMatchObject({
    name: 'Grace',
    email: null,
  })
}

/** With the same credentials and no mode, the key service itself refuses the other side. */
async function expectRefusedByService(
  encrypting: ReturnType<typeof start>,
  decrypting: ReturnType<typeof start>,
): Promise<void> {
  const { id } = await encrypting.user.create({ data: whole })
  expect(await codeOf(encrypting.user.findUnique({ where: { id } }))).toBe('KMS_ACCESS_DENIED')
  expect(await codeOf(decrypting.user.create({ data: whole }))).toBe('KMS_ACCESS_DENIED')
  expect(await decrypting.user.findUnique({ where: { id } })).toMatchObject(whole)
}

describe('OpenBao, with the policies of docs/policies', () => {
  let mount = ''
  let tokens: { readonly encrypt: string; readonly decrypt: string }
  let bound: { readonly keyId: string; readonly key: string }
  const provider = (token: string) => vaultTransit({ address: bao.address, token, mount })

  beforeAll(async () => {
    mount = await bao.mountTransit()
    for (const key of ['app', 'app-index']) await bao.root.write(`${mount}/keys/${key}`, { derived: true })
    const tokenFor = async (name: string) => {
      const text = (await policy(name)).replaceAll('"transit/', `"${mount}/`)
      return (await bao.createToken(text)).token
    }
    tokens = {
      encrypt: await tokenFor('vault-encrypt-only.hcl'),
      decrypt: await tokenFor('vault-decrypt-only.hcl'),
    }
    const keyId = 'vault/app-index'
    bound = { keyId, key: await createIndexKey({ keyId, providers: [provider('root')] }) }
  })

  test('each instance does its side, on one table', async () => {
    await expectApart(
      start(provider(tokens.encrypt), 'vault/app', { mode: 'encrypt-only', indexKey: bound }),
      start(provider(tokens.decrypt), 'vault/app', { mode: 'decrypt-only', indexKey: bound }),
    )
  })

  test('blind indexes are written by the one and searched by the other', async () => {
    const encrypting = start(provider(tokens.encrypt), 'vault/app', { mode: 'encrypt-only', indexKey: bound })
    const decrypting = start(provider(tokens.decrypt), 'vault/app', { mode: 'decrypt-only', indexKey: bound })
    const { id } = await encrypting.account.create({ data: { email: 'Ada@example.com' } })
    await encrypting.account.update({ where: { id }, data: { email: 'Grace@example.com' } })
    const where = { email: 'grace@example.com' }
    expect(await decrypting.account.findUnique({ where })).toMatchObject({ id, email: 'Grace@example.com' })
  })

  test('without the modes OpenBao itself refuses the other side', async () => {
    await expectRefusedByService(
      start(provider(tokens.encrypt), 'vault/app', { mode: 'read-write', indexKey: bound }),
      start(provider(tokens.decrypt), 'vault/app', { mode: 'read-write', indexKey: bound }),
    )
  })
})

describe('AWS KMS at moto, which enforces the IAM policies of docs/policies', () => {
  afterAll(() => enforceIam(motoAddress, false))

  test('each instance does its side, and moto refuses the other without the modes', async () => {
    const keyId = await createKey(createTestClient(motoAddress))
    const clientFor = async (name: string) => {
      const { Statement } = JSON.parse(await policy(name)) as { Statement: { Action: string[] }[] }
      const user = await createIamUser(
        motoAddress,
        Statement.flatMap(({ Action }) => Action),
      )
      return createTestClient(motoAddress, 'us-east-1', user.credentials)
    }
    const encrypting = awsKms({ client: await clientFor('iam-encrypt-only.json') })
    const decrypting = awsKms({ client: await clientFor('iam-decrypt-only.json') })
    await enforceIam(motoAddress, true)
    await expectApart(
      start(encrypting, keyId, { mode: 'encrypt-only' }),
      start(decrypting, keyId, { mode: 'decrypt-only' }),
    )
    await expectRefusedByService(
      start(encrypting, keyId, { mode: 'read-write' }),
      start(decrypting, keyId, { mode: 'read-write' }),
    )
  })
})
