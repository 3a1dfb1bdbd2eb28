import { inspect } from 'node:util'
import { createBox, type BoxConfig, type KmsEvent } from '../../src/index.js'
import { codeOf } from '../support/extended-database.js'
import { bytes, context, createTestBox } from './box.js'

test.each(['', 'a', 'Grüße 😀\u0000', 'x'.repeat(200_000)])(
  'a text comes back as text (%#)',
  async (text) => {
    const { box } = createTestBox()
    const sealed = await box.seal(text, { context })
    expect(sealed).toMatch(/^S0IB[A-Za-z0-9+/]+={0,2}$/)
    expect(await box.open(sealed, { context })).toBe(text)
  },
)

test.each([0, 1, 65_536, 300_000])('%i bytes come back as bytes of their own', async (length) => {
  const { box } = createTestBox()
  const value = bytes(length)
  const before = Buffer.from(value)
  const sealed = await box.seal(value, { context })
  expect(value.equals(before)).toBe(true)
  const opened = await box.open(sealed, { context })
  expect(opened.equals(value)).toBe(true)
  opened.fill(0)
  expect((await box.open(sealed, { context })).equals(value)).toBe(true)
})

test('each seal costs one wrap, each open one unwrap, and concurrent ones share a batch', async () => {
  const { box, kms } = createTestBox()
  const sealed = await Promise.all(['a', 'b', 'c'].map((text) => box.seal(text, { context })))
  expect(kms.counts.wrap).toEqual({ calls: 1, items: 3 })
  expect(new Set(sealed).size).toBe(3)
  await Promise.all(sealed.map((text) => box.open(text, { context })))
  expect(kms.counts.unwrap).toEqual({ calls: 1, items: 3 })
})

test('the same text twice has nothing in common', async () => {
  const { box } = createTestBox()
  const [one, two] = [await box.seal('same', { context }), await box.seal('same', { context })]
  expect(one.slice(-40)).not.toBe(two.slice(-40))
})

test.each<[string, Record<string, string>]>([
  ['another value', { purpose: 'export', user: '43' }],
  ['a pair less', { purpose: 'export' }],
  ['a pair more', { ...context, extra: '1' }],
  ['values exchanged', { purpose: '42', user: 'export' }],
])('a box does not open under %s', async (_, other) => {
  const { box } = createTestBox()
  const sealed = await box.seal('secret', { context })
  expect(await codeOf(box.open(sealed, { context: other }))).toBe('DECRYPTION_FAILED')
})

test('the order of the pairs does not matter', async () => {
  const { box } = createTestBox()
  const sealed = await box.seal('secret', { context: { user: '42', purpose: 'export' } })
  expect(await box.open(sealed, { context })).toBe('secret')
})

test('the context holds even where the key service ignores it', async () => {
  const ignoring = {
    name: 'mine',
    accepts: (keyId: string) => keyId === 'mine',
    wrap: (_: string, items: readonly { plaintext: Uint8Array }[]) =>
      Promise.resolve(
        items.map(({ plaintext }) => ({ ok: true as const, value: Uint8Array.from(plaintext) })),
      ),
    unwrap: (_: string, items: readonly { ciphertext: Uint8Array }[]) =>
      Promise.resolve(
        items.map(({ ciphertext }) => ({ ok: true as const, value: Uint8Array.from(ciphertext) })),
      ),
  }
  const box = createBox({ keyId: 'mine', providers: [ignoring] })
  const sealed = await box.seal('secret', { context })
  expect(await box.open(sealed, { context })).toBe('secret')
  expect(await codeOf(box.open(sealed, { context: { ...context, user: '43' } }))).toBe('DECRYPTION_FAILED')
})

test.each<[string, unknown]>([
  ['none', {}],
  ['no strings', { user: 42 }],
  ['an empty value', { user: '' }],
  ['nine pairs', Object.fromEntries(Array.from('abcdefghi', (name) => [name, '1']))],
  ['nothing', undefined],
])('a context of %s is refused before anything is asked', async (_, other) => {
  const { box, kms } = createTestBox()
  expect(await codeOf(box.seal('secret', { context: other as never }))).toBe('INVALID_CONTEXT')
  const sealed = await box.seal('secret', { context })
  kms.reset()
  expect(await codeOf(box.open(sealed, { context: other as never }))).toBe('INVALID_CONTEXT')
  expect(kms.totalCalls).toBe(0)
})

test('every byte of a box is protected', async () => {
  const { box } = createTestBox()
  const sealed = await box.seal(bytes(20), { context })
  for (let offset = 0; offset < sealed.length; offset += 1) {
    const changed = Buffer.from(sealed)
    changed[offset] = (changed[offset] ?? 0) ^ 0x10
    expect(await codeOf(box.open(changed, { context }))).toMatch(
      /^(DECRYPTION_FAILED|INVALID_CIPHERTEXT|UNKNOWN_KEY_VERSION)$/,
    )
  }
  for (let length = 0; length < sealed.length; length += 1)
    expect(await codeOf(box.open(sealed.subarray(0, length), { context }))).toMatch(
      /^(DECRYPTION_FAILED|INVALID_CIPHERTEXT)$/,
    )
})

test('parts of two boxes do not make a third', async () => {
  const { box } = createTestBox()
  const [one, two] = [await box.seal(bytes(20), { context }), await box.seal(bytes(20), { context })]
  const mixed = Buffer.concat([one.subarray(0, -36), two.subarray(-36)])
  expect(await codeOf(box.open(mixed, { context }))).toBe('DECRYPTION_FAILED')
})

test('a text is no bytes and bytes are no text, though both are base64 of a box', async () => {
  const { box } = createTestBox()
  const text = await box.seal('secret', { context })
  const raw = await box.seal(Buffer.from('secret'), { context })
  expect(await codeOf(box.open(Buffer.from(text, 'base64'), { context }))).toBe('INVALID_CIPHERTEXT')
  expect(await codeOf(box.open(raw.toString('base64'), { context }))).toBe('INVALID_CIPHERTEXT')
})

test.each(['', 'plain text', 'S0IB', 'S0IB\n', 'S0UBAFLj9+q1', '{}'])('%j is no box', async (text) => {
  const { box, kms } = createTestBox()
  expect(await codeOf(box.open(text, { context }))).toBe('INVALID_CIPHERTEXT')
  expect(await codeOf(box.open(Buffer.from(text), { context }))).toBe('INVALID_CIPHERTEXT')
  expect(kms.totalCalls).toBe(0)
})

test('base64 in another spelling is refused', async () => {
  const { box } = createTestBox()
  const sealed = await box.seal('secret text', { context })
  for (const other of [`${sealed}\n`, sealed.replace(/=+$/, ''), ` ${sealed}`, sealed.replace(/.$/, '')])
    if (other !== sealed) expect(await codeOf(box.open(other, { context }))).toBe('INVALID_CIPHERTEXT')
})

test('only text and bytes are sealed', async () => {
  const { box } = createTestBox()
  expect(await codeOf(box.seal('\uD800', { context }))).toBe('INVALID_VALUE')
  for (const value of [null, undefined, 1, {}, [1], new ArrayBuffer(2)])
    expect(await codeOf(box.seal(value as never, { context }))).toBe('INVALID_VALUE')
})

describe('versions', () => {
  const versions = { 1: { keyId: 'local/app' }, 2: { keyId: 'local/next' } }

  test('a rolling change of key: readable everywhere first, then current', async () => {
    const before = createTestBox({ keyId: 'local/app' }).box
    const readable = createTestBox({ current: 1, versions }).box
    const switched = createTestBox({ current: 2, versions }).box
    const old = await before.seal('old', { context })
    expect(await switched.open(old, { context })).toBe('old')
    const fresh = await switched.seal('new', { context })
    expect(await readable.open(fresh, { context })).toBe('new')
    expect(await codeOf(before.open(fresh, { context }))).toBe('UNKNOWN_KEY_VERSION')
  })

  test('the context may depend on the version', async () => {
    const { box } = createTestBox({ current: 2, versions })
    const { box: first } = createTestBox({ keyId: 'local/app' })
    const of = (version: number) => ({ generation: String(version) })
    expect(await box.open(await first.seal('1', { context: of }), { context: of })).toBe('1')
    const sealed = await box.seal('2', { context: of })
    expect(await box.open(sealed, { context: { generation: '2' } })).toBe('2')
  })

  test('a box that names another version than its own does not open', async () => {
    const { box } = createTestBox({ current: 1, versions })
    const sealed = await box.seal(bytes(3), { context })
    sealed.writeUInt32BE(2, 4)
    expect(await codeOf(box.open(sealed, { context }))).toBe('DECRYPTION_FAILED')
  })
})

test.each<[string, unknown]>([
  ['a current version that is missing', { current: 2, versions: { 1: { keyId: 'local/app' } } }],
  ['no versions', { current: 1, versions: {} }],
  ['version 0', { current: 1, versions: { 0: { keyId: 'local/app' }, 1: { keyId: 'local/app' } } }],
  ['both forms', { keyId: 'local/app', current: 1, versions: { 1: { keyId: 'local/app' } } }],
  ['an unknown option', { keyId: 'local/app', cache: {} }],
  ['an unknown legacy', { keyId: 'local/app', legacy: 'rails' }],
])('the configuration refuses %s', (_, config) => {
  expect(() => createTestBox(config as BoxConfig)).toThrow(/INVALID_CONFIGURATION/)
})

test('the key id comes from the environment when none is given', async () => {
  const before = process.env['KMS_KEY_ID']
  try {
    delete process.env['KMS_KEY_ID']
    expect(() => createBox()).toThrow(/INVALID_CONFIGURATION/)
    process.env['KMS_KEY_ID'] = 'insecure-test-key'
    const box = createBox()
    expect(await box.open(await box.seal('x', { context }), { context })).toBe('x')
  } finally {
    if (before === undefined) delete process.env['KMS_KEY_ID']
    else process.env['KMS_KEY_ID'] = before
  }
  expect(() => createBox({ keyId: 'what is this' })).toThrow(/UNKNOWN_KEY_ID/)
})

test('a server that may only encrypt seals, and opening is refused with its own code', async () => {
  const box = createBox({ keyId: 'insecure-test-key/encrypt' })
  const sealed = await box.seal('x', { context })
  expect(await codeOf(box.open(sealed, { context }))).toBe('KMS_ACCESS_DENIED')
})

test('an abort ends the wait for the key service', async () => {
  const { box, kms } = createTestBox()
  const sealed = await box.seal('x', { context })
  kms.latencyMs = 300
  const signal = AbortSignal.timeout(10)
  expect(await codeOf(box.seal('x', { context, signal }))).toBe('KMS_ABORTED')
  expect(await codeOf(box.open(sealed, { context, signal: AbortSignal.abort() }))).toBe('KMS_ABORTED')
})

test('uses are told to onKmsEvent, without secrets; errors hold none either', async () => {
  const events: KmsEvent[] = []
  const { box } = createTestBox({ keyId: 'local/app', onKmsEvent: (event) => events.push(event) })
  const sealed = await box.seal('canary value', { context })
  await box.open(sealed, { context })
  expect(events).toMatchObject([
    {
      operation: 'wrap',
      keyId: 'local/app',
      keyName: 'box',
      keyVersion: 1,
      model: null,
      context,
      outcome: 'success',
    },
    { operation: 'unwrap', keyId: 'local/app', keyName: 'box', keyVersion: 1, model: null, context },
  ])
  const error = await box.open(sealed, { context: { other: '1' } }).catch((thrown: unknown) => thrown)
  const text = inspect([events, error], { depth: Infinity, showHidden: true })
  expect(text).toContain('DECRYPTION_FAILED')
  for (const secret of ['canary', sealed.slice(20, 60)]) expect(text).not.toContain(secret)
})
