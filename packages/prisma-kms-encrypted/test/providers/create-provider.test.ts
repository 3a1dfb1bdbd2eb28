import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from '../kms/code-of.js'
import { shortForm } from '../kms/fake-provider.js'
import { canonicalContextJson } from '../../src/kms/context.js'
import { createKmsProvider } from '../../src/providers/create-provider.js'
import type { KmsProviderOptions } from '../../src/providers/create-provider.js'
import { providerContract } from '../../src/testing/index.js'

const material = randomBytes(32)
const context = { model_name: 'User', model_id: '42' }
const item = { plaintext: Buffer.alloc(32, 7), context }

function seal(plaintext: Uint8Array, aad: Uint8Array): Uint8Array {
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', material, nonce).setAAD(aad)
  return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}

function open(sealed: Uint8Array, aad: Uint8Array): Uint8Array {
  const decipher = createDecipheriv('aes-256-gcm', material, sealed.subarray(0, 12), { authTagLength: 16 })
  decipher.setAAD(aad).setAuthTag(sealed.subarray(-16))
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()])
}

const options: KmsProviderOptions = {
  name: 'own',
  accepts: (keyId) => keyId.startsWith('own/'),
  encrypt: ({ keyId, bytes, contextBytes }) =>
    keyId === 'own/app' ? Promise.resolve(seal(bytes, contextBytes)) : Promise.reject(new Error(keyId)),
  decrypt: async ({ keyId, bytes, contextBytes }) => {
    await Promise.resolve() // what follows rejects
    if (keyId !== 'own/app') throw new Error(keyId)
    return open(bytes, contextBytes)
  },
  codeOf: (error) => {
    const { message } = error as Error // nothing else is thrown here
    if (message === 'own/missing') return 'KMS_KEY_NOT_FOUND'
    if (message === 'own/disabled') return 'KMS_KEY_DISABLED'
    return message === 'own/denied' ? 'KMS_ACCESS_DENIED' : 'KMS_INVALID_CIPHERTEXT'
  },
}
const create = (changes: Partial<KmsProviderOptions> = {}) => createKmsProvider({ ...options, ...changes })

providerContract({
  name: 'createKmsProvider',
  create,
  keyId: 'own/app',
  states: {
    missingKey: () => 'own/missing',
    disabledKey: () => 'own/disabled',
    deniedKey: () => ({ provider: create(), keyId: 'own/denied' }),
    wrongLengthKey: (_, pairs) => seal(randomBytes(16), Buffer.from(canonicalContextJson(pairs))),
    slowService: () =>
      create({
        encrypt: async (request) => {
          await sleep(600, undefined, { signal: request.signal })
          return options.encrypt(request)
        },
      }),
  },
  unsupported: {},
})

test('at most so many requests are under way as were allowed', async () => {
  let underWay = 0
  let peak = 0
  const kms = create({
    concurrency: 3,
    encrypt: async (request) => {
      underWay += 1
      peak = Math.max(peak, underWay)
      await sleep(1)
      underWay -= 1
      return options.encrypt(request)
    },
  })
  await kms.wrap(
    'own/app',
    Array.from({ length: 20 }, () => item),
    {},
  )
  expect(peak).toBe(3)
})

test('an error of the client goes no further, whatever codeOf makes of it', async () => {
  const encrypt = ({ bytes }: { bytes: Uint8Array }) =>
    Promise.reject(Object.assign(new Error('failed'), { request: Buffer.from(bytes).toString('hex') }))
  const codes = [
    () => 'KMS_THROTTLED' as const,
    () => undefined,
    () => 'NO_SUCH_CODE' as never,
    () => {
      throw new Error(item.plaintext.toString('hex'))
    },
  ]
  const outcomes = await Promise.all(
    codes.map(async (code) => (await create({ encrypt, codeOf: code }).wrap('own/app', [item], {}))[0]),
  )
  expect(outcomes.map((outcome) => outcome && shortForm(outcome))).toEqual([
    'KMS_THROTTLED',
    'KMS_UNAVAILABLE',
    'KMS_UNAVAILABLE',
    'KMS_UNAVAILABLE',
  ])
  expect(inspect(outcomes, { depth: 10, showHidden: true })).not.toContain(item.plaintext.toString('hex'))
})

test.each([
  ['nothing', undefined],
  ['text', 'AAAA'],
  ['no bytes', new Uint8Array()],
])('an answer of %s is no answer', async (_, answer) => {
  const kms = create({ encrypt: () => Promise.resolve(answer as never) })
  expect((await kms.wrap('own/app', [item], {})).map(shortForm)).toEqual(['KMS_INVALID_RESPONSE'])
})

test.each([
  ['no name', { name: '' }],
  ['an operation that is no function', { decrypt: 'decrypt' }],
  ['an unknown option', { timeoutMs: 5 }],
  ['no concurrency', { concurrency: 0 }],
])('refuses %s', (_, changes) => {
  expect(codeOf(() => create(changes as never))).toBe('INVALID_CONFIGURATION')
})
