import { codeOf } from './code-of.js'
import type { KmsProvider } from '../../src/kms/provider.js'
import { createProviderRegistry } from '../../src/kms/registry.js'
import type { DefaultProvider } from '../../src/kms/registry.js'

const fakeProvider = (name: string, accepts: (keyId: string) => boolean): KmsProvider => ({
  name,
  accepts,
  wrap: (_keyId, items) => Promise.resolve(items.map(() => ({ ok: true, value: Uint8Array.of(1) }))),
  unwrap: (_keyId, items) => Promise.resolve(items.map(() => ({ ok: true, value: Uint8Array.of(2) }))),
  rewrap: (_keyId, items) => Promise.resolve(items.map(() => ({ ok: true, value: Uint8Array.of(3) }))),
})
const item = { plaintext: new Uint8Array(32), ciphertext: new Uint8Array(1), context: { a: 'b' } }

test('a given provider that accepts the key id wins over the default one', () => {
  const own = fakeProvider('mine', (keyId) => keyId === 'alias/app' || keyId === 'odd form')
  const neverLoaded = { offers: [], load: () => Promise.reject(new Error('loaded')) }
  const registry = createProviderRegistry([own], { aws: neverLoaded })
  expect(registry.resolve('alias/app')).toBe(own)
  expect(registry.resolve('odd form')).toBe(own)
  expect(registry.resolve('alias/other').name).toBe('aws')
})

test('a default provider is loaded once, on first use, and keeps what it offers', async () => {
  const loaded = fakeProvider('aws', () => true)
  let loads = 0
  const load = () => {
    loads += 1
    return Promise.resolve(loaded)
  }
  const registry = createProviderRegistry([], { aws: { offers: ['rewrap'], load } })
  const lazy = registry.resolve('alias/a')
  expect(registry.resolve('alias/b')).toBe(lazy)
  expect(lazy.accepts('alias/c')).toBe(true)
  expect(lazy.accepts('vault/c')).toBe(false)
  expect(lazy.accepts('what')).toBe(false)
  expect('describeKey' in lazy).toBe(false)
  expect(loads).toBe(0)
  const [wrapped] = await Promise.all([lazy.wrap('alias/a', [item], {}), lazy.unwrap('alias/a', [item], {})])
  expect(wrapped).toEqual([{ ok: true, value: Uint8Array.of(1) }])
  expect(await lazy.rewrap?.('alias/a', [item], {})).toEqual([{ ok: true, value: Uint8Array.of(3) }])
  expect(loads).toBe(1)
})

test('a failed load is reported and tried again', async () => {
  let loads = 0
  const load = () =>
    loads++ === 0 ? Promise.reject(new Error('no SDK')) : Promise.resolve(fakeProvider('aws', () => true))
  const lazy = createProviderRegistry([], { aws: { offers: [], load } }).resolve('alias/a')
  await expect(lazy.wrap('alias/a', [item], {})).rejects.toThrow('no SDK')
  await expect(lazy.wrap('alias/a', [item], {})).resolves.toHaveLength(1)
})

test('an unknown form, and a form without a provider, are refused', () => {
  const registry = createProviderRegistry([], {})
  expect(codeOf(() => registry.resolve('what'))).toBe('UNKNOWN_KEY_ID')
  expect(codeOf(() => registry.resolve('alias/a'))).toBe('INVALID_CONFIGURATION')
})

test('two given providers for one key id are refused', () => {
  const both = [fakeProvider('a', () => true), fakeProvider('b', () => true)]
  expect(codeOf(() => createProviderRegistry(both, {}).resolve('alias/a'))).toBe('INVALID_CONFIGURATION')
})

test('a key id that the given provider of its name does not accept never falls back to the environment', () => {
  const entry: DefaultProvider = { offers: [], load: () => Promise.reject(new Error('loaded')) }
  const registry = createProviderRegistry([fakeProvider('aws', () => false)], { aws: entry })
  expect(codeOf(() => registry.resolve('alias/a'))).toBe('INVALID_CONFIGURATION')
})

test('the check of a default provider runs when a key id is resolved', () => {
  const check = () => {
    throw new Error('refused')
  }
  const entry: DefaultProvider = { offers: [], check, load: () => Promise.reject(new Error('loaded')) }
  expect(() => createProviderRegistry([], { test: entry }).resolve('insecure-test-key')).toThrow('refused')
})
