import { generateDataKey } from '../../src/envelope/data-key.js'
import type { KmsEvent } from '../../src/kms/audit-event.js'
import { createKmsAudit } from '../../src/kms/audit.js'
import type { DataKeyCacheOptions } from '../../src/kms/cache-options.js'
import { createDataKeyCache } from '../../src/records/data-key-cache.js'
import { codeOf } from '../kms/code-of.js'
import { createFakeTiming } from '../kms/fake-timing.js'

const bounds = { ttlMs: 60_000, maxEntries: 100 }
const use = () => ({
  place: { provider: 'aws', keyId: 'alias/app', operation: 'unwrap' as const },
  item: {
    context: { model_name: 'User', model_id: '1' },
    record: { model: 'User', recordId: '1', keyName: 'default', keyVersion: 2 },
  },
})

function setUp(options: Partial<DataKeyCacheOptions> = {}) {
  const timing = createFakeTiming()
  const events: KmsEvent[] = []
  const audit = createKmsAudit((event) => events.push(event))
  const cache = createDataKeyCache({ ...bounds, ...options }, audit, timing)
  const keep = (name: string) => {
    const { dataKey } = generateDataKey()
    cache.keep(name, dataKey, cache.generation)
    return dataKey
  }
  return { timing, events, cache, keep, take: (name: string) => cache.take(name, use) }
}

test('gives back what was kept under that very name', () => {
  const { keep, take } = setUp()
  const key = keep('a')
  expect(take('a')).toBe(key)
  expect(take('b')).toBeUndefined()
})

test('a key ends after its time, from when it was unwrapped, however often it is used', async () => {
  const { timing, keep, take } = setUp({ ttlMs: 1_000 })
  keep('a')
  await timing.advance(999)
  expect(take('a')).toBeDefined()
  keep('a') // another operation that had waited for the same answer
  await timing.advance(2)
  expect(take('a')).toBeUndefined()
})

test('a key ends after its uses, the first included', () => {
  const { keep, take } = setUp({ maxUses: 3 })
  keep('a')
  expect([take('a'), take('a'), take('a')].map((key) => key !== undefined)).toEqual([true, true, false])
  keep('b')
  keep('b') // two operations that waited together used it twice
  expect([take('b'), take('b')].map((key) => key !== undefined)).toEqual([true, false])
  const once = setUp({ maxUses: 1 })
  once.keep('a')
  expect(once.take('a')).toBeUndefined()
})

test('entries and bytes are bounded, the least recently used goes', () => {
  const { keep, take } = setUp({ maxEntries: 2 })
  keep('a')
  keep('b')
  take('a')
  keep('c')
  expect(['a', 'b', 'c'].filter((name) => take(name))).toEqual(['a', 'c'])
  const small = setUp({ maxBytes: 64 })
  for (const name of ['a', 'b', 'c']) small.keep(name)
  expect(['a', 'b', 'c'].filter((name) => small.take(name))).toEqual(['b', 'c'])
})

test('flush forgets at once, and what is on its way is not kept', () => {
  const { cache, keep, take } = setUp()
  keep('a')
  const { generation } = cache
  cache.flush()
  cache.keep('late', generateDataKey().dataKey, generation)
  expect([take('a'), take('late')]).toEqual([undefined, undefined])
  keep('after')
  expect(take('after')).toBeDefined()
})

test('each use is one event, and a key that is not there is none', () => {
  const { events, keep, take } = setUp()
  keep('a')
  take('b')
  take('a')
  expect(events).toEqual([
    expect.objectContaining({
      operation: 'unwrap',
      source: 'cache',
      outcome: 'success',
      provider: 'aws',
      keyId: 'alias/app',
      keyName: 'default',
      keyVersion: 2,
      model: 'User',
      recordId: '1',
      context: { model_name: 'User', model_id: '1' },
      items: 1,
    }),
  ])
})

test('uses are counted where they end a key, or somebody is told of them', () => {
  const counting = (options: Partial<DataKeyCacheOptions>, listener?: () => void) =>
    createDataKeyCache({ ...bounds, ...options }, createKmsAudit(listener)).countsUses()
  expect(counting({ maxUses: 3 })).toBe(true)
  expect(counting({}, () => undefined)).toBe(true)
  expect(counting({})).toBe(false)
})

test.each([{ ttlMs: 0 }, { maxEntries: 0.5 }, { maxUses: -1 }, { maxBytes: NaN }])('refuses %j', (bad) => {
  expect(codeOf(() => setUp(bad))).toBe('INVALID_CONFIGURATION')
})
