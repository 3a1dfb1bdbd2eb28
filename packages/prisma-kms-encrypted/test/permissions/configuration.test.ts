/** What the configuration refuses for the sake of the server's mode. */
import { resolveConfiguration } from '../../src/extension/resolve-configuration.js'
import { localKms } from '../../src/providers/local.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { codeOf, errorOf } from '../kms/code-of.js'
import { indexKey, localKeys, plainKeys } from '../support/extended-client.js'

const resolve = (config: object) =>
  resolveConfiguration(
    {
      models: encryptedModels,
      providers: [localKms({ keys: localKeys })],
      keys: plainKeys,
      indexKey,
      ...config,
    },
    {},
  )

test('read-write unless given; every key of an encrypt-only server is fresh', () => {
  expect(resolve({}).mode).toBe('read-write')
  expect(resolve({}).keyFor('User', 'default').freshKeys).toBe(false)
  expect(resolve({ mode: 'encrypt-only' }).keyFor('User', 'default').freshKeys).toBe(true)
})

test.each([
  ['an unknown mode', { mode: 'write-only' }],
  ['exclusive for a model that does not exist', { exclusive: ['Nobody'] }],
  ['exclusive for a model without encrypted fields', { exclusive: ['Org'] }],
  ['freshKeys that is no boolean', { keys: { ...plainKeys, phone: { keyId: 'local/phone', freshKeys: 1 } } }],
])('%s is refused', (_, config) => {
  expect(codeOf(() => resolve(config))).toBe('INVALID_CONFIGURATION')
})

test('an encrypt-only server needs an index key under a KMS key of its own', () => {
  const shared = { indexKey: { ...indexKey, keyId: 'local/app' } }
  const error = errorOf(() => resolve({ mode: 'encrypt-only', ...shared }))
  expect(error).toMatchObject({ code: 'INVALID_CONFIGURATION' })
  expect(error.message).toContain('indexKey')
  expect(resolve({ mode: 'decrypt-only', ...shared }).mode).toBe('decrypt-only')
})
