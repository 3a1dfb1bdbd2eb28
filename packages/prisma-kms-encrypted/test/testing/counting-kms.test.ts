import { countingKms, insecureTestKms, providerContract } from '../../src/testing/index.js'

const item = { plaintext: new Uint8Array(32), context: { a: 'b' } }
const keyId = 'insecure-test-key'

test('counts calls and items by operation', async () => {
  const kms = countingKms(insecureTestKms())
  await kms.wrap(keyId, [item, item], {})
  await kms.wrap(keyId, [item], {})
  await kms.unwrap(keyId, [], {})
  expect(kms.counts).toEqual({
    wrap: { calls: 2, items: 3 },
    unwrap: { calls: 1, items: 0 },
    rewrap: { calls: 0, items: 0 },
  })
  expect(kms.totalCalls).toBe(3)
  expect(kms.log[0]).toEqual({ operation: 'wrap', keyId, items: 2 })
  kms.reset()
  expect(kms.totalCalls).toBe(0)
})

test('a fault fails its item alone, or the call when thrown', async () => {
  const kms = countingKms(insecureTestKms(), {
    fault: ({ index }) => (index === 1 ? new Error('bad') : undefined),
  })
  const outcomes = await kms.wrap(keyId, [item, item, item], {})
  expect(outcomes.map(({ ok }) => ok)).toEqual([true, false, true])
  kms.fault = () => {
    throw new Error('all bad')
  }
  await expect(kms.wrap(keyId, [item], {})).rejects.toThrow('all bad')
})

test('latency comes from the given timer', async () => {
  const slept: number[] = []
  const sleep = (ms: number) => Promise.resolve(slept.push(ms))
  const kms = countingKms(insecureTestKms(), { latencyMs: 40, sleep })
  await kms.wrap(keyId, [item], {})
  expect(slept).toEqual([40])
})

test('the contract suite refuses a state that is neither brought about nor explained', () => {
  const runner = { describe: () => undefined, test: () => undefined }
  const unsupported = { missingKey: 'x', disabledKey: 'x', deniedKey: 'x', slowService: 'x' }
  expect(() => {
    providerContract({ name: 'mine', create: insecureTestKms, keyId, states: {}, unsupported, runner })
  }).toThrow('wrongLengthKey')
})
