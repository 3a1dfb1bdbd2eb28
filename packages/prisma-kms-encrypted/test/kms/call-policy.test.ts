import { withCallPolicy } from '../../src/kms/call-policy.js'
import type { Outcome } from '../../src/kms/provider.js'
import { localKms } from '../../src/providers/local.js'
import { insecureTestKms } from '../../src/providers/test.js'
import { countingKms, providerContract } from '../../src/testing/index.js'
import { createFakeProvider, failure, plain, shortForm, successOf, wrapped } from './fake-provider.js'
import { createFakeTiming } from './fake-timing.js'

const withoutService = {
  disabledKey: 'local keys have no state',
  deniedKey: 'local keys have no permissions',
  wrongLengthKey: 'tested at the bare provider',
}

providerContract({
  name: 'local, with every call policy',
  create: () =>
    withCallPolicy(localKms({ keys: { app: Buffer.alloc(32, 7) } }), {
      cache: { ttlMs: 1_000, maxEntries: 5_000 },
    }),
  keyId: 'local/app',
  states: {
    missingKey: () => 'local/other',
    slowService: () =>
      withCallPolicy(countingKms(localKms({ keys: { app: Buffer.alloc(32, 7) } }), { latencyMs: 600 })),
  },
  unsupported: withoutService,
})

test('50 concurrent reads, two of each record, are one call of 25 items, and none at all from the cache', async () => {
  const counting = countingKms(insecureTestKms())
  const kms = withCallPolicy(counting, { cache: { ttlMs: 60_000, maxEntries: 100 } })
  const items = Array.from({ length: 25 }, (_, index) => ({
    plaintext: Buffer.alloc(32, index),
    context: { model_name: 'User', model_id: String(index) },
  }))
  const keys = await kms.wrap('insecure-test-key', items, {})
  const stored = keys.flatMap((outcome, index) =>
    outcome.ok ? [{ ciphertext: outcome.value, context: items[index]?.context ?? {} }] : [],
  )
  const read = () =>
    Promise.all([...stored, ...stored].map((item) => kms.unwrap('insecure-test-key', [item], {})))
  const first = await read()
  expect(first.flat().map(shortForm)).toEqual([...Array(50).keys()].map((index) => index % 25))
  expect(counting.counts.unwrap).toEqual({ calls: 1, items: 25 })
  await read()
  expect(counting.counts.unwrap).toEqual({ calls: 1, items: 25 })
  kms.flush()
  await read()
  expect(counting.counts.unwrap).toEqual({ calls: 2, items: 50 })
})

test('without the cache option nothing is kept', async () => {
  const provider = createFakeProvider()
  const kms = withCallPolicy(provider)
  await kms.unwrap('key', [wrapped(1)], {})
  await kms.unwrap('key', [wrapped(1)], {})
  kms.flush()
  expect(provider.calls).toHaveLength(2)
})

test('faults are retried below the circuit breaker, which opens only when the retries are used up', async () => {
  const timing = createFakeTiming()
  let down = false
  const provider = createFakeProvider((_, number) =>
    down || number % 2 === 1 ? 'KMS_UNAVAILABLE' : undefined,
  )
  const kms = withCallPolicy(provider, { timing, circuitBreaker: { failures: 1 } })
  const works = kms.wrap('key', [plain(1)], {})
  await timing.advance(1_000)
  expect((await works).map(shortForm)).toEqual([2])
  down = true
  const fails = kms.wrap('key', [plain(1)], {})
  await timing.advance(10_000)
  expect((await fails).map(shortForm)).toEqual(['KMS_UNAVAILABLE'])
  const refused = kms.wrap('key', [plain(1)], {})
  await expect(refused).rejects.toThrow('circuit')
})

test('nobody waits for the retries of a stranger in the same batch', async () => {
  const timing = createFakeTiming()
  const provider = createFakeProvider(({ items }, number) =>
    Promise.resolve(
      items.map((item, index) => (number === 1 && index === 0 ? failure('KMS_THROTTLED') : successOf(item))),
    ),
  )
  const kms = withCallPolicy(provider, { timing })
  const throttled = kms.wrap('key', [plain(1)], {})
  const lucky = kms.wrap('key', [plain(2)], {})
  expect((await lucky).map(shortForm)).toEqual([3]) // the clock has not moved
  await timing.advance(500)
  expect((await throttled).map(shortForm)).toEqual([2])
  expect(provider.calls.map(({ items }) => items.length)).toEqual([2, 1])
})

test.each([[[undefined]], [[null]], [[]]])(
  'a wrap that is answered with %j is no success',
  async (answer) => {
    const careless = () => Promise.resolve(answer as unknown as readonly Outcome<Uint8Array>[])
    const kms = withCallPolicy({ ...createFakeProvider(), wrap: careless }, { retry: { timeoutMs: 20 } })
    expect((await kms.wrap('key', [plain(1)], {})).map(shortForm)).toEqual(['KMS_INVALID_RESPONSE'])
  },
)

test('a provider that throws at once is a provider that fails, and its words are not passed on', async () => {
  const kms = withCallPolicy({
    ...createFakeProvider(),
    wrap: () => {
      throw new RangeError('with the request in it')
    },
  })
  const error: unknown = await kms.wrap('key', [plain(1)], {}).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'KMS_UNAVAILABLE' })
  expect(String(error)).not.toContain('with the request in it')
})
