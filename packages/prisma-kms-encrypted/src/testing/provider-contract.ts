/** The behaviour every provider must show, as a suite for any test runner that has `describe` and `test`. */
import { deepEqual, equal, fail, ok } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { ErrorCode } from '../errors.js'
import type { EncryptionContext, KmsCall, KmsProvider, UnwrapItem } from '../kms/provider.js'
import {
  newItem,
  wrapAll,
  swapContexts,
  flipByte,
  copyOutcome,
  valueOf,
  failedIndexes,
  expectRefused,
} from './contract-assertions.js'
import { globalRunner } from './contract-runner.js'
import type { ContractRunner } from './contract-runner.js'
import { declareLimits } from './contract-limits.js'
import { contractStates, declareStates } from './contract-states.js'
import type { ContractState, ContractStates } from './contract-states.js'

/**
 * Options of {@link providerContract}. Each state is either in `states` or, with the reason, in `unsupported`.
 * `joinedContexts` is for stand-ins of a service that run the pairs of a context together; a provider must not.
 */
export interface ProviderContractOptions {
  readonly name: string
  readonly create: () => Promise<KmsProvider> | KmsProvider
  /** The id of a usable key; a function when it is known only once the service runs. */
  readonly keyId: string | (() => string)
  readonly states: ContractStates
  /** Why a state cannot be brought about here; shown as the name of a test, so that nothing is skipped in silence. */
  readonly unsupported: { readonly [state in ContractState | 'joinedContexts']?: string }
  /** Defaults to the globals `describe` and `test`. */
  readonly runner?: ContractRunner
}

const ada: EncryptionContext = { model_name: 'User', model_id: '1' }
const bob: EncryptionContext = { model_name: 'User', model_id: '2' }
const noLimits: KmsCall = {}

/**
 * Declares the contract suite of one provider.
 * @throws Error when a state is neither brought about nor declared unsupported, or is both
 */
export function providerContract(options: ProviderContractOptions): void {
  const { describe, test } = options.runner ?? globalRunner()
  for (const state of contractStates) {
    if ((options.states[state] === undefined) === (options.unsupported[state] === undefined)) {
      throw new Error(
        `providerContract(${options.name}): give exactly one of states.${state} and unsupported.${state}`,
      )
    }
  }
  let created: Promise<KmsProvider> | undefined
  const provider = (): Promise<KmsProvider> => (created ??= Promise.resolve(options.create()))
  const keyId = (): string => (typeof options.keyId === 'string' ? options.keyId : options.keyId())

  describe(`provider contract: ${options.name}`, () => {
    declareRoundTrips(test, provider, keyId)
    declareRefusals(test, provider, keyId)
    if (options.unsupported.joinedContexts === undefined) declareJoinedContexts(test, provider, keyId)
    declareLimits(test, provider, keyId)
    declareStates(test, provider, keyId, options.states)
    for (const [state, why] of Object.entries(options.unsupported)) {
      test(`${state} is not tested here: ${why}`, () => Promise.resolve())
    }
  })
}

type Test = ContractRunner['test']
type GetProvider = () => Promise<KmsProvider>

function declareRoundTrips(test: Test, provider: GetProvider, keyId: () => string): void {
  test('accepts the key id', async () => {
    ok((await provider()).accepts(keyId()))
  })

  test('unwraps what it wrapped, item by item and in order', async () => {
    const kms = await provider()
    const items = [
      newItem(ada),
      newItem(bob),
      newItem({ purpose: 'blind-index' }),
      newItem({ 'ключ "1"': 'a,b=c' }),
    ]
    const wrapped = await wrapAll(kms, keyId(), items)
    const keys = await kms.unwrap(keyId(), wrapped, noLimits)
    deepEqual(
      keys.map(valueOf),
      items.map(({ plaintext }) => Uint8Array.from(plaintext)),
    )
    wrapped.forEach(({ ciphertext }, index) => {
      ok(!Buffer.from(ciphertext).equals(Buffer.from(items[index]?.plaintext ?? [])))
    })
  })

  test('does not depend on the order of the pairs in a context', async () => {
    const kms = await provider()
    const item = newItem({ model_name: 'User', model_id: '1' })
    const [wrapped] = await wrapAll(kms, keyId(), [item])
    const reordered = {
      ciphertext: wrapped?.ciphertext ?? fail(),
      context: { model_id: '1', model_name: 'User' },
    }
    const [outcome] = await kms.unwrap(keyId(), [reordered], noLimits)
    deepEqual(valueOf(outcome), Uint8Array.from(item.plaintext))
  })

  test('leaves the items it is given untouched', async () => {
    const kms = await provider()
    const item = newItem(ada)
    const plaintextBefore = Uint8Array.from(item.plaintext)
    const [wrapped] = await wrapAll(kms, keyId(), [item])
    const ciphertextBefore = Uint8Array.from(wrapped?.ciphertext ?? fail())
    await kms.unwrap(keyId(), wrapped === undefined ? [] : [wrapped], noLimits)
    deepEqual(Uint8Array.from(item.plaintext), plaintextBefore)
    deepEqual(Uint8Array.from(wrapped?.ciphertext ?? fail()), ciphertextBefore)
  })

  test('answers an empty batch with no outcomes', async () => {
    const kms = await provider()
    deepEqual([...(await kms.wrap(keyId(), [], noLimits))], [])
    deepEqual([...(await kms.unwrap(keyId(), [], noLimits))], [])
  })

  test('serves concurrent calls independently', async () => {
    const kms = await provider()
    const items = Array.from({ length: 20 }, (_, index) =>
      newItem({ model_name: 'User', model_id: String(index) }),
    )
    const wrapped = await Promise.all(items.map((item) => wrapAll(kms, keyId(), [item])))
    const keys = await Promise.all(wrapped.map((batch) => kms.unwrap(keyId(), batch, noLimits)))
    deepEqual(
      keys.map(([outcome]) => valueOf(outcome)),
      items.map(({ plaintext }) => Uint8Array.from(plaintext)),
    )
  })

  test('rewraps to another ciphertext of the same key, if it can rewrap', async () => {
    const kms = await provider()
    if (kms.rewrap === undefined) return
    const items = [newItem(ada), newItem(bob)]
    const wrapped = await wrapAll(kms, keyId(), items)
    const swapped = swapContexts(wrapped)
    const rewrapped = (await kms.rewrap(keyId(), [...wrapped, ...swapped], noLimits)).map(copyOutcome)
    rewrapped.slice(2).forEach((outcome) => {
      expectRefused(outcome, ['KMS_INVALID_CIPHERTEXT'], items)
    })
    const again = wrapped.map(({ context }, index) => ({ ciphertext: valueOf(rewrapped[index]), context }))
    const keys = await kms.unwrap(keyId(), again, noLimits)
    deepEqual(
      keys.map(valueOf),
      items.map(({ plaintext }) => Uint8Array.from(plaintext)),
    )
  })
}

function declareRefusals(test: Test, provider: GetProvider, keyId: () => string): void {
  const refuses = (
    name: string,
    change: (wrapped: readonly UnwrapItem[]) => readonly UnwrapItem[],
    codes: readonly ErrorCode[] = ['KMS_INVALID_CIPHERTEXT'],
  ): void => {
    test(name, async () => {
      const kms = await provider()
      const items = [newItem(ada), newItem(bob)]
      const changed = change(await wrapAll(kms, keyId(), items))
      const outcomes = await kms.unwrap(keyId(), changed, noLimits)
      equal(outcomes.length, changed.length)
      outcomes.forEach((outcome) => {
        expectRefused(outcome, codes, items)
      })
    })
  }
  const changeBytes = (change: (bytes: Uint8Array) => Uint8Array) => (wrapped: readonly UnwrapItem[]) =>
    wrapped.map(({ ciphertext, context }) => ({ ciphertext: change(Uint8Array.from(ciphertext)), context }))

  refuses('refuses another context', (wrapped) =>
    wrapped.map(({ ciphertext }) => ({ ciphertext, context: { model_name: 'User', model_id: '3' } })),
  )
  refuses('refuses a context with a pair more or a pair less', (wrapped) => [
    ...wrapped.map(({ ciphertext, context }) => ({ ciphertext, context: { ...context, namespace: 'x' } })),
    ...wrapped.map(({ ciphertext }) => ({ ciphertext, context: { model_name: 'User' } })),
  ])
  refuses('refuses a context whose values changed places', (wrapped) =>
    wrapped.map(({ ciphertext, context }) => ({
      ciphertext,
      context: { model_name: context['model_id'] ?? fail(), model_id: context['model_name'] ?? fail() },
    })),
  )
  refuses('refuses wrapped keys whose contexts were swapped', swapContexts)
  refuses(
    'refuses a tampered wrapped key',
    changeBytes((bytes) => flipByte(bytes, bytes.byteLength - 6)),
  )
  refuses(
    'refuses a truncated wrapped key',
    changeBytes((bytes) => bytes.subarray(0, bytes.byteLength - 5)),
  )
  refuses(
    'refuses an empty wrapped key',
    changeBytes(() => new Uint8Array()),
  )
  refuses(
    'refuses what never was a wrapped key',
    changeBytes((bytes) => randomBytes(bytes.byteLength)),
  )
  refuses(
    'refuses contexts that are not pairs of strings, before anything is sent',
    (wrapped) => {
      const broken: unknown[] = [
        {},
        { model_id: 1 },
        { model_id: null },
        { model_id: '' },
        { model_id: '\ud800' },
      ]
      const tooMany = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`pair${index}`, 'x']))
      // The casts give what untyped callers can give.
      return [...broken, tooMany].map((context) => ({
        ciphertext: wrapped[0]?.ciphertext ?? fail(),
        context: context as EncryptionContext,
      }))
    },
    ['INVALID_CONTEXT'],
  )

  test('refuses to wrap what is not a 32-byte key', async () => {
    const kms = await provider()
    const items = [0, 16, 31, 33].map((bytes) => ({ plaintext: randomBytes(bytes), context: ada }))
    for (const outcome of await kms.wrap(keyId(), items, noLimits))
      expectRefused(outcome, ['INVALID_VALUE'], items)
  })

  test('answers for every one of 1,000 items when one is bad', async () => {
    const kms = await provider()
    const items = Array.from({ length: 1000 }, (_, index) =>
      newItem({ model_name: 'User', model_id: String(index) }),
    )
    const badWrap = items.map((item, index) =>
      index === 500 ? { ...item, plaintext: randomBytes(5) } : item,
    )
    const wrapOutcomes = await kms.wrap(keyId(), badWrap, noLimits)
    deepEqual(failedIndexes(wrapOutcomes), [500])
    const wrapped = wrapOutcomes.flatMap((outcome, index) =>
      outcome.ok
        ? [{ ciphertext: Uint8Array.from(outcome.value), context: items[index]?.context ?? fail() }]
        : [],
    )
    const changed = wrapped.map((item, index) => (index === 700 ? { ...item, context: bob } : item))
    const outcomes = await kms.unwrap(keyId(), changed, noLimits)
    deepEqual(failedIndexes(outcomes), [700])
    const expected = items.filter((_, index) => index !== 500)
    outcomes.forEach((outcome, index) => {
      if (index === 700) expectRefused(outcome, ['KMS_INVALID_CIPHERTEXT'], items.slice(701, 702))
      else deepEqual(valueOf(outcome), Uint8Array.from(expected[index]?.plaintext ?? fail()))
    })
  })
}

function declareJoinedContexts(test: Test, provider: GetProvider, keyId: () => string): void {
  test('tells contexts apart that read the same once their pairs are joined', async () => {
    const kms = await provider()
    const joined: readonly (readonly [EncryptionContext, EncryptionContext])[] = [
      [{ ab: 'c' }, { a: 'bc' }],
      [{ a: 'b', c: 'd' }, { a: 'bcd' }],
      ...[',', '&', ';', '\n', '\0', '|'].flatMap((between) =>
        ['=', ':', '\0'].map((within) => [{ a: 'b', c: 'd' }, { a: `b${between}c${within}d` }] as const),
      ),
      [{ a: 'b', c: 'd' }, { a: 'b","c":"d' }],
    ]
    const items = joined.map(([context]) => newItem(context))
    const wrapped = await wrapAll(kms, keyId(), items)
    const changed = wrapped.map(({ ciphertext }, index) => ({
      ciphertext,
      context: joined[index]?.[1] ?? fail(),
    }))
    for (const outcome of await kms.unwrap(keyId(), changed, noLimits)) {
      expectRefused(outcome, ['KMS_INVALID_CIPHERTEXT'], items)
    }
  })
}
