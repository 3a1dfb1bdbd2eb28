/** The bounds of keys in memory; what caches do with them is tested with each cache. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DataKeyCacheOptions } from '../../src/kms/cache-options.js'
import { createKeptKeys } from '../../src/kms/kept-keys.js'
import { systemTiming } from '../../src/kms/timing.js'

const { jest } = import.meta

function setUp(options: Partial<DataKeyCacheOptions> = {}) {
  const disposed: string[] = []
  const kind = {
    bytesOf: (key: Buffer) => key.byteLength,
    copy: (key: Buffer) => Buffer.from(key),
    dispose: (key: Buffer) => {
      disposed.push(key.toString())
      key.fill(0)
    },
  }
  const kept = createKeptKeys({ ttlMs: 60_000, maxEntries: 10, ...options }, kind, systemTiming)
  return {
    kept,
    disposed,
    keep: (text: string, uses = 1) => {
      kept.keep(text, Buffer.from(text), uses)
    },
  }
}

test('a key leaves memory when its time is over, though nobody asks for it', async () => {
  const { keep, disposed } = setUp({ ttlMs: 20 })
  keep('a')
  keep('b')
  while (disposed.length < 2) await sleep(5)
  expect(disposed).toEqual(['a', 'b'])
})

test('keys that are kept at the end of turns full of work leave memory too', async () => {
  const { keep, disposed } = setUp({ ttlMs: 20, maxEntries: 1_000 })
  // Node counts a timer from the beginning of the turn, so those that are set now fire too soon.
  for (let turn = 0; turn < 50; turn++) {
    await sleep(1)
    const until = performance.now() + 3
    while (performance.now() < until);
    keep(`key ${turn}`)
  }
  await sleep(100)
  expect(disposed).toHaveLength(50)
})

test('what has left memory is waited for no more, and nothing keeps the process alive', () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
  const before = timers()
  setUp().keep('a')
  expect(timers()).toBe(before)
  jest.useFakeTimers()
  const { keep, kept } = setUp({ ttlMs: 100 })
  keep('a')
  jest.advanceTimersByTime(50)
  keep('b')
  kept.clear()
  jest.advanceTimersByTime(50)
  expect(jest.getTimerCount()).toBe(0)
  jest.useRealTimers()
})

test('a key larger than all that may be kept is overwritten at once', () => {
  const { kept, keep, disposed } = setUp({ maxBytes: 1 })
  keep('long')
  expect(kept.take('long')).toBeUndefined()
  expect(disposed).toEqual(['long'])
})

test('the last use hands out a key whose memory is overwritten at once', () => {
  const { kept, keep, disposed } = setUp({ maxUses: 2 })
  keep('a')
  expect(kept.take('a')?.toString()).toBe('a')
  expect(disposed).toEqual(['a'])
  expect(kept.take('a')).toBeUndefined()
})

test('a key without uses left is not kept, nor one beyond the bounds, and clearing overwrites all', () => {
  const { kept, keep, disposed } = setUp({ maxUses: 3, maxEntries: 2 })
  keep('used up', 3)
  expect(kept.take('used up')).toBeUndefined()
  for (const text of ['a', 'b', 'c']) keep(text)
  expect(disposed).toEqual(['a'])
  kept.clear()
  expect(disposed.sort()).toEqual(['a', 'b', 'c'])
  const bytes = setUp({ maxBytes: 3 })
  bytes.keep('ab')
  bytes.keep('cd')
  expect(bytes.disposed).toEqual(['ab'])
})
