/** The contract suite finds faults: each provider here has one, and the suite must fail exactly where it shows. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { KmsEncryptedError } from '../../src/errors.js'
import { kmsFailure } from '../../src/kms/failure.js'
import type { EncryptionContext, KmsProvider, Outcome, UnwrapItem, WrapItem } from '../../src/kms/provider.js'
import { localKms } from '../../src/providers/local.js'
import { createKmsProvider } from '../../src/providers/create-provider.js'
import { providerContract, type ContractStates } from '../../src/testing/index.js'

const sound = localKms({ keys: { app: randomBytes(32), small: randomBytes(32) } })
const place = { provider: 'faulty', keyId: 'local/app', operation: 'unwrap' } as const
const unsupported = {
  missingKey: 'no',
  disabledKey: 'no',
  deniedKey: 'no',
  wrongLengthKey: 'no',
  slowService: 'no',
}

/** Names of the tests of the suite that fail for a provider. */
async function failuresOf(kms: KmsProvider, states: ContractStates = {}): Promise<string[]> {
  const tests: { name: string; body: () => Promise<void> }[] = []
  providerContract({
    name: 'faulty',
    create: () => kms,
    keyId: 'local/app',
    states,
    unsupported: Object.fromEntries(Object.entries(unsupported).filter(([state]) => !(state in states))),
    runner: {
      describe: (_, body) => {
        body()
      },
      test: (name, body) => tests.push({ name, body }),
    },
  })
  const failures: string[] = []
  for (const { name, body } of tests) {
    await body().catch(() => failures.push(name))
  }
  return failures
}

/** The sound provider, with every context replaced. */
function withContexts(change: (context: EncryptionContext) => EncryptionContext): KmsProvider {
  const changed = <Item extends WrapItem | UnwrapItem>(items: readonly Item[]): Item[] =>
    items.map((item) => ({ ...item, context: change(item.context) }))
  return {
    ...sound,
    wrap: (keyId, items, call) => sound.wrap(keyId, changed(items), call),
    unwrap: (keyId, items, call) => sound.unwrap(keyId, changed(items), call),
  }
}

/** The sound provider, with its answers to unwraps replaced. */
function withAnswers(
  change: (outcomes: readonly Outcome<Uint8Array>[]) => readonly Outcome<Uint8Array>[],
): KmsProvider {
  return { ...sound, unwrap: async (...args) => change(await sound.unwrap(...args)) }
}

const aborted = 'an aborted call rejects with KMS_ABORTED and does not disturb others'
const bigBatch = 'answers for every one of 1,000 items when one is bad'

test('a sound provider passes', async () => {
  expect(await failuresOf(sound)).toEqual([])
})

test.each<[string, KmsProvider, string]>([
  ['ignores contexts', withContexts(() => ({ a: 'b' })), 'refuses another context'],
  [
    'looks at the values of contexts only as a set',
    withContexts((context) => ({ values: Object.values(context).sort().join() })),
    'refuses a context whose values changed places',
  ],
  [
    'joins the pairs of a context',
    withContexts((context) => ({ text: Object.entries(context).sort().flat().join('') })),
    'tells contexts apart that read the same once their pairs are joined',
  ],
  [
    'joins the pairs of a context with delimiters',
    withContexts((context) => ({
      text: Object.entries(context)
        .sort()
        .map((pair) => pair.join('='))
        .join('&'),
    })),
    'tells contexts apart that read the same once their pairs are joined',
  ],
  [
    'looks at the names of contexts only',
    withContexts((context) => ({ names: Object.keys(context).sort().join() })),
    'refuses another context',
  ],
  [
    'ignores pairs that it does not know',
    withContexts(({ model_name = 'none', model_id = 'none' }) => ({ model_name, model_id })),
    'refuses a context with a pair more or a pair less',
  ],
  [
    'depends on the order of pairs',
    withContexts((context) => ({ text: JSON.stringify(context) })),
    'does not depend on the order of the pairs in a context',
  ],
  [
    'mixes up the order of its answers',
    withAnswers((outcomes) => [...outcomes].reverse()),
    'unwraps what it wrapped, item by item and in order',
  ],
  ['leaves out bad items', withAnswers((outcomes) => outcomes.filter(({ ok }) => ok)), bigBatch],
  [
    'rejects a batch for one bad item',
    withAnswers((outcomes) => {
      if (outcomes.some(({ ok }) => !ok)) throw kmsFailure('KMS_INVALID_CIPHERTEXT', place)
      return outcomes
    }),
    bigBatch,
  ],
  [
    'tells refusals as outages',
    withAnswers((outcomes) =>
      outcomes.map((one) => (one.ok ? one : { ok: false, error: kmsFailure('KMS_UNAVAILABLE', place) })),
    ),
    'refuses a tampered wrapped key',
  ],
  [
    'throws errors that are not the library’s',
    withAnswers((outcomes) => outcomes.map((one) => (one.ok ? one : { ok: false, error: new Error('no') }))),
    'refuses a truncated wrapped key',
  ],
  [
    'answers an empty batch with something',
    withAnswers((outcomes) => (outcomes.length > 0 ? outcomes : [{ ok: true, value: randomBytes(32) }])),
    'answers an empty batch with no outcomes',
  ],
  ['ignores aborts', { ...sound, wrap: (keyId, items) => sound.wrap(keyId, items, {}) }, aborted],
  [
    'ignores deadlines',
    { ...sound, unwrap: (keyId, items) => sound.unwrap(keyId, items, {}) },
    'a deadline that has passed gives KMS_TIMEOUT',
  ],
  [
    'wipes what it is given',
    {
      ...sound,
      wrap: async (keyId, items, call) => {
        const outcomes = await sound.wrap(keyId, items, call)
        for (const { plaintext } of items) plaintext.fill(0)
        return outcomes
      },
    },
    'leaves the items it is given untouched',
  ],
  [
    'stores keys as they are',
    {
      ...sound,
      wrap: (_, items) => Promise.resolve(items.map(({ plaintext }) => ({ ok: true, value: plaintext }))),
      unwrap: (_, items) => Promise.resolve(items.map(({ ciphertext }) => ({ ok: true, value: ciphertext }))),
    },
    'unwraps what it wrapped, item by item and in order',
  ],
  [
    'wraps keys of any length',
    {
      ...sound,
      wrap: (keyId, items, call) =>
        sound.wrap(
          keyId,
          items.map((item) => ({ ...item, plaintext: Buffer.concat([item.plaintext], 32) })),
          call,
        ),
    },
    'refuses to wrap what is not a 32-byte key',
  ],
  [
    'shows a data key in an error',
    {
      ...sound,
      wrap: async (keyId, items, call) => {
        const outcomes = await sound.wrap(keyId, items, call)
        return outcomes.map((one, index) => {
          const key = Buffer.from(items[index]?.plaintext ?? []).toString('hex')
          const details = { code: 'INVALID_VALUE', message: key, why: '', fix: '' } as const
          return one.ok ? one : { ok: false, error: new KmsEncryptedError(details) }
        })
      },
    },
    'refuses to wrap what is not a 32-byte key',
  ],
])('finds a provider that %s', async (_, kms, name) => {
  expect(await failuresOf(kms)).toContain(name)
})

test('finds a provider that lets concurrent calls meet', async () => {
  let latest: EncryptionContext = {}
  const kms: KmsProvider = {
    ...sound,
    unwrap: async (keyId, items, call) => {
      latest = items[0]?.context ?? latest
      await sleep(1)
      return sound.unwrap(
        keyId,
        items.map((item) => ({ ...item, context: items.length === 1 ? latest : item.context })),
        call,
      )
    },
  }
  expect(await failuresOf(kms)).toEqual(['serves concurrent calls independently'])
})

test('finds wrong answers about the state of a key, and services that are waited for too long', async () => {
  const slow = (isHeeded: boolean): KmsProvider => {
    const encrypt = async ({ signal }: { signal: AbortSignal }) => {
      await sleep(600, undefined, isHeeded ? { signal } : {})
      return randomBytes(60)
    }
    const kms = createKmsProvider({
      name: 'slow',
      accepts: () => true,
      encrypt,
      decrypt: encrypt,
      codeOf: () => undefined,
    })
    return isHeeded ? kms : { ...kms, wrap: (keyId, items) => kms.wrap(keyId, items, {}) }
  }
  const wrongLengthKey = async (_: string, context: EncryptionContext): Promise<Uint8Array> => {
    const [wrapped] = await sound.wrap('local/app', [{ plaintext: randomBytes(32), context }], {})
    return wrapped?.ok === true ? wrapped.value : new Uint8Array()
  }
  const states = { missingKey: () => 'local/small', disabledKey: () => 'local/missing', wrongLengthKey }
  expect(await failuresOf(sound, { ...states, slowService: () => slow(false) })).toEqual([
    'a key that does not exist gives KMS_KEY_NOT_FOUND',
    'a disabled key gives KMS_KEY_DISABLED',
    'refuses an unwrapped key that is not 32 bytes', // it had 32 bytes
    'a service slower than the deadline gives KMS_TIMEOUT, in time',
    'an abort ends a slow call with KMS_ABORTED, at once',
  ])
  expect(await failuresOf(sound, { slowService: () => slow(true) })).toEqual([])
})

test('a state is either brought about or declared unsupported with a reason', () => {
  const declare = (states: ContractStates, reasons: Partial<typeof unsupported>) => () => {
    providerContract({ name: 'x', create: () => sound, keyId: 'local/app', states, unsupported: reasons })
  }
  const { missingKey, ...others } = unsupported
  expect(declare({}, others)).toThrow('missingKey')
  expect(declare({ missingKey: () => 'local/x' }, { ...others, missingKey })).toThrow('missingKey')
})
