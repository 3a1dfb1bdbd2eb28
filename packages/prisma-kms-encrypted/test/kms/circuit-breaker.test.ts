import { withCircuitBreaker } from '../../src/kms/circuit-breaker.js'
import type { CircuitState } from '../../src/kms/circuit-breaker.js'
import type { KmsFailureCode } from '../../src/kms/failure.js'
import { createFakeProvider, failure, plain, shortForm, successOf } from './fake-provider.js'
import { createFakeTiming } from './fake-timing.js'

function setUp() {
  const timing = createFakeTiming()
  const states: CircuitState[] = []
  let answer: KmsFailureCode | undefined
  const provider = createFakeProvider(() => answer)
  const kms = withCircuitBreaker(provider, {
    failures: 3,
    openMs: 1_000,
    timing,
    onChange: (state) => states.push(state),
  })
  return {
    timing,
    states,
    provider,
    kms,
    answerWith: (code: KmsFailureCode | undefined) => {
      answer = code
    },
    call: async (): Promise<unknown> =>
      kms.wrap('key', [plain(1)], {}).then(
        ([outcome]) => outcome && shortForm(outcome),
        (error: unknown) => `rejected ${String((error as { code?: unknown }).code)}`,
      ),
  }
}

test('opens after failures in a row, refuses at once, tries one call, and closes when it works', async () => {
  const { timing, states, provider, answerWith, call } = setUp()
  answerWith('KMS_UNAVAILABLE')
  expect([await call(), await call(), await call()]).toEqual(Array(3).fill('KMS_UNAVAILABLE'))
  expect(await call()).toBe('rejected KMS_UNAVAILABLE')
  expect(provider.calls).toHaveLength(3)

  await timing.advance(1_000)
  expect(await Promise.all([call(), call()])).toEqual(['KMS_UNAVAILABLE', 'rejected KMS_UNAVAILABLE'])
  expect(provider.calls).toHaveLength(4)

  answerWith(undefined)
  await timing.advance(1_000)
  expect([await call(), await call()]).toEqual([2, 2])
  expect(states).toEqual(['open', 'half-open', 'open', 'half-open', 'closed'])
})

test.each([
  'KMS_INVALID_CIPHERTEXT',
  'KMS_ACCESS_DENIED',
  'KMS_KEY_DISABLED',
  'KMS_THROTTLED',
  'KMS_INVALID_RESPONSE',
] as const)('%s never opens it', async (code) => {
  const { provider, answerWith, call } = setUp()
  answerWith(code)
  for (let index = 0; index < 10; index += 1) expect(await call()).toBe(code)
  expect(provider.calls).toHaveLength(10)
})

test('a refusal in between proves that the service works', async () => {
  const { states, answerWith, call } = setUp()
  for (const code of [
    'KMS_TIMEOUT',
    'KMS_TIMEOUT',
    'KMS_INVALID_CIPHERTEXT',
    'KMS_TIMEOUT',
    'KMS_TIMEOUT',
  ] as const) {
    answerWith(code)
    await call()
  }
  expect(states).toEqual([])
})

test('one answered item of a batch is enough', async () => {
  const provider = createFakeProvider(({ items }) =>
    Promise.resolve(items.map((item, index) => (index === 0 ? successOf(item) : failure('KMS_TIMEOUT')))),
  )
  const kms = withCircuitBreaker(provider, { failures: 1 })
  await kms.wrap('key', [plain(1), plain(2)], {})
  await expect(kms.wrap('key', [plain(1), plain(2)], {})).resolves.toHaveLength(2)
})

test('a probe that is aborted leaves the next call to probe', async () => {
  const { timing, provider, answerWith, call } = setUp()
  answerWith('KMS_TIMEOUT')
  for (let index = 0; index < 3; index += 1) await call()
  await timing.advance(1_000)
  answerWith('KMS_ABORTED')
  expect(await call()).toBe('KMS_ABORTED')
  answerWith(undefined)
  expect(await call()).toBe(2)
  expect(provider.calls).toHaveLength(5)
})
