/** A permission, a key's state and a region that are wrong at first give their own code, and work again once mended. */
import { setTimeout as sleep } from 'node:timers/promises'
import { DisableKeyCommand, EnableKeyCommand } from '@aws-sdk/client-kms'
import { awsKms } from '../../src/providers/aws.js'
import { vaultTransit } from '../../src/providers/vault.js'
import { codeOf } from '../support/extended-database.js'
import { createKey, createTestClient, pointAlias } from './aws-keys.js'
import { createIamUser, enforceIam } from './moto-iam.js'
import { openBaoAt } from './openbao.js'
import { useServiceDatabase, type Instance } from './service-clients.js'

const database = useServiceDatabase()
const motoAddress = process.env['TEST_MOTO'] ?? ''
const localKmsAddress = process.env['TEST_LOCAL_KMS'] ?? ''
const bao = openBaoAt(process.env['TEST_OPENBAO'] ?? '')

/** One record, and what an application does with it. */
async function createRecord(instance: Instance) {
  const { id } = await instance.user.create({ data: { name: 'Ada' } })
  return {
    read: () => instance.user.findUniqueOrThrow({ where: { id }, select: { name: true } }),
    create: () => instance.user.create({ data: { name: 'Bob' }, select: { name: true } }),
    update: () => instance.user.update({ where: { id }, data: { email: 'ada@example.com' } }),
  }
}

/** An operation fails so, for as long as the cause is there, and leaves nothing behind. */
async function expectRefused(
  operations: readonly (() => PromiseLike<unknown>)[],
  code: string,
): Promise<void> {
  const [before] = await database.sql('SELECT count(*) FROM "User"')
  for (const operation of operations) expect(await codeOf(operation())).toBe(code)
  expect(await database.sql('SELECT count(*) FROM "User"')).toEqual([before])
}

describe('a permission that is taken away and given back', () => {
  test('Vault policies', async () => {
    const mount = await bao.mountTransit()
    await bao.root.write(`${mount}/keys/app`, { derived: true })
    const both = `path "${mount}/*" { capabilities = ["read", "update"] }`
    const { token, policyName } = await bao.createToken(both)
    const provider = vaultTransit({ address: bao.address, token, mount })
    const instance = database.start({ providers: [provider], key: { keyId: 'vault/app' } })
    const { read, create, update } = await createRecord(instance)

    await bao.setPolicy(policyName, `path "${mount}/encrypt/*" { capabilities = ["update"] }`)
    await expectRefused([read, update], 'KMS_ACCESS_DENIED')
    expect(await create()).toEqual({ name: 'Bob' })

    await bao.setPolicy(policyName, `path "${mount}/decrypt/*" { capabilities = ["update"] }`)
    await expectRefused([create], 'KMS_ACCESS_DENIED')
    expect(await read()).toEqual({ name: 'Ada' })

    await bao.setPolicy(policyName, both)
    expect([await read(), await create()]).toEqual([{ name: 'Ada' }, { name: 'Bob' }])
    expect(await update()).toMatchObject({ name: 'Ada', email: 'ada@example.com' })
  })

  test('IAM policies', async () => {
    await enforceIam(motoAddress, false)
    const keyId = await createKey(createTestClient(motoAddress))
    const user = await createIamUser(motoAddress, ['kms:Encrypt', 'kms:Decrypt'])
    // Every change of a right needs it off: the server's own administrator is a user like others.
    const allow = async (...actions: string[]): Promise<void> => {
      await enforceIam(motoAddress, false)
      await user.allow(actions)
      await enforceIam(motoAddress, true)
    }
    const client = createTestClient(motoAddress, 'us-east-1', user.credentials)
    const instance = database.start({ providers: [awsKms({ client })], key: { keyId } })
    await allow('kms:Encrypt', 'kms:Decrypt')
    const { read, create, update } = await createRecord(instance)

    await allow('kms:Encrypt')
    await expectRefused([read, update], 'KMS_ACCESS_DENIED')
    expect(await create()).toEqual({ name: 'Bob' })

    await allow('kms:Decrypt')
    await expectRefused([create], 'KMS_ACCESS_DENIED')
    expect(await read()).toEqual({ name: 'Ada' })

    await allow('kms:Encrypt', 'kms:Decrypt')
    expect([await read(), await create()]).toEqual([{ name: 'Ada' }, { name: 'Bob' }])
    expect(await update()).toMatchObject({ name: 'Ada' })
    await enforceIam(motoAddress, false)
  })

  test('a token that ended, in a client that gets a new one', async () => {
    const mount = await bao.mountTransit()
    await bao.root.write(`${mount}/keys/app`, { derived: true })
    const policy = `path "${mount}/*" { capabilities = ["read", "update"] }`
    const { token } = await bao.createToken(policy)
    const renewed = openBaoAt(bao.address).root // node-vault's own `token` property is what users set anew
    renewed.token = token
    const instance = database.start({
      providers: [vaultTransit({ client: renewed, mount })],
      key: { keyId: 'vault/app' },
    })
    const { read, create } = await createRecord(instance)
    await bao.root.write('auth/token/revoke', { token })
    await expectRefused([read, create], 'KMS_ACCESS_DENIED')
    renewed.token = (await bao.createToken(policy)).token
    expect(await read()).toEqual({ name: 'Ada' })
  })
})

describe('a key that is disabled and enabled again', () => {
  const client = createTestClient(localKmsAddress, 'eu-west-2')
  const disable = (KeyId: string) => client.send(new DisableKeyCommand({ KeyId }))
  const enable = (KeyId: string) => client.send(new EnableKeyCommand({ KeyId }))
  afterAll(() => {
    client.destroy()
  })

  test('every operation with it', async () => {
    const keyId = await createKey(client)
    const instance = database.start({ providers: [awsKms({ client })], key: { keyId } })
    const { read, create, update } = await createRecord(instance)
    await disable(keyId)
    await expectRefused([read, create, update], 'KMS_KEY_DISABLED')
    await enable(keyId)
    expect([await read(), await create()]).toEqual([{ name: 'Ada' }, { name: 'Bob' }])
    expect(await update()).toMatchObject({ name: 'Ada' })
  })

  test('with a warm cache reading goes on for its TTL at most, and ends at once with flush()', async () => {
    const keyId = await createKey(client)
    const start = (ttlMs: number) =>
      database.start({ providers: [awsKms({ client })], key: { keyId }, cache: { ttlMs, maxEntries: 100 } })
    const longLived = start(600_000)
    const { read } = await createRecord(longLived)
    await read()
    const { id } = await longLived.user.findFirstOrThrow({ select: { id: true }, orderBy: { id: 'desc' } })
    const ttlMs = 1_000
    const shortLived = start(ttlMs)
    const readShortly = () => shortLived.user.findUniqueOrThrow({ where: { id }, select: { name: true } })
    await readShortly()
    await disable(keyId)

    expect(await read()).toEqual({ name: 'Ada' })
    longLived.$kms.flush()
    expect(await codeOf(read())).toBe('KMS_KEY_DISABLED')

    await sleep(ttlMs)
    expect(await codeOf(readShortly())).toBe('KMS_KEY_DISABLED')

    await enable(keyId)
    expect([await read(), await readShortly()]).toEqual([{ name: 'Ada' }, { name: 'Ada' }])
  })
})

describe('a wrong region', () => {
  test('the key is not found there; an instance with the right region finds it', async () => {
    const alias = 'alias/only-in-ireland'
    const ireland = createTestClient(motoAddress, 'eu-west-1')
    await pointAlias(ireland, alias, await createKey(ireland))
    const startIn = (region: string) =>
      database.start({
        providers: [awsKms({ client: createTestClient(motoAddress, region) })],
        key: { keyId: alias },
      })
    const { id } = await startIn('eu-west-1').user.create({ data: { name: 'Ada' } })
    const wrong = startIn('us-east-1')
    await expectRefused(
      [
        () => wrong.user.findUniqueOrThrow({ where: { id } }),
        () => wrong.user.create({ data: { name: 'Bob' } }),
      ],
      'KMS_KEY_NOT_FOUND',
    )
    expect(await startIn('eu-west-1').user.findUniqueOrThrow({ where: { id } })).toMatchObject({
      name: 'Ada',
    })
  })

  test('a key that is made where it was missing is found', async () => {
    const client = createTestClient(motoAddress, 'eu-south-1')
    const alias = 'alias/not-yet'
    const instance = database.start({ providers: [awsKms({ client })], key: { keyId: alias } })
    const create = () => instance.user.create({ data: { name: 'Ada' }, select: { name: true } })
    await expectRefused([create], 'KMS_KEY_NOT_FOUND')
    await pointAlias(client, alias, await createKey(client))
    expect(await create()).toEqual({ name: 'Ada' })
  })

  test('an ARN of a region that the provider does not serve is refused at configuration', async () => {
    const keyId = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab'
    const start = async () => {
      await Promise.resolve() // what it throws becomes a rejection
      return database.start({ providers: [awsKms({ region: 'us-east-1' })], key: { keyId } })
    }
    expect(await codeOf(start())).toBe('INVALID_CONFIGURATION')
  })
})
