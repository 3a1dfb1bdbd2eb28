import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { withCoalescing } from '../../src/kms/coalescing.js'
import { callWithin, Interruption } from '../../src/kms/interruption.js'
import type { Outcome } from '../../src/kms/provider.js'
import { createFakeProvider, failure, plain, shortForm, successOf, wrapped } from './fake-provider.js'
import { createFakeTiming, settle } from './fake-timing.js'

test('concurrent calls share a batch per key id and operation', async () => {
  const provider = createFakeProvider()
  const kms = withCoalescing(provider)
  const results = await Promise.all([
    kms.unwrap('a', [wrapped(1), wrapped(2)], {}),
    kms.unwrap('a', [wrapped(3)], {}),
    kms.unwrap('b', [wrapped(4)], {}),
    kms.wrap('a', [plain(5)], {}),
    Promise.resolve().then(() => kms.unwrap('a', [wrapped(6)], {})),
  ])
  expect(results.map((outcomes) => outcomes.map(shortForm))).toEqual([[2, 3], [4], [5], [6], [7]])
  expect(provider.calls.map(({ operation, keyId, items }) => [operation, keyId, items.length])).toEqual([
    ['unwrap', 'a', 4],
    ['unwrap', 'b', 1],
    ['wrap', 'a', 1],
  ])
})

test('equal unwraps are sent once and give each caller bytes of its own', async () => {
  const provider = createFakeProvider()
  const kms = withCoalescing(provider)
  const [first, second] = await Promise.all([
    kms.unwrap('a', [wrapped(1), wrapped(1)], {}),
    kms.unwrap('a', [wrapped(1), wrapped(1, 'b')], {}),
  ])
  expect(provider.calls[0]?.items).toHaveLength(2)
  expect([...first, ...second].map(shortForm)).toEqual([2, 2, 2, 2])
  if (first[0]?.ok === true) first[0].value.fill(0)
  expect([...first, ...second].map(shortForm)).toEqual([0, 2, 2, 2])
})

test('a value of any length is never handed out for a data key that was asked for at the same moment', async () => {
  const provider = createFakeProvider()
  const kms = withCoalescing(provider)
  await Promise.all([
    kms.unwrap('a', [{ ...wrapped(1), holds: 'value' }], {}),
    kms.unwrap('a', [wrapped(1)], {}),
  ])
  expect(provider.calls[0]?.items).toHaveLength(2)
})

test('bytes that were only copied are zeroed, those that one caller got are not', async () => {
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
  const kms = withCoalescing(provider)
  await Promise.all([kms.unwrap('a', [wrapped(1), wrapped(5)], {}), kms.unwrap('a', [wrapped(1)], {})])
  expect(made).toEqual([Uint8Array.of(0), Uint8Array.of(6)])
})

test('one wrapped key under several contexts is sent once for each of them', async () => {
  const provider = createFakeProvider()
  const kms = withCoalescing(provider)
  const contexts = [
    { model_name: 'User', model_id: '1' },
    { model_id: '1', model_name: 'User' }, // the same, in another order
    { model_name: 'User', model_id: '2' },
    { model_name: 'User1', model_id: '1' },
    { model_name: 'User', model_id: '1', namespace: 'a' },
  ]
  await Promise.all(contexts.map((context) => kms.unwrap('a', [{ ...wrapped(1), context }], {})))
  expect(provider.calls[0]?.items.map(({ context }) => context)).toEqual(
    contexts.filter((_, index) => index !== 1),
  )
})

test('equal wraps and rewraps are never joined', async () => {
  const provider = createFakeProvider()
  const kms = withCoalescing(provider)
  await Promise.all([kms.wrap('a', [plain(1)], {}), kms.wrap('a', [plain(1)], {})])
  await Promise.all([kms.rewrap?.('a', [wrapped(1)], {}), kms.rewrap?.('a', [wrapped(1)], {})])
  expect(provider.calls.map(({ items }) => items.length)).toEqual([2, 2])
})

test('an abort of one caller does not touch the others; of all, it aborts the batch', async () => {
  let answer: () => void = () => undefined
  const provider = createFakeProvider(
    ({ items }) =>
      new Promise((resolve) => {
        answer = () => {
          resolve(items.map(successOf))
        }
      }),
  )
  const kms = withCoalescing(provider)
  const [one, two] = [new AbortController(), new AbortController()]
  const first = kms.unwrap('a', [wrapped(1)], { signal: one.signal })
  const second = kms.unwrap('a', [wrapped(2)], { signal: two.signal })
  await settle()
  one.abort()
  await expect(first).rejects.toMatchObject({ code: 'KMS_ABORTED' })
  expect(provider.calls[0]?.call.signal?.aborted).toBe(false)
  answer()
  expect((await second).map(shortForm)).toEqual([3])

  const third = kms.unwrap('a', [wrapped(1)], { signal: two.signal })
  await settle()
  two.abort()
  await expect(third).rejects.toMatchObject({ code: 'KMS_ABORTED' })
  expect(provider.calls[1]?.call.signal?.aborted).toBe(true)
})

test('a caller that aborts before the dispatch is not in the batch', async () => {
  const provider = createFakeProvider()
  const kms = withCoalescing(provider)
  const controller = new AbortController()
  const aborted = kms.wrap('a', [plain(1)], { signal: controller.signal })
  const kept = kms.wrap('a', [plain(2)], {})
  controller.abort()
  await expect(aborted).rejects.toMatchObject({ code: 'KMS_ABORTED' })
  expect((await kept).map(shortForm)).toEqual([3])
  expect(provider.calls.map(({ items }) => items.length)).toEqual([1])
})

test('each caller keeps its own deadline, the batch has the latest', async () => {
  const timing = createFakeTiming()
  const provider = createFakeProvider(() => new Promise(() => undefined))
  const kms = withCoalescing(provider, { timing })
  const early = kms.unwrap('a', [wrapped(1)], { deadlineMs: timing.now() + 100 })
  const late = kms.unwrap('a', [wrapped(2)], { deadlineMs: timing.now() + 200 })
  const lateRejects = expect(late).rejects.toMatchObject({ code: 'KMS_TIMEOUT' })
  await settle()
  expect(provider.calls[0]?.call.deadlineMs).toBe(timing.now() + 200)
  let earlyIsOver = false
  const earlyRejects = expect(early.finally(() => (earlyIsOver = true))).rejects.toMatchObject({
    code: 'KMS_TIMEOUT',
  })
  await timing.advance(149) // the provider has 50 ms to answer item by item
  expect(earlyIsOver).toBe(false)
  await timing.advance(1)
  await earlyRejects
  await timing.advance(100)
  await lateRejects
})

test('a full batch goes at once', async () => {
  const provider = createFakeProvider()
  const kms = withCoalescing(provider, { maxItems: 3, schedule: (dispatch) => setTimeout(dispatch, 5) })
  await Promise.all(Array.from({ length: 7 }, (_, index) => kms.wrap('a', [plain(index)], {})))
  expect(provider.calls.map(({ items }) => items.length)).toEqual([3, 3, 1])
})

test('a call that fails as a whole fails for every caller, with the same error', async () => {
  const error = new Error('judged by the retry around')
  const kms = withCoalescing(createFakeProvider(() => Promise.reject(error)))
  const results = await Promise.allSettled([kms.wrap('a', [plain(1)], {}), kms.wrap('a', [plain(2)], {})])
  expect(results).toEqual(Array(2).fill({ status: 'rejected', reason: error }))
})

test('a provider that throws at once fails its callers, and nobody else', async () => {
  const kms = withCoalescing({
    ...createFakeProvider(),
    wrap: () => {
      throw new RangeError('at once')
    },
    unwrap: () => {
      throw new RangeError('at once')
    },
  })
  await expect(kms.wrap('a', [plain(1)], {})).rejects.toThrow(RangeError)
  await expect(Promise.all([kms.wrap('a', [plain(1)], {}), kms.wrap('a', [plain(2)], {})])).rejects.toThrow(
    RangeError,
  )
  await expect(kms.unwrap('a', [wrapped(1)], {})).rejects.toThrow(RangeError)
})

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['a list of nothing', [undefined]],
  ['successes without bytes', [{ ok: true }]],
])('a provider that answers with %s fails its callers, and nobody else', async (_, answer) => {
  // The cast: providers of the application are not checked by our compiler.
  const careless = () => Promise.resolve(answer as readonly Outcome<Uint8Array>[])
  const kms = withCoalescing({ ...createFakeProvider(), wrap: careless, unwrap: careless })
  for (const operation of ['wrap', 'unwrap'] as const) {
    const items = operation === 'wrap' ? [plain(1)] : [wrapped(1)]
    const both = [1, 2].map(() => kms[operation]('a', items as never, {}).then(codesOf, nameOf))
    const answers = await Promise.race([Promise.all(both), sleep(500, 'nobody is answered')])
    expect(answers).not.toBe('nobody is answered')
  }
})

function codesOf(outcomes: readonly Outcome<Uint8Array>[]): unknown {
  return outcomes.map((outcome) => !outcome.ok && (outcome.error as { code?: unknown }).code)
}

function nameOf(error: unknown): unknown {
  return (error as Error).name
}

test('a call that is over joins no batch, whoever watches it', async () => {
  const interruption = new Interruption()
  const kms = withCoalescing(createFakeProvider())
  interruption.end()
  const answer = kms.wrap('a', [plain(1)], callWithin(interruption))
  await expect(answer).rejects.toMatchObject({ code: 'KMS_ABORTED' })
})

test('wraps of one caller are sent as they came, and aborted with it', async () => {
  const provider = createFakeProvider(() => new Promise(() => undefined))
  const kms = withCoalescing(provider)
  const controller = new AbortController()
  const items = [plain(1), plain(2)]
  const pending = kms.wrap('a', items, { signal: controller.signal })
  await settle()
  expect(provider.calls[0]?.items).toBe(items)
  expect(provider.calls[0]?.call.signal?.aborted).toBe(false)
  controller.abort()
  await expect(pending).rejects.toMatchObject({ code: 'KMS_ABORTED' })
  expect(provider.calls[0]?.call.signal?.aborted).toBe(true)
})

test('a bad context fails its item alone and is not sent', async () => {
  const provider = createFakeProvider()
  const outcomes = await withCoalescing(provider).unwrap(
    'a',
    [wrapped(1), { ...wrapped(2), context: {} }],
    {},
  )
  expect(outcomes.map(shortForm)).toEqual([2, 'INVALID_CONTEXT'])
  expect(provider.calls[0]?.items).toHaveLength(1)
})

test('whatever the mix, each caller gets its own answers in order', async () => {
  const item = fc.record({ byte: fc.nat(5), id: fc.constantFrom('a', 'b') })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(item, { maxLength: 5 }), { maxLength: 8 }), async (callers) => {
      const provider = createFakeProvider(({ items }) =>
        Promise.resolve(
          items.map((sent) =>
            'ciphertext' in sent && sent.ciphertext[0] === 3
              ? failure('KMS_INVALID_CIPHERTEXT')
              : successOf(sent),
          ),
        ),
      )
      const kms = withCoalescing(provider)
      const results = await Promise.all(
        callers.map((items) =>
          kms.unwrap(
            'a',
            items.map(({ byte, id }) => wrapped(byte, id)),
            {},
          ),
        ),
      )
      expect(results.map((outcomes) => outcomes.map(shortForm))).toEqual(
        callers.map((items) => items.map(({ byte }) => (byte === 3 ? 'KMS_INVALID_CIPHERTEXT' : byte + 1))),
      )
    }),
  )
})
