import { codeOf } from '../kms/code-of.js'
import { createProviderRegistry } from '../../src/kms/registry.js'
import { defaultProviders } from '../../src/providers/defaults.js'
import { generateLocalKey } from '../../src/providers/local.js'

const item = { plaintext: new Uint8Array(32), context: { a: 'b' } }

afterEach(() => {
  process.env['NODE_ENV'] = 'test'
})

test('local/<name> takes its key from KMS_LOCAL_KEY, whatever the name', async () => {
  const registry = createProviderRegistry([], defaultProviders({ KMS_LOCAL_KEY: generateLocalKey() }))
  const [outcome] = await registry.resolve('local/app').wrap('local/app', [item], {})
  expect(outcome?.ok).toBe(true)
})

test('local/<name> without KMS_LOCAL_KEY is refused at configuration', () => {
  expect(codeOf(() => createProviderRegistry([], defaultProviders({})).resolve('local/app'))).toBe(
    'INVALID_CONFIGURATION',
  )
})

test('the test provider is refused at configuration under NODE_ENV=production', () => {
  const registry = createProviderRegistry([], defaultProviders({}))
  expect(registry.resolve('insecure-test-key').name).toBe('test')
  process.env['NODE_ENV'] = 'production'
  expect(codeOf(() => registry.resolve('insecure-test-key'))).toBe('INVALID_CONFIGURATION')
})

test('each default provider has exactly the optional methods that the table says', async () => {
  for (const [name, entry] of Object.entries(defaultProviders({ KMS_LOCAL_KEY: generateLocalKey() }))) {
    const provider = await entry.load()
    expect(provider.name).toBe(name)
    const methods = (['rewrap', 'describeKey', 'contextHash'] as const).filter((method) => method in provider)
    expect(methods).toEqual([...entry.offers])
  }
})
