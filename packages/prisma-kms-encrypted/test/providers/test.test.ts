import { codeOf } from '../kms/code-of.js'
import { insecureTestKms, providerContract } from '../../src/testing/index.js'

const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64')
const key = Buffer.alloc(32, 7)
const context = { model_name: 'User', model_id: '42' }

afterEach(() => {
  process.env['NODE_ENV'] = 'test'
})

providerContract({
  name: 'test',
  create: insecureTestKms,
  keyId: 'insecure-test-key',
  states: {
    deniedKey: () => ({
      provider: insecureTestKms(),
      keyId: 'insecure-test-key/encrypt',
      operations: ['unwrap'],
    }),
    wrongLengthKey: (_keyId, keyContext) => {
      const json = JSON.stringify(keyContext, Object.keys(keyContext).sort())
      const parts = [key.subarray(5).toString('base64'), bytes(btoa(json)).toString('base64') + '\n']
      return Buffer.concat([bytes('insecure+data+A'), Buffer.from(`:${parts.join(':')}`)])
    },
  },
  unsupported: {
    missingKey: 'it has only its own two key ids',
    disabledKey: 'its keys have no state',
    slowService: 'no service is asked',
  },
})

/** As the Ruby gem kms_encrypted writes it: names sorted, context in MIME base64 with a newline every 60 characters. */
const golden =
  'insecure+data+A6QndjSEJ3Y0hCd2NIQndjSEJ3Y0hCd2NIQndjSEJ3Y0hCd2NIQndjSEJ3Yz06ZXlKdGIyUmxiRjlwWkNJNklqUXlJaXdpYlc5a1pXeGZibUZ0WlNJNklsVnpaWElpZlE9PQo='

test('golden vector', async () => {
  const [wrapped] = await insecureTestKms().wrap('insecure-test-key', [{ plaintext: key, context }], {})
  if (wrapped?.ok !== true) throw new Error('not wrapped')
  expect(Buffer.from(wrapped.value).toString('base64')).toBe(golden)
  expect(Buffer.from(wrapped.value).subarray(11).toString()).toBe(
    `:${key.toString('base64')}:${Buffer.from('{"model_id":"42","model_name":"User"}').toString('base64')}\n`,
  )
  const [outcome] = await insecureTestKms().unwrap(
    'insecure-test-key',
    [{ ciphertext: bytes(golden), context }],
    {},
  )
  expect(outcome).toEqual({ ok: true, value: key })
})

test('a long context is broken into lines of 60 characters', async () => {
  const long = { model_name: 'A'.repeat(40), model_id: 'b'.repeat(40) }
  const [wrapped] = await insecureTestKms().wrap('insecure-test-key', [{ plaintext: key, context: long }], {})
  if (wrapped?.ok !== true) throw new Error('not wrapped')
  const lines = (Buffer.from(wrapped.value).subarray(12).toString().split(':')[1] ?? '').split('\n')
  expect(lines.map((line) => line.length)).toEqual([60, 60, 28, 0])
})

test('insecure-test-key/encrypt wraps what insecure-test-key unwraps', async () => {
  const kms = insecureTestKms()
  const [wrapped] = await kms.wrap('insecure-test-key/encrypt', [{ plaintext: key, context }], {})
  expect(wrapped).toMatchObject({ ok: true, value: bytes(golden) })
})

test('is refused under NODE_ENV=production, also when it was made before', async () => {
  const kms = insecureTestKms()
  process.env['NODE_ENV'] = 'production'
  expect(codeOf(insecureTestKms)).toBe('INVALID_CONFIGURATION')
  await expect(kms.wrap('insecure-test-key', [], {})).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' })
})
