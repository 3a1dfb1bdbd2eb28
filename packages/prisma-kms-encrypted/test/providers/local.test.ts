import { codeOf, errorOf } from '../kms/code-of.js'
import { createCipheriv, randomBytes } from 'node:crypto'
import { canonicalContextJson } from '../../src/kms/context.js'
import { generateLocalKey, localKms } from '../../src/providers/local.js'
import { providerContract } from '../../src/testing/index.js'

const material = Buffer.alloc(32, 7)
const context = { model_name: 'User', model_id: '42' }

providerContract({
  name: 'local',
  create: () => localKms({ keys: { app: material } }),
  keyId: 'local/app',
  states: {
    missingKey: () => 'local/other',
    wrongLengthKey: (_keyId, keyContext) => {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', material, nonce).setAAD(
        Buffer.from(canonicalContextJson(keyContext)),
      )
      const body = Buffer.concat([cipher.update(randomBytes(16)), cipher.final()])
      return Buffer.concat([Uint8Array.of(1), nonce, body, cipher.getAuthTag()])
    },
  },
  unsupported: {
    disabledKey: 'local keys have no state',
    deniedKey: 'local keys have no permissions',
    slowService: 'no service is asked',
  },
})

test('golden vector: version byte, nonce, ciphertext, tag; AAD is the sorted context', async () => {
  const ciphertext = Buffer.from(
    'AQABAgMEBQYHCAkKCxGI4HkUANBAfrvsletRZfPoNb+HEWt+OB/HarOH3mQMiFXHpnLNBeqW/5S2vCYhPg==',
    'base64',
  )
  const [outcome] = await localKms({ keys: { app: material } }).unwrap(
    'local/app',
    [{ ciphertext, context }],
    {},
  )
  expect(outcome).toEqual({ ok: true, value: Buffer.alloc(32, 9) })
})

test('a key has 61 bytes when wrapped, and another nonce each time', async () => {
  const kms = localKms({ key: generateLocalKey() })
  const item = { plaintext: new Uint8Array(32), context }
  const outcomes = await kms.wrap('local/any', [item, item], {})
  const values = outcomes.map((outcome) => (outcome.ok ? Buffer.from(outcome.value).toString('hex') : ''))
  expect(values[0]).toHaveLength(122)
  expect(values[0]).not.toBe(values[1])
})

test('takes base64 and bytes, and keeps its own copy of the material', async () => {
  const bytes = Uint8Array.from(material)
  const fromBytes = localKms({ keys: { app: bytes } })
  bytes.fill(0)
  const [wrapped] = await fromBytes.wrap('local/app', [{ plaintext: material, context }], {})
  if (wrapped?.ok !== true) throw new Error('not wrapped')
  const fromText = localKms({ keys: { app: material.toString('base64') } })
  const [outcome] = await fromText.unwrap('local/app', [{ ciphertext: wrapped.value, context }], {})
  expect(outcome?.ok).toBe(true)
})

test.each([
  ['neither keys nor key', {}],
  ['both keys and key', { keys: {}, key: generateLocalKey() }],
  ['a short key', { key: new Uint8Array(16) }],
  ['base64 of a short key', { key: 'AAAA' }],
  ['hexadecimal', { key: '07'.repeat(32) }],
  ['base64 with junk', { key: `${generateLocalKey()}\n` }],
  ['an impossible name', { keys: { 'a/b': material } }],
])('refuses %s', (_, options) => {
  expect(codeOf(() => localKms(options))).toBe('INVALID_CONFIGURATION')
})

test('a refused key is not shown', () => {
  const short = randomBytes(30).toString('base64')
  expect(errorOf(() => localKms({ key: short })).message).not.toContain(short)
})
