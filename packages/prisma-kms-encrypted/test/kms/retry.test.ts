import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { errorCodes } from '../../src/errors.js'
import type { KmsFailureCode } from '../../src/kms/failure.js'
import { withRetry } from '../../src/kms/retry.js'
import type { RetryEvent } from '../../src/kms/retry.js'
import { createFakeProvider, failure, plain, shortForm, successOf, wrapped } from './fake-provider.js'
import { createFakeTiming } from './fake-timing.js'

test('only the failed items of a batch go again, and the order stays', async () => {
  const timing = createFakeTiming()
  const provider = createFakeProvider(({ items }, number) =>
    Promise.resolve(
      items.map((item, index) => {
        if (number === 1 && index === 1) return failure('KMS_UNAVAILABLE')
        if (number === 1 && index === 2) return failure('KMS_INVALID_CIPHERTEXT')
        return successOf(item)
      }),
    ),
  )
  const pending = withRetry(provider, { timing }).unwrap(
    'key',
    [wrapped(1), wrapped(2), wrapped(3), wrapped(4)],
    {},
  )
  await timing.advance(1_000)
  expect((await pending).map(shortForm)).toEqual([2, 3, 'KMS_INVALID_CIPHERTEXT', 5])
  expect(provider.calls.map(({ items }) => items.length)).toEqual([4, 1])
})

test('delays double from 50 ms, from 500 ms after throttling, and stop at 1 s', async () => {
  const delaysAfter = async (code: KmsFailureCode): Promise<number[]> => {
    const timing = createFakeTiming()
    const retries: RetryEvent[] = []
    const kms = withRetry(
      createFakeProvider(() => code),
      { timing, onRetry: (retry) => retries.push(retry) },
    )
    const pending = kms.wrap('key', [plain(1)], {})
    await timing.advance(20_000)
    expect((await pending).map(shortForm)).toEqual([code])
    return retries.map(({ delayMs }) => delayMs)
  }
  expect(await delaysAfter('KMS_UNAVAILABLE')).toEqual([
    50,
    100,
    200,
    400,
    800,
    ...Array<number>(8).fill(1000),
  ])
  expect(await delaysAfter('KMS_THROTTLED')).toEqual([500, ...Array<number>(9).fill(1000)])
})

test('jitter is full: a draw of 0 does not wait', async () => {
  const timing = createFakeTiming(0)
  const provider = createFakeProvider((_, number) => (number < 4 ? 'KMS_THROTTLED' : undefined))
  const pending = withRetry(provider, { timing }).wrap('key', [plain(1)], {})
  await timing.advance(0)
  expect((await pending).map(shortForm)).toEqual([2])
})

test('every refusal is final', async () => {
  const final = errorCodes.filter(
    (code): code is KmsFailureCode =>
      code.startsWith('KMS_') &&
      !['KMS_THROTTLED', 'KMS_TIMEOUT', 'KMS_UNAVAILABLE', 'KMS_INVALID_RESPONSE'].includes(code),
  )
  for (const code of final) {
    const provider = createFakeProvider(() => code)
    expect((await withRetry(provider).unwrap('key', [wrapped(1)], {})).map(shortForm)).toEqual([code])
    expect(provider.calls).toHaveLength(1)
  }
})

test('a call that fails as a whole in a passing way is retried; in another way it is not', async () => {
  const timing = createFakeTiming()
  const flaky = createFakeProvider((_, number) =>
    number === 1 ? Promise.reject(errorOfOutcome('KMS_UNAVAILABLE')) : undefined,
  )
  const pending = withRetry(flaky, { timing }).wrap('key', [plain(1)], {})
  await timing.advance(50)
  expect((await pending).map(shortForm)).toEqual([2])

  const denied = createFakeProvider(() => Promise.reject(errorOfOutcome('KMS_ACCESS_DENIED')))
  await expect(withRetry(denied).wrap('key', [plain(1)], {})).rejects.toMatchObject({
    code: 'KMS_ACCESS_DENIED',
  })
})

test('a service that never answers is given up just after the deadline, default 10 s', async () => {
  const timing = createFakeTiming()
  const provider = createFakeProvider(() => new Promise(() => undefined))
  const pending = withRetry(provider, { timing }).wrap('key', [plain(1)], {})
  await timing.advance(10_099)
  expect(provider.calls[0]?.call.signal?.aborted).toBe(false)
  await timing.advance(1)
  expect((await pending).map(shortForm)).toEqual(['KMS_TIMEOUT'])
  expect(provider.calls[0]?.call.signal?.aborted).toBe(true)
})

test("the call's own deadline wins when it is earlier, and the last real failure stands", async () => {
  const timing = createFakeTiming()
  const provider = createFakeProvider((_, number) =>
    number === 1 ? 'KMS_THROTTLED' : new Promise(() => undefined),
  )
  const pending = withRetry(provider, { timing }).wrap('key', [plain(1)], { deadlineMs: timing.now() + 700 })
  await timing.advance(800)
  expect((await pending).map(shortForm)).toEqual(['KMS_THROTTLED'])
  expect(provider.calls).toHaveLength(2)
})

test('an abort ends the wait between attempts, and leaves no listener behind', async () => {
  const timing = createFakeTiming()
  const controller = new AbortController()
  const provider = createFakeProvider(() => 'KMS_UNAVAILABLE')
  const pending = withRetry(provider, { timing }).wrap('key', [plain(1)], { signal: controller.signal })
  await timing.advance(40)
  controller.abort()
  await expect(pending).rejects.toMatchObject({ code: 'KMS_ABORTED' })
  expect(provider.calls).toHaveLength(1)
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
})

test('with 30 % faults, 1,000 items all get through', async () => {
  await fc.assert(
    fc.asyncProperty(fc.infiniteStream(fc.integer({ min: 0, max: 99 })), async (draws) => {
      const timing = createFakeTiming(0.5)
      const provider = createFakeProvider(({ items }) =>
        Promise.resolve(
          items.map((item) =>
            Number(draws.next().value) < 30 ? failure('KMS_UNAVAILABLE') : successOf(item),
          ),
        ),
      )
      const items = Array.from({ length: 1000 }, (_, index) => plain(index % 250, String(index)))
      const pending = withRetry(provider, { timing }).wrap('key', items, {})
      await timing.advance(10_000)
      expect((await pending).filter(({ ok }) => !ok)).toEqual([])
    }),
    { numRuns: 3 },
  )
})

function errorOfOutcome(code: KmsFailureCode): Error {
  const outcome = failure(code)
  return outcome.ok ? new Error('no failure') : outcome.error
}

test('2,000 calls of which 30 % of the attempts fail: the default deadline leaves time enough for every one', async () => {
  const timing = createFakeTiming()
  let state = 1
  const random = (): number => {
    state = (state * 48_271) % 2_147_483_647 // MINSTD: the same in every run
    return state / 2_147_483_647
  }
  const faults = ['KMS_THROTTLED', 'KMS_UNAVAILABLE', 'KMS_TIMEOUT'] as const
  const provider = createFakeProvider(() =>
    random() < 0.3 ? (faults[Math.floor(random() * faults.length)] ?? 'KMS_THROTTLED') : undefined,
  )
  const kms = withRetry(provider, { timing: { ...timing, random } })
  const pending = Promise.all(Array.from({ length: 2_000 }, () => kms.wrap('key', [plain(1)], {})))
  await timing.advance(10_000)
  const codes = (await pending).flat().map(shortForm)
  expect(codes).toHaveLength(2_000)
  expect(new Set(codes)).toEqual(new Set([2]))
  expect(provider.calls.length).toBeGreaterThan(2_700)
})

describe('more than 1,000 items', () => {
  const items = Array.from({ length: 2_500 }, (_, index) => plain(index % 200))

  test('get a deadline for each 1,000', async () => {
    const timing = createFakeTiming()
    const provider = createFakeProvider(async ({ items: sent }) => {
      await timing.sleep(9_000)
      return sent.map(successOf)
    })
    const pending = withRetry(provider, { timing }).wrap('key', items, {})
    await timing.advance(27_000)
    expect((await pending).map(shortForm)).toEqual(items.map((_, index) => (index % 200) + 1))
    expect(provider.calls.map(({ items: sent }) => sent.length)).toEqual([1_000, 1_000, 500])
  })

  test('but a service that is down is waited for once', async () => {
    const timing = createFakeTiming()
    const provider = createFakeProvider(() => 'KMS_UNAVAILABLE')
    const pending = withRetry(provider, { timing }).wrap('key', items, {})
    await timing.advance(10_000)
    expect((await pending).map(shortForm)).toEqual(items.map(() => 'KMS_UNAVAILABLE'))
    expect(provider.calls.every(({ items: sent }) => sent.length === 1_000)).toBe(true)
  })

  test('and a refusal of all does not keep the rest from being asked', async () => {
    const provider = createFakeProvider((_, number) => (number === 1 ? 'KMS_INVALID_CIPHERTEXT' : undefined))
    const codes = (await withRetry(provider).wrap('key', items, {})).map(shortForm)
    expect(codes.slice(0, 1_000).every((code) => code === 'KMS_INVALID_CIPHERTEXT')).toBe(true)
    expect(codes.slice(1_000).every((code) => typeof code === 'number')).toBe(true)
  })
})

test('a foreign error is no passing failure, and does not get through', async () => {
  const provider = createFakeProvider(() => Promise.reject(new Error('secret')))
  const [result] = await Promise.allSettled([withRetry(provider).wrap('key', [plain(1)], {})])
  expect(result).toMatchObject({ status: 'rejected', reason: { code: 'KMS_UNAVAILABLE' } })
  expect(JSON.stringify(result)).not.toContain('secret')
  expect(provider.calls).toHaveLength(1)
})
