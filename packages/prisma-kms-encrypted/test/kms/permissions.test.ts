import { randomBytes } from 'node:crypto'
import { withPermissions, type Mode } from '../../src/kms/permissions.js'
import { generateLocalKey, localKms } from '../../src/providers/local.js'
import { countingKms } from '../../src/testing/index.js'

const context = { model_name: 'User', model_id: '1' }

function permitted(mode: Mode) {
  const service = countingKms(localKms({ key: generateLocalKey() }))
  return { service, provider: withPermissions(service, mode) }
}

test('a read-write provider is the provider itself', () => {
  const { service, provider } = permitted('read-write')
  expect(provider).toBe(service)
})

test('encrypt-only wraps, and never sends an unwrap', async () => {
  const { service, provider } = permitted('encrypt-only')
  const [wrapped] = await provider.wrap('local/app', [{ plaintext: randomBytes(32), context }], {})
  expect(wrapped?.ok).toBe(true)
  const ciphertext = wrapped?.ok ? wrapped.value : Buffer.alloc(0)
  await expect(provider.unwrap('local/app', [{ ciphertext, context }], {})).rejects.toMatchObject({
    code: 'DECRYPT_NOT_PERMITTED',
  })
  expect(service.log.map(({ operation }) => operation)).toEqual(['wrap'])
})

test('decrypt-only unwraps, and never sends a wrap', async () => {
  const { service, provider } = permitted('decrypt-only')
  const plaintext = randomBytes(32)
  const [wrapped] = await service.wrap('local/app', [{ plaintext, context }], {})
  const ciphertext = wrapped?.ok ? wrapped.value : Buffer.alloc(0)
  const [opened] = await provider.unwrap('local/app', [{ ciphertext, context }], {})
  expect(opened).toEqual({ ok: true, value: new Uint8Array(plaintext) })
  await expect(provider.wrap('local/app', [{ plaintext, context }], {})).rejects.toMatchObject({
    code: 'ENCRYPT_NOT_PERMITTED',
  })
  expect(service.log.map(({ operation }) => operation)).toEqual(['wrap', 'unwrap'])
})

test.each(['encrypt-only', 'decrypt-only'] as const)(
  '%s passes on the service’s own rewrap',
  async (mode) => {
    const value = randomBytes(32)
    const rewrap = () => Promise.resolve([{ ok: true, value } as const])
    const provider = withPermissions({ ...permitted(mode).service, rewrap }, mode)
    expect(await provider.rewrap?.('local/app', [{ ciphertext: value, context }], {})).toEqual([
      { ok: true, value },
    ])
  },
)
