/** What kmsEncrypted() refuses before anything runs, and what its shorthands stand for. */
import { kmsEncrypted, rotateAll } from '../../src/index.js'
import { resolveConfiguration } from '../../src/extension/resolve-configuration.js'
import { localKms } from '../../src/providers/local.js'
import { insecureTestKms } from '../../src/testing/index.js'
import type { ModelDefinitions } from '../../src/schema/model.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { createClient } from '../support/client.js'
import { indexKey, localKeys, plainKeys } from '../support/extended-client.js'
import { codeOf, errorOf, useExtendedDatabase } from '../support/extended-database.js'

const database = useExtendedDatabase()
const base = {
  models: encryptedModels,
  providers: [localKms({ keys: localKeys })],
  keys: plainKeys,
  indexKey,
}
const phone = (options: object) => ({ ...base, keys: { ...plainKeys, phone: options } })
const resolve =
  (config: object, environment = {}) =>
  () =>
    resolveConfiguration(config, environment)
const refusal = (code: string, what: RegExp | string) =>
  expect.objectContaining({ code, message: expect.stringMatching(what) as string }) as Error

test.each<[string, object, RegExp]>([
  ['an unknown option', { ...base, modells: {} }, /modells/],
  ['models of another kind', { ...base, models: 'User' }, /models/],
  [
    'a provider that is none',
    { ...base, providers: [{ name: 'mine' }] },
    /providers\.0: expected a KmsProvider/,
  ],
  ['a key without an id', { ...base, keys: { ...plainKeys, phone: {} } }, /keys\.phone/],
  ['an empty key id', phone({ keyId: '' }), /keys\.phone/],
  ['an unknown option of a key', phone({ keyId: 'local/phone', egaer: 'fetch-id' }), /keys\.phone/],
  ['an unknown eager mode', phone({ keyId: 'local/phone', eager: 'later' }), /keys\.phone/],
  ['a context that is no function', phone({ keyId: 'local/phone', context: {} }), /keys\.phone/],
  ['version 0', phone({ current: 0, versions: { 0: { keyId: 'local/phone' } } }), /keys\.phone/],
  [
    'a version that is no number',
    phone({ current: 1, versions: { one: { keyId: 'local/phone' } } }),
    /keys\.phone/,
  ],
  [
    'a current version that is not there',
    phone({ current: 3, versions: { 1: { keyId: 'local/phone' } } }),
    /keys\.phone\.current is 3, but versions holds 1/,
  ],
  ['no versions', phone({ current: 1, versions: {} }), /keys\.phone\.current is 1, but versions holds none/],
  [
    'keyId beside versions',
    phone({ keyId: 'local/phone', current: 1, versions: { 1: { keyId: 'local/phone' } } }),
    /keys\.phone/,
  ],
  [
    'a key that no model has',
    { ...base, keys: { ...plainKeys, fax: { keyId: 'local/app' } } },
    /keys\.fax: no model has a key of this name \(known: .*phone/,
  ],
  [
    'a key that is missing',
    { ...base, keys: { default: plainKeys.default } },
    /User: no key id for the key 'phone'/,
  ],
  ['no default key at all', { ...base, keys: { phone: plainKeys.phone } }, /no key id for the key 'default'/],
  [
    'context-free with the default context',
    phone({ keyId: 'local/phone', eager: 'context-free' }),
    /keys\.phone: eager 'context-free'/,
  ],
  [
    'a context column that is encrypted',
    phone({ keyId: 'local/phone', contextColumns: ['email'] }),
    /User\.email is not a plain column/,
  ],
  [
    'a context column that is none',
    phone({ keyId: 'local/phone', contextColumns: ['nobody'] }),
    /User\.nobody/,
  ],
  [
    'a context without id or unique column',
    phone({ keyId: 'local/phone', context: () => ({ app: 'x' }) }),
    /neither the id nor a unique column/,
  ],
  [
    'one version with such a context',
    phone({
      current: 1,
      versions: { 1: { keyId: 'local/phone' }, 2: { keyId: 'local/next', context: () => ({ a: 'x' }) } },
    }),
    /keys\.phone version 2/,
  ],
  ['rowBinding of another value', phone({ keyId: 'local/phone', rowBinding: 'on' }), /keys\.phone/],
  ['a transaction timeout of 0', { ...base, transaction: { timeout: 0 } }, /transaction\.timeout/],
  ['an empty namespace', { ...base, namespace: '' }, /namespace/],
])('INVALID_CONFIGURATION: %s', (_, config, what) => {
  expect(resolve(config)).toThrow(refusal('INVALID_CONFIGURATION', what))
})

test('a key id of no known form is refused with the forms that there are', () => {
  expect(resolve(phone({ keyId: 'my-key' }))).toThrow(refusal('UNKNOWN_KEY_ID', /my-key/))
})

test('two providers that accept one key id are refused', () => {
  const providers = [localKms({ keys: localKeys }), localKms({ keys: localKeys })]
  expect(resolve({ ...base, providers })).toThrow(refusal('INVALID_CONFIGURATION', /more than one/))
})

test('the test provider is refused in production, at configuration', () => {
  const before = process.env['NODE_ENV']
  process.env['NODE_ENV'] = 'production'
  try {
    const keys = { default: { keyId: 'insecure-test-key' }, phone: { keyId: 'insecure-test-key' } }
    expect(resolve({ ...base, keys, providers: [] })).toThrow(refusal('INVALID_CONFIGURATION', /production/))
  } finally {
    process.env['NODE_ENV'] = before
  }
})

describe('shorthands and defaults', () => {
  const onlyPhone = { ...base, keys: { phone: plainKeys.phone } }
  const idOf = (config: object, environment = {}) =>
    resolveConfiguration(config, environment).keyFor('User', 'default').versions.get(1)?.keyId

  test('keyId, otherwise KMS_KEY_ID, stand for the default key', () => {
    expect(idOf({ ...onlyPhone, keyId: 'local/app' })).toBe('local/app')
    expect(idOf(onlyPhone, { KMS_KEY_ID: 'local/next' })).toBe('local/next')
    expect(idOf({ ...onlyPhone, keyId: 'local/app' }, { KMS_KEY_ID: 'local/next' })).toBe('local/app')
    expect(idOf(base, { KMS_KEY_ID: 'local/next' })).toBe('local/app')
  })

  test('KMS_KEY_ID alone serves a schema with one key', () => {
    const { Post, Org } = encryptedModels
    const models = { Post, Org } as ModelDefinitions
    const resolved = resolveConfiguration({ models, providers: base.providers }, { KMS_KEY_ID: 'local/app' })
    expect(resolved.keyFor('Post', 'default')).toMatchObject({
      current: 1,
      eager: null,
      rowBinding: true,
      contextColumns: [],
    })
  })

  test('the limits of own transactions', () => {
    expect(resolveConfiguration(base).transaction).toEqual({ maxWait: 10_000, timeout: 60_000 })
    expect(resolveConfiguration({ ...base, transaction: { timeout: 5 } }).transaction).toEqual({
      maxWait: 10_000,
      timeout: 5,
    })
  })

  test('the result is frozen', () => {
    const resolved = resolveConfiguration(base)
    expect(Object.isFrozen(resolved)).toBe(true)
    expect(Object.isFrozen(resolved.keyFor('User', 'default'))).toBe(true)
  })

  test('a unique column, or an acknowledgement, stands for the id', () => {
    const context = () => ({ app: 'x' })
    expect(resolve(phone({ keyId: 'local/phone', context, contextColumns: ['handle'] }))).not.toThrow()
    expect(resolve(phone({ keyId: 'local/phone', context, rowBinding: 'off' }))).not.toThrow()
  })
})

describe('several keys at work', () => {
  test('each group is wrapped by its own key, of its own provider', async () => {
    const client = database.connect({
      keys: { default: { keyId: 'local/app' }, phone: { keyId: 'local/next' } },
    })
    await client.prisma.user.create({ data: { name: 'unwraps the index key' } })
    client.kms.reset()
    await client.prisma.user.create({ data: { name: 'x', phone: 'y' } })
    expect(client.kms.log.map(({ keyId }) => keyId).sort()).toEqual(['local/app', 'local/next'])
    const { prisma: plain } = createClient({ url: database.url })
    const mixed = plain.$extends(
      kmsEncrypted({
        ...base,
        providers: [localKms({ keys: localKeys }), insecureTestKms()],
        keys: { default: { keyId: 'local/app' }, phone: { keyId: 'insecure-test-key' } },
      }),
    )
    const { id } = await mixed.user.create({ data: { name: 'x', phone: 'y' } })
    expect((await database.stored('"User"', id))['encryptedKmsKeyPhone']).toMatch(
      /^v1:aW5zZWN1cmU|^v1:insecure/,
    )
    expect(await mixed.user.findUnique({ where: { id } })).toMatchObject({ name: 'x', phone: 'y' })
    await plain.$disconnect()
  })

  test('a wrong key does not open, and is named without secrets', async () => {
    const { id } = await database.reader.user.create({ data: { name: 'x' } })
    const { prisma } = database.connect({ keys: { ...plainKeys, default: { keyId: 'local/next' } } })
    expect(await errorOf(prisma.user.findUnique({ where: { id } }))).toMatchObject({
      code: 'DECRYPTION_FAILED',
    })
  })
})

describe('checked when extending', () => {
  const { User, ...others } = encryptedModels
  const mismatch = (change: (models: Record<string, ModelDefinitions[string]>) => object) => () => {
    const models = change(
      structuredClone(encryptedModels) as Record<string, ModelDefinitions[string]>,
    ) as ModelDefinitions
    return createClient({ url: database.url }).prisma.$extends(kmsEncrypted({ ...base, models } as never))
  }

  test('a model that the client does not have', () => {
    expect(mismatch((models) => ({ ...models, Ghost: models['Org'] }))).toThrow(
      refusal('MODELS_MISMATCH', /model Ghost/),
    )
  })

  test('a field that the client does not have', () => {
    const fax = { ...User.scalars.nickname, column: 'fax' }
    const change = (models: object) => ({ ...models, User: { ...User, scalars: { ...User.scalars, fax } } })
    expect(mismatch(change)).toThrow(refusal('MODELS_MISMATCH', /User\.fax is not in this client/))
  })

  test('a field that the models do not have', () => {
    const scalars = Object.fromEntries(Object.entries(User.scalars).filter(([name]) => name !== 'nickname'))
    expect(mismatch(() => ({ ...others, User: { ...User, scalars } }))).toThrow(
      refusal('MODELS_MISMATCH', /User\.nickname is not in encryptedModels/),
    )
  })

  test('a read-replica extension before it', () => {
    const replicas = createClient({ url: database.url }).prisma.$extends({ client: { $replica: () => null } })
    expect(() => replicas.$extends(kmsEncrypted(base))).toThrow(
      refusal('INVALID_CONFIGURATION', /read-replica/),
    )
  })
})

test('rotateAll needs a model of an extended client', async () => {
  const { prisma, plain } = database.connect()
  expect(await codeOf(rotateAll(plain.user))).toBe('INVALID_CONFIGURATION')
  expect(await codeOf(rotateAll(prisma.org))).toBe('INVALID_CONFIGURATION')
  expect(await codeOf(rotateAll(undefined))).toBe('INVALID_CONFIGURATION')
})
