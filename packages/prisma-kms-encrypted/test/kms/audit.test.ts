import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { createKmsAudit, withAudit } from '../../src/kms/audit.js'
import { kmsEventChannels } from '../../src/kms/audit-event.js'
import type { KmsEvent } from '../../src/kms/audit-event.js'
import { withCallPolicy } from '../../src/kms/call-policy.js'
import type { RecordReference } from '../../src/kms/provider.js'
import { createFakeProvider, failure, plain, shortForm, successOf, wrapped } from './fake-provider.js'

const reference = (recordId: string | null): RecordReference => ({
  model: 'User',
  recordId,
  keyName: 'default',
  keyVersion: 2,
})

function recorder() {
  const events: KmsEvent[] = []
  return { events, audit: createKmsAudit((event) => events.push(event)) }
}

test('a call gives one event per item, with everything that an auditor asks for', async () => {
  const { events, audit } = recorder()
  let now = 10
  const clock = { now: () => 1_700_000_000_000, elapsed: () => (now += 2.5) }
  const kms = withAudit(createFakeProvider(), audit, clock)
  const items = [
    { ...plain(1, '1'), record: reference('1') },
    { ...plain(2, '2'), record: reference(null) },
    plain(3, '3'),
  ]
  await kms.wrap('key/a', items, {})
  const common = {
    operation: 'wrap',
    source: 'service',
    provider: 'fake',
    keyId: 'key/a',
    outcome: 'success',
    startedAtMs: 1_700_000_000_000,
    durationMs: 2.5,
    items: 3,
  }
  const context = (id: string) => ({ model_name: 'User', model_id: id })
  const owned = { keyName: 'default', keyVersion: 2, model: 'User' }
  expect(events).toEqual([
    { ...common, ...owned, recordId: '1', context: context('1') },
    { ...common, ...owned, recordId: null, context: context('2') },
    { ...common, keyName: null, keyVersion: null, model: null, recordId: null, context: context('3') },
  ])
})

test('an event tells its own item’s failure, and a call that fails as a whole gives one per item too', async () => {
  const { events, audit } = recorder()
  const mixed = createFakeProvider(({ items }) =>
    Promise.resolve(
      items.map((item, index) => (index === 1 ? failure('KMS_INVALID_CIPHERTEXT') : successOf(item))),
    ),
  )
  await withAudit(mixed, audit).unwrap('a', [wrapped(1), wrapped(2), wrapped(3)], {})
  expect(events.map(({ outcome }) => outcome)).toEqual(['success', 'KMS_INVALID_CIPHERTEXT', 'success'])

  events.length = 0
  const denied = createFakeProvider(() => Promise.reject(failureOf('KMS_ABORTED')))
  await expect(withAudit(denied, audit).unwrap('a', [wrapped(1), wrapped(2)], {})).rejects.toMatchObject({
    code: 'KMS_ABORTED',
  })
  const foreign = createFakeProvider(() => Promise.reject(new Error('the token is s.123')))
  await expect(withAudit(foreign, audit).rewrap?.('a', [wrapped(1)], {})).rejects.toThrow()
  const short = createFakeProvider(() => Promise.resolve([]))
  await withAudit(short, audit).unwrap('a', [wrapped(1)], {})
  expect(events.map(({ operation, outcome }) => [operation, outcome])).toEqual([
    ['unwrap', 'KMS_ABORTED'],
    ['unwrap', 'KMS_ABORTED'],
    ['rewrap', 'KMS_UNAVAILABLE'],
    ['unwrap', 'KMS_INVALID_RESPONSE'],
  ])
  expect(JSON.stringify(events)).not.toContain('s.123')
})

test('joined unwraps are one item at the service and one event per record and asker', async () => {
  const { events, audit } = recorder()
  const provider = createFakeProvider()
  const kms = withCallPolicy(provider, { audit })
  const item = { ...wrapped(7, 'shared') }
  await Promise.all([
    kms.unwrap(
      'a',
      [
        { ...item, record: reference('1') },
        { ...item, record: reference('2') },
      ],
      {},
    ),
    kms.unwrap('a', [{ ...item, record: reference('1') }], {}),
  ])
  expect(provider.calls.map(({ items }) => items.length)).toEqual([1])
  expect(events.map(({ recordId, items, source }) => [recordId, items, source])).toEqual([
    ['1', 2, 'service'],
    ['2', 2, 'service'],
    ['1', 1, 'service'],
  ])
})

test('a cached key is an event of its own source; the reference is no part of the cache’s key', async () => {
  const { events, audit } = recorder()
  const provider = createFakeProvider()
  const kms = withCallPolicy(provider, { audit, cache: { ttlMs: 60_000, maxEntries: 10 } })
  const ask = (id: string) => kms.unwrap('a', [{ ...wrapped(1), record: reference(id) }], {})
  await ask('1')
  expect((await ask('2')).map(shortForm)).toEqual([2])
  kms.flush()
  await ask('3')
  expect(events.map(({ recordId, source }) => [recordId, source])).toEqual([
    ['1', 'service'],
    ['2', 'cache'],
    ['3', 'service'],
  ])
  expect(provider.calls).toHaveLength(2)
})

test('what a layer below marks as its own answer keeps the mark through cache and batches', async () => {
  const { events, audit } = recorder()
  const branch = createFakeProvider(({ items }) =>
    Promise.resolve(items.map((item) => ({ ...successOf(item), source: 'branch-key' as const }) as never)),
  )
  const kms = withCallPolicy(branch, { audit, cache: { ttlMs: 60_000, maxEntries: 10 } })
  await kms.wrap('a', [plain(1)], {})
  await Promise.all([kms.unwrap('a', [wrapped(1)], {}), kms.unwrap('a', [wrapped(1)], {})])
  await kms.unwrap('a', [wrapped(1)], {})
  expect(events.map(({ operation, source }) => [operation, source])).toEqual([
    ['wrap', 'branch-key'],
    ['unwrap', 'branch-key'],
    ['unwrap', 'branch-key'],
    ['unwrap', 'cache'],
  ])
})

test('events hold no key material, and no listener can change them or the context of a key', async () => {
  const { events, audit } = recorder()
  const kms = withAudit(createFakeProvider(), audit)
  const secret = Buffer.from('0123456789abcdef0123456789abcdef')
  const context = { model_name: 'User', model_id: '1' }
  await kms.wrap('a', [{ plaintext: secret, context }], {})
  await kms.unwrap('a', [{ ciphertext: secret, context }], {})
  for (const event of events) {
    for (const value of Object.values(event)) expect(value).not.toBeInstanceOf(Uint8Array)
    expect(Object.isFrozen(event) && Object.isFrozen(event.context)).toBe(true)
    expect(event.context).not.toBe(context)
  }
  const text = JSON.stringify(events)
  for (const form of ['latin1', 'base64', 'hex'] as const) expect(text).not.toContain(secret.toString(form))
})

test('each operation has its channel; who subscribes to none costs nothing', async () => {
  const heard: [string, KmsEvent][] = []
  const listener = (message: unknown, name: string | symbol) =>
    heard.push([String(name), message as KmsEvent])
  const kms = withAudit(createFakeProvider(), createKmsAudit())
  await kms.unwrap('a', [wrapped(1)], {})
  for (const name of Object.values(kmsEventChannels)) subscribe(name, listener)
  try {
    await kms.wrap('a', [plain(1)], {})
    await kms.unwrap('a', [wrapped(1), wrapped(2)], {})
    await kms.rewrap?.('a', [wrapped(1)], {})
  } finally {
    for (const name of Object.values(kmsEventChannels)) unsubscribe(name, listener)
  }
  await kms.unwrap('a', [wrapped(1)], {})
  expect(heard.map(([name, { operation }]) => [name, operation])).toEqual([
    ['prisma-kms-encrypted:wrap', 'wrap'],
    ['prisma-kms-encrypted:unwrap', 'unwrap'],
    ['prisma-kms-encrypted:unwrap', 'unwrap'],
    ['prisma-kms-encrypted:rewrap', 'rewrap'],
  ])
})

test('without a listener no event is built', async () => {
  let built = 0
  const item = {
    ...wrapped(1),
    get record() {
      built += 1
      return reference('1')
    },
  }
  await withAudit(createFakeProvider(), createKmsAudit()).unwrap('a', [item], {})
  expect(built).toBe(0)
  await withAudit(createFakeProvider(), recorder().audit).unwrap('a', [item], {})
  expect(built).toBe(1)
})

test.each([
  [
    'throws',
    () => {
      throw new Error('the log is full of secrets')
    },
  ],
  ['rejects', () => Promise.reject(new Error('the log is full of secrets'))],
])(
  'a listener that %s does not touch the call and is reported once, without its error',
  async (_, listener) => {
    const warnings: unknown[][] = []
    // Jest's process is a copy whose warnings reach no listener.
    const emitWarning = process.emitWarning.bind(process)
    process.emitWarning = (...warning: unknown[]) => void warnings.push(warning)
    try {
      const kms = withAudit(createFakeProvider(), createKmsAudit(listener))
      expect((await kms.unwrap('a', [wrapped(1), wrapped(2)], {})).map(shortForm)).toEqual([2, 3])
      await kms.unwrap('a', [wrapped(1)], {})
      await sleep(5)
    } finally {
      process.emitWarning = emitWarning
    }
    expect(warnings).toEqual([
      ['onKmsEvent failed; the operation went on without it', { type: 'KmsEventListenerWarning' }],
    ])
  },
)

function failureOf(code: Parameters<typeof failure>[0]): Error {
  const outcome = failure(code)
  if (outcome.ok) throw new Error('a failure was asked for')
  return outcome.error
}
