/**
 * What `KmsEncrypted::Box` of the Ruby gem kms_encrypted 1.x writes, after its `box.rb` and `clients/`: `v<version>:` and
 * strict base64 of what the service's encrypt operation gave for the value itself, under the context with all values
 * made strings.
 */
import { createBox } from '../../src/index.js'
import { codeOf } from '../support/extended-database.js'
import { context, createTestBox } from './box.js'

/** The gem's test client: prefix, strict base64 of the value, and the context's JSON in lines of 60 characters. */
function gemTestBox(value: Buffer, json: string, version = 1): string {
  const lines = Buffer.from(json)
    .toString('base64')
    .replace(/.{1,60}/g, '$&\n')
  const prefix = Buffer.from('insecure+data+A', 'base64')
  const ciphertext = Buffer.concat([prefix, Buffer.from(`:${value.toString('base64')}:${lines}`)])
  return `v${version}:${ciphertext.toString('base64')}`
}

const gem = createBox({ keyId: 'insecure-test-key', legacy: 'kms_encrypted' })

test.each([
  ['hello', { test: '123' }, 'v1:insecure+data+A6YUdWc2JHOD06ZXlKMFpYTjBJam9pTVRJekluMD0K'],
  [
    'Grüße',
    { model_id: '42', model_name: 'User' },
    'v1:insecure+data+A6UjNMRHZNT2ZaUT09OmV5SnRiMlJsYkY5cFpDSTZJalF5SWl3aWJXOWtaV3hmYm1GdFpTSTZJbFZ6WlhJaWZRPT0K',
  ],
])('golden: %s', async (value, gemContext, stored) => {
  expect(gemTestBox(Buffer.from(value), JSON.stringify(gemContext))).toBe(stored)
  expect(await gem.open(stored, { context: gemContext })).toBe(value)
})

test('values of any length open, in the context’s sorted order, and long contexts in lines', async () => {
  const value = 'hello'.repeat(100)
  const pairs = { model_id: '123', model_name: 'User', tenant: 'x'.repeat(80) }
  const stored = gemTestBox(Buffer.from(value), JSON.stringify(pairs))
  const unordered = { tenant: pairs.tenant, model_name: 'User', model_id: '123' }
  expect(await gem.open(stored, { context: unordered })).toBe(value)
})

test('a value that is no text opens as bytes', async () => {
  const value = Buffer.from([0xff, 0xfe, 0x00])
  const stored = gemTestBox(value, '{"a":"1"}')
  expect(await codeOf(gem.open(stored, { context: { a: '1' } }))).toBe('INVALID_VALUE')
  expect((await gem.open(Buffer.from(stored), { context: { a: '1' } })).equals(value)).toBe(true)
})

test('previous versions of the gem are versions here', async () => {
  const versions = { 1: { keyId: 'insecure-test-key' }, 2: { keyId: 'insecure-test-key' } }
  const box = createBox({ current: 2, versions, legacy: 'kms_encrypted' })
  const of = (version: number) => ({ v: String(version) })
  expect(await box.open(gemTestBox(Buffer.from('old'), '{"v":"1"}'), { context: of })).toBe('old')
  expect(await box.open(gemTestBox(Buffer.from('new'), '{"v":"2"}', 2), { context: of })).toBe('new')
  const unknown = gemTestBox(Buffer.from('x'), '{"v":"3"}', 3)
  expect(await codeOf(box.open(unknown, { context: of }))).toBe('UNKNOWN_KEY_VERSION')
})

test('what the gem wrote without a context opens without one, and only that', async () => {
  const prefix = Buffer.from('insecure+data+A', 'base64')
  const ciphertext = Buffer.concat([prefix, Buffer.from(`:${Buffer.from('bare').toString('base64')}`)])
  const stored = `v1:${ciphertext.toString('base64')}`
  expect(stored).toBe('v1:insecure+data+A6WW1GeVpRPT0=')
  expect(await gem.open(stored, { context: null })).toBe('bare')
  expect(await codeOf(gem.open(stored, { context: { a: '1' } }))).toBe('DECRYPTION_FAILED')
  const bound = gemTestBox(Buffer.from('bound'), '{"a":"1"}')
  expect(await codeOf(gem.open(bound, { context: null }))).toBe('DECRYPTION_FAILED')
  const sealed = await gem.seal('ours', { context })
  expect(await codeOf(gem.open(sealed, { context: null }))).toBe('INVALID_CONTEXT')
  expect(await codeOf(gem.seal('ours', { context: null as never }))).toBe('INVALID_CONTEXT')
})

test('another context, and another form, are refused', async () => {
  const stored = gemTestBox(Buffer.from('secret'), '{"a":"1"}')
  expect(await codeOf(gem.open(stored, { context: { a: '2' } }))).toBe('DECRYPTION_FAILED')
  for (const other of ['v1:', 'v0:AAAA', 'v1:AAA', 'v1:!!!!', `${stored}\n`, 'v1', 'v1:AAAA v2:AAAA'])
    expect(await codeOf(gem.open(other, { context: { a: '1' } }))).toMatch(
      /^(INVALID_CIPHERTEXT|DECRYPTION_FAILED)$/,
    )
})

test('it is opened only when asked for: a record’s key column has the same form', async () => {
  const box = createBox({ keyId: 'insecure-test-key' })
  const stored = gemTestBox(Buffer.alloc(32, 1), '{"model_id":"1","model_name":"User"}')
  const record = { model_id: '1', model_name: 'User' }
  for (const given of [stored, Buffer.from(stored)])
    expect(await codeOf(box.open(given as string, { context: record }))).toBe('INVALID_CIPHERTEXT')
})

test('what this library seals opens beside what the gem wrote', async () => {
  const sealed = await gem.seal('new', { context })
  expect(sealed).toMatch(/^S0IB/)
  expect(await gem.open(sealed, { context })).toBe('new')
  expect(await codeOf(createTestBox().box.open(sealed, { context }))).toBe('DECRYPTION_FAILED')
})
