import { readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vaultTransit } from '../../src/providers/vault.js'
import { providerContract } from '../../src/testing/index.js'
import { startKmsProxy, type KmsProxy } from './kms-proxy.js'
import { openBaoAt } from './openbao.js'

const address = process.env['TEST_OPENBAO'] ?? ''
const { root, mountTransit, createToken } = openBaoAt(address)
const auditLog = join(tmpdir(), `openbao-audit-${process.pid}.log`)
const context = { model_name: 'User', model_id: '42' }
const item = { plaintext: Buffer.alloc(32, 7), context }

let slow: KmsProxy

beforeAll(async () => {
  await mountTransit('transit')
  await mountTransit('team/transit')
  for (const key of ['transit/keys/app', 'team/transit/keys/app']) await root.write(key, { derived: true })
  await root.write('transit/keys/underived', {})
  await root.delete('sys/audit/file').catch(() => undefined) // left by an earlier run
  await root.write('sys/audit/file', { type: 'file', options: { file_path: auditLog, mode: '0644' } })
  slow = await startKmsProxy(address)
  slow.delayMs = 600
})

afterAll(async () => {
  await slow.stop()
  await root.delete('sys/audit/file')
  await rm(auditLog, { force: true })
})

const tokenWith = async (policy: string): Promise<string> => (await createToken(policy)).token
const create = () => vaultTransit({ address, token: 'root' })

providerContract({
  name: 'vault (OpenBao)',
  create,
  keyId: 'vault/app',
  states: {
    missingKey: () => 'vault/missing',
    deniedKey: async () => ({
      provider: vaultTransit({
        address,
        token: await tokenWith('path "transit/keys/app" { capabilities = ["read"] }'),
      }),
      keyId: 'vault/app',
    }),
    wrongLengthKey: async (_, keyContext) => {
      const json = JSON.stringify(keyContext, Object.keys(keyContext).sort())
      const { data } = (await root.write('transit/encrypt/app', {
        plaintext: Buffer.alloc(16).toString('base64'),
        context: Buffer.from(json).toString('base64'),
      })) as { data: { ciphertext: string } }
      return Buffer.from(data.ciphertext)
    },
    slowService: () => vaultTransit({ address: slow.url, token: 'root', allowUnderived: true }),
  },
  unsupported: { disabledKey: 'transit keys cannot be disabled' },
})

test('a key that is not derived is refused, unless told otherwise', async () => {
  await expect(create().wrap('vault/underived', [item], {})).rejects.toMatchObject({
    code: 'INVALID_CONFIGURATION',
  })
  const lenient = vaultTransit({ address, token: 'root', allowUnderived: true })
  expect(await lenient.wrap('vault/underived', [item], {})).toMatchObject([{ ok: true }])
})

test('a token that may encrypt but not read the key is told what is missing', async () => {
  const policy = 'path "transit/encrypt/app" { capabilities = ["update"] }'
  const token = await tokenWith(policy)
  const [outcome] = await vaultTransit({ address, token }).wrap('vault/app', [item], {})
  expect(outcome).toMatchObject({ ok: false, error: { code: 'KMS_ACCESS_DENIED' } })
  expect(String(outcome?.ok === false && outcome.error)).toContain('transit/keys/app')
  const told = vaultTransit({ address, token, allowUnderived: true })
  expect(await told.wrap('vault/app', [item], {})).toMatchObject([{ ok: true }])
})

test('wrapped keys carry the version; rewrap moves to the newest', async () => {
  const kms = create()
  const [wrapped] = await kms.wrap('vault/app', [item], {})
  if (wrapped?.ok !== true) throw new Error('not wrapped')
  expect(Buffer.from(wrapped.value).toString()).toMatch(/^vault:v1:/)
  await root.write('transit/keys/app/rotate', {})
  const [rewrapped] = (await kms.rewrap?.('vault/app', [{ ciphertext: wrapped.value, context }], {})) ?? []
  if (rewrapped?.ok !== true) throw new Error('not rewrapped')
  expect(Buffer.from(rewrapped.value).toString()).toMatch(/^vault:v2:/)
  const description = await kms.describeKey?.('vault/app')
  expect(description).toMatchObject({ enabled: true, derived: true, automaticRotation: false })
  expect(description?.lastRotation).toBeInstanceOf(Date)

  await root.write('transit/keys/app/config', { min_decryption_version: 2 })
  const [old] = await kms.unwrap('vault/app', [{ ciphertext: wrapped.value, context }], {})
  expect(old).toMatchObject({ ok: false, error: { code: 'KMS_KEY_DISABLED' } })
  await root.write('transit/keys/app/config', { min_decryption_version: 1 })
})

test('the context hash finds the record in the audit log, and the log shows no context', async () => {
  const kms = create()
  const own = { model_name: 'User', model_id: 'audited-4711' }
  await kms.wrap('vault/app', [{ ...item, context: own }], {})
  const hash = await kms.contextHash?.(own, 'file')
  const log = await readFile(auditLog, 'utf8')
  expect(hash).toMatch(/^hmac-sha256:/)
  expect(log).toContain(hash)
  expect(log).not.toContain('audited-4711')
  await expect(kms.contextHash?.(own, '../sys/raw')).rejects.toMatchObject({ code: 'INVALID_CONFIGURATION' })
})

test('another mount is another key', async () => {
  const team = vaultTransit({ address, token: 'root', mount: 'team/transit' })
  const [wrapped] = await team.wrap('vault/app', [item], {})
  if (wrapped?.ok !== true) throw new Error('not wrapped')
  const [outcome] = await create().unwrap('vault/app', [{ ciphertext: wrapped.value, context }], {})
  expect(outcome).toMatchObject({ ok: false, error: { code: 'KMS_INVALID_CIPHERTEXT' } })
})

test('address and token come from the environment', async () => {
  process.env['VAULT_ADDR'] = address
  process.env['VAULT_TOKEN'] = 'root'
  expect(await vaultTransit().wrap('vault/app', [item], {})).toMatchObject([{ ok: true }])
  delete process.env['VAULT_ADDR']
  await expect(vaultTransit().wrap('vault/app', [item], {})).rejects.toMatchObject({
    code: 'INVALID_CONFIGURATION',
  })
})
