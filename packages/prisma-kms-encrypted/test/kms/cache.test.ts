import { withCache } from '../../src/kms/cache.js'
import type { DataKeyCacheOptions } from '../../src/kms/cache-options.js'
import type { Outcome } from '../../src/kms/provider.js'
import { codeOf } from './code-of.js'
import { createFakeProvider, failure, plain, shortForm, successOf, wrapped } from './fake-provider.js'
import { createFakeTiming, settle } from './fake-timing.js'

const bounds = { ttlMs: 60_000, maxEntries: 100 }

function setUp(options: Partial<DataKeyCacheOptions> = {}) {
  const timing = createFakeTiming()
  const provider = createFakeProvider()
  const kms = withCache(provider, { ...bounds, ...options }, timing)
  const get = async (byte: number, id = 'a', keyId = 'key'): Promise<unknown> => {
    const [outcome] = await kms.unwrap(keyId, [wrapped(byte, id)], {})
    return outcome && shortForm(outcome)
  }
  return { timing, provider, kms, get }
}

test('unwraps a key once, and hands out copies', async () => {
  const { provider, kms } = setUp()
  const [first] = await kms.unwrap('key', [wrapped(1)], {})
  if (first?.ok === true) first.value.fill(0)
  const [second] = await kms.unwrap('key', [wrapped(1)], {})
  if (second?.ok === true) second.value.fill(0)
  const [third] = await kms.unwrap('key', [wrapped(1)], {})
  expect(third).toEqual({ ok: true, value: Uint8Array.of(2), source: 'cache' })
  expect(provider.calls).toHaveLength(1)
})

test('key id, wrapped key and context each make another entry', async () => {
  const { provider, get } = setUp()
  await get(1)
  await get(2)
  await get(1, 'b')
  await get(1, 'a', 'other')
  expect(provider.calls).toHaveLength(4)
})

test('moving characters between names and values makes another entry', async () => {
  const { provider, kms } = setUp()
  const ciphertext = Uint8Array.of(1)
  for (const context of [
    { ab: 'c', d: 'e' },
    { a: 'bc', d: 'e' },
    { ab: 'cd', e: 'e' },
    { d: 'e', ab: 'c' },
  ]) {
    await kms.unwrap('key', [{ ciphertext, context }], {})
  }
  expect(provider.calls).toHaveLength(3) // the last is the first in another order
})

test('an entry ends after its time, from when it was unwrapped', async () => {
  const { timing, provider, get } = setUp({ ttlMs: 1_000 })
  await get(1)
  await timing.advance(999)
  await get(1)
  expect(provider.calls).toHaveLength(1)
  await timing.advance(2)
  await get(1)
  expect(provider.calls).toHaveLength(2)
})

test('an entry ends after its uses, the first included', async () => {
  const { provider, get } = setUp({ maxUses: 3 })
  for (let use = 0; use < 7; use += 1) expect(await get(1)).toBe(2)
  expect(provider.calls).toHaveLength(3)
})

test('entries and bytes are bounded, the least recently used goes', async () => {
  for (const options of [{ maxEntries: 2 }, { maxBytes: 2 }]) {
    const { provider, get } = setUp(options)
    await get(1)
    await get(2)
    await get(1)
    await get(3)
    await get(1)
    expect(provider.calls).toHaveLength(3)
    await get(2)
    expect(provider.calls).toHaveLength(4)
  }
})

test('concurrent unwraps of one key are one flight; the rest of each batch is sent', async () => {
  const { provider, kms } = setUp()
  const results = await Promise.all([
    kms.unwrap('key', [wrapped(1), wrapped(2)], {}),
    kms.unwrap('key', [wrapped(2), wrapped(3), wrapped(1)], {}),
  ])
  expect(results.map((outcomes) => outcomes.map(shortForm))).toEqual([
    [2, 3],
    [3, 4, 2],
  ])
  expect(provider.calls.map(({ items }) => items.length)).toEqual([2, 1])
})

test('an abort ends the wait of one caller, not the flight', async () => {
  const provider = createFakeProvider(async ({ items }) => {
    await settle()
    return items.map(successOf)
  })
  const kms = withCache(provider, bounds)
  const controller = new AbortController()
  const aborted = kms.unwrap('key', [wrapped(1)], { signal: controller.signal })
  const other = kms.unwrap('key', [wrapped(1)], {})
  controller.abort()
  await expect(aborted).rejects.toMatchObject({ code: 'KMS_ABORTED' })
  expect((await other).map(shortForm)).toEqual([2])
  expect(provider.calls).toHaveLength(1)
})

test('failures are not kept, neither of an item nor of a call', async () => {
  const provider = createFakeProvider(({ items }, number) => {
    if (number === 1) return Promise.resolve(items.map(() => failure('KMS_ACCESS_DENIED')))
    return number === 2 ? Promise.reject(new TypeError('bug')) : undefined
  })
  const kms = withCache(provider, bounds)
  expect((await kms.unwrap('key', [wrapped(1)], {})).map(shortForm)).toEqual(['KMS_ACCESS_DENIED'])
  await expect(kms.unwrap('key', [wrapped(1)], {})).rejects.toThrow('bug')
  expect((await kms.unwrap('key', [wrapped(1)], {})).map(shortForm)).toEqual([2])
})

test('wrapping neither uses nor fills it', async () => {
  const { provider, kms } = setUp()
  await kms.wrap('key', [plain(0)], {})
  await kms.wrap('key', [plain(0)], {})
  await kms.unwrap('key', [wrapped(1)], {})
  await kms.rewrap?.('key', [wrapped(1)], {})
  expect(provider.calls.map(({ operation }) => operation)).toEqual(['wrap', 'wrap', 'unwrap', 'rewrap'])
})

test('flush forgets at once, and what is on its way is not kept', async () => {
  let answer: () => void = () => undefined
  const provider = createFakeProvider(
    ({ items }) =>
      new Promise<readonly Outcome<Uint8Array>[]>((resolve) => {
        answer = () => {
          resolve(items.map(successOf))
        }
      }),
  )
  const kms = withCache(provider, bounds)
  const pending = kms.unwrap('key', [wrapped(1)], {})
  await settle()
  kms.flush()
  answer()
  expect((await pending).map(shortForm)).toEqual([2])
  const again = kms.unwrap('key', [wrapped(1)], {})
  await settle()
  expect(provider.calls).toHaveLength(2)
  answer()
  await again
  await kms.unwrap('key', [wrapped(1)], {})
  expect(provider.calls).toHaveLength(2)
  kms.flush()
  void kms.unwrap('key', [wrapped(1)], {})
  expect(provider.calls).toHaveLength(3)
})

test("the provider's own bytes are zeroed once copied", async () => {
  const made: Uint8Array[] = []
  const provider = createFakeProvider(({ items }) =>
    Promise.resolve(
      items.map((item) => {
        const outcome = successOf(item)
        if (outcome.ok) made.push(outcome.value)
        return outcome
      }),
    ),
  )
  const kms = withCache(provider, bounds)
  const results = await Promise.all([
    kms.unwrap('key', [wrapped(1)], {}),
    kms.unwrap('key', [wrapped(1)], {}),
  ])
  expect(results.flat().map(shortForm)).toEqual([2, 2])
  expect(made).toEqual([Uint8Array.of(0)])
})

test.each([
  ['no lifetime', { maxEntries: 1 }],
  ['no bound of entries', { ttlMs: 1 }],
  ['zero entries', { ttlMs: 1, maxEntries: 0 }],
  ['a fraction', { ttlMs: 0.5, maxEntries: 1 }],
  ['infinity', { ttlMs: Infinity, maxEntries: 1 }],
  ['an unknown bound', { ttlMs: 1, maxEntries: 1, maxEntires: 1 }],
])('refuses %s', (_, options) => {
  // The cast gives what untyped callers can give.
  expect(codeOf(() => withCache(createFakeProvider(), options as DataKeyCacheOptions))).toBe(
    'INVALID_CONFIGURATION',
  )
})
