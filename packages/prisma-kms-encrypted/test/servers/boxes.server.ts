/**
 * Boxes at key services that others wrote: ours, values and streams, and those that the Ruby gem kms_encrypted's `Box`
 * writes, made here by the requests that its clients send (`clients/aws.rb`, `google.rb`, `vault.rb`).
 */
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { KMSClient } from '@aws-sdk/client-kms'
import { createBox, type Box } from '../../src/index.js'
import type { KmsProvider } from '../../src/kms/provider.js'
import { awsKms } from '../../src/providers/aws.js'
import { gcpKms } from '../../src/providers/gcp.js'
import { vaultTransit } from '../../src/providers/vault.js'
import { codeOf } from '../support/extended-database.js'
import { createKey, createTestClient, encryptRaw } from './aws-keys.js'
import { startGoogleKms, type GoogleKms } from './google-kms.js'
import { openBaoAt } from './openbao.js'

const bao = openBaoAt(process.env['TEST_OPENBAO'] ?? '')
const context = { model_id: '42', model_name: 'User' }
let aws: KMSClient
let google: GoogleKms
let mount = ''
let awsKeyId = ''

beforeAll(async () => {
  aws = createTestClient(process.env['TEST_MOTO'] ?? '')
  awsKeyId = await createKey(aws)
  google = await startGoogleKms()
  mount = await bao.mountTransit()
  await bao.root.write(`${mount}/keys/box`, { derived: true })
})
afterAll(async () => {
  aws.destroy()
  await google.stop()
  await bao.root.delete(`sys/mounts/${mount}`)
})

interface Service {
  readonly provider: () => KmsProvider
  readonly keyId: () => string
  /** What the gem's client gets for a value and a context, whose JSON has sorted names. */
  readonly gemEncrypt: (value: Buffer, pairs: Readonly<Record<string, string>>) => Promise<Uint8Array>
}

/** Ruby's `Base64.encode64`: a newline after every 60 characters and at the end. */
const encode64 = (bytes: Buffer) => bytes.toString('base64').replace(/.{1,60}/g, '$&\n')

const services: Readonly<Record<string, Service>> = {
  'AWS KMS (moto)': {
    provider: () => awsKms({ client: aws }),
    keyId: () => awsKeyId,
    gemEncrypt: (value, pairs) => encryptRaw(aws, awsKeyId, value, pairs),
  },
  'Vault (OpenBao)': {
    provider: () => vaultTransit({ address: bao.address, token: 'root', mount }),
    keyId: () => 'vault/box',
    gemEncrypt: async (value, pairs) => {
      // The client's answers have no type.
      const { data } = (await bao.root.write(`${mount}/encrypt/box`, {
        plaintext: encode64(value),
        context: encode64(Buffer.from(JSON.stringify(pairs))),
      })) as { data: { ciphertext: string } }
      return Buffer.from(data.ciphertext)
    },
  },
  'Google Cloud KMS (fake-cloud-kms, or our stub)': {
    provider: () => gcpKms({ client: google.client }),
    keyId: () => google.keyId,
    gemEncrypt: async (value, pairs) => {
      const [answer] = await google.client.encrypt({
        name: google.keyId,
        plaintext: value,
        additionalAuthenticatedData: Buffer.from(JSON.stringify(pairs)),
      })
      return Buffer.from(answer.ciphertext ?? '')
    },
  },
}

const boxAt = ({ provider, keyId }: Service): Box =>
  createBox({ keyId: keyId(), providers: [provider()], legacy: 'kms_encrypted' })

describe.each(Object.entries(services))('%s', (_, service) => {
  test('texts, bytes and streams come back under their context only', async () => {
    const box = boxAt(service)
    const value = randomBytes(200_000)
    const text = await box.seal('Grüße', { context })
    const bytes = await box.seal(value, { context })
    const streamed = await buffer(Readable.from([value]).pipe(box.sealStream({ context })))

    expect(await box.open(text, { context })).toBe('Grüße')
    expect((await box.open(streamed, { context })).equals(value)).toBe(true)
    const opened = await buffer(Readable.from([bytes]).pipe(box.openStream({ context })))
    expect(opened.equals(value)).toBe(true)
    const other = { context: { ...context, model_id: '43' } }
    expect(await codeOf(box.open(text, other))).toBe('DECRYPTION_FAILED')
    expect(await codeOf(box.open(bytes, other))).toBe('DECRYPTION_FAILED')
  })

  test.each(['x', 'hello'.repeat(100), 'Grüße '.repeat(50)])(
    'what the gem’s box wrote opens (%#)',
    async (value) => {
      const ciphertext = await service.gemEncrypt(Buffer.from(value), context)
      const stored = `v1:${Buffer.from(ciphertext).toString('base64')}`
      const box = boxAt(service)
      expect(await box.open(stored, { context: { model_name: 'User', model_id: '42' } })).toBe(value)
      expect(await codeOf(box.open(stored, { context: { ...context, model_id: '43' } }))).toBe(
        'DECRYPTION_FAILED',
      )
      const strict = createBox({ keyId: service.keyId(), providers: [service.provider()] })
      expect(await codeOf(strict.open(stored, { context }))).toBe('INVALID_CIPHERTEXT')
    },
  )

  test('a value of the gem never passes for a data key, whatever its length', async () => {
    const ciphertext = await service.gemEncrypt(Buffer.from('short'), context)
    const [outcome] = await service.provider().unwrap(service.keyId(), [{ ciphertext, context }], {})
    expect(outcome).toMatchObject({ ok: false, error: { code: 'KMS_INVALID_CIPHERTEXT' } })
  })
})

test('what the gem’s box wrote without a context opens without one', async () => {
  const { data } = await (async () => {
    await bao.root.write(`${mount}/keys/bare`, {})
    const answer = await bao.root.write(`${mount}/encrypt/bare`, { plaintext: encode64(Buffer.from('bare')) })
    return answer as { data: { ciphertext: string } } // the client's answers have no type
  })()
  const [atGoogle] = await google.client.encrypt({ name: google.keyId, plaintext: Buffer.from('bare') })
  const atAws = await encryptRaw(aws, awsKeyId, Buffer.from('bare'), {})
  const lenient = vaultTransit({ address: bao.address, token: 'root', mount, allowUnderived: true })
  const stored: [KmsProvider, string, Uint8Array][] = [
    [awsKms({ client: aws }), awsKeyId, atAws],
    [gcpKms({ client: google.client }), google.keyId, Buffer.from(atGoogle.ciphertext ?? '')],
    [lenient, 'vault/bare', Buffer.from(data.ciphertext)],
  ]
  for (const [provider, keyId, ciphertext] of stored) {
    const box = createBox({ keyId, providers: [provider], legacy: 'kms_encrypted' })
    const text = `v1:${Buffer.from(ciphertext).toString('base64')}`
    expect(await box.open(text, { context: null })).toBe('bare')
    if (provider !== lenient) expect(await codeOf(box.open(text, { context }))).toBe('DECRYPTION_FAILED')
  }
})

test('a box moves from service to service by its versions', async () => {
  const [first, second] = Object.values(services)
  if (!first || !second) throw new Error('two services are needed')
  const providers = [first.provider(), second.provider()]
  const versions = { 1: { keyId: first.keyId() }, 2: { keyId: second.keyId() } }
  const before = createBox({ current: 1, versions, providers })
  const after = createBox({ current: 2, versions, providers })
  const old = await before.seal('old', { context })
  const fresh = await after.seal('new', { context })
  expect(await Promise.all([after.open(old, { context }), before.open(fresh, { context })])).toEqual([
    'old',
    'new',
  ])
})
