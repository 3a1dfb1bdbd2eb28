/** The part of the contract that needs a key or a service in a certain state, which only the provider's author can make. */
import { ok } from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ErrorCode } from '../errors.js'
import type { EncryptionContext, KmsProvider, Outcome } from '../kms/provider.js'
import { expectCode, expectRefused, newItem, rejectionOf, wrapAll } from './contract-assertions.js'
import type { ContractRunner } from './contract-runner.js'

/** Circumstances that only the author of a provider can bring about. */
export type ContractState = 'missingKey' | 'disabledKey' | 'deniedKey' | 'wrongLengthKey' | 'slowService'

/** How to bring each state about: a key id, a wrapped key, or a provider in that state. */
export interface ContractStates {
  /** A well-formed key id that the service does not know. */
  readonly missingKey?: () => Promise<string> | string
  /** The id of a key that the service has disabled. */
  readonly disabledKey?: () => Promise<string> | string
  /** A provider whose credentials may do nothing with this key, and the key id. */
  readonly deniedKey?: () => Promise<DeniedKey> | DeniedKey
  /** A ciphertext of `keyId` under `context` whose plaintext is not 32 bytes. */
  readonly wrongLengthKey?: (keyId: string, context: EncryptionContext) => Promise<Uint8Array> | Uint8Array
  /** A provider whose service answers later than 500 ms. */
  readonly slowService?: () => Promise<KmsProvider> | KmsProvider
}

/** A provider that may not use a key. */
export interface DeniedKey {
  readonly provider: KmsProvider
  readonly keyId: string
  /** Operations that are denied; both by default. */
  readonly operations?: readonly ('wrap' | 'unwrap')[]
}

/** Every state. */
export const contractStates: readonly ContractState[] = [
  'missingKey',
  'disabledKey',
  'deniedKey',
  'wrongLengthKey',
  'slowService',
]

const ada: EncryptionContext = { model_name: 'User', model_id: '1' }
const bob: EncryptionContext = { model_name: 'User', model_id: '2' }

/** Declares one test for each state that can be brought about. */
export function declareStates(
  test: ContractRunner['test'],
  provider: () => Promise<KmsProvider>,
  keyId: () => string,
  states: ContractStates,
): void {
  const { missingKey, disabledKey, deniedKey, wrongLengthKey, slowService } = states
  const expectAll = async (
    kms: KmsProvider,
    id: string,
    codes: readonly ErrorCode[],
    operations = ['wrap', 'unwrap'],
  ) => {
    const items = [newItem(ada), newItem(bob)]
    // Where the key itself cannot wrap, ciphertext of the usable key stands in.
    const wrapped = await wrapAll(await provider(), keyId(), items)
    if (operations.includes('wrap')) {
      for (const outcome of await kms.wrap(id, items, {})) expectRefused(outcome, codes, items)
    }
    if (operations.includes('unwrap')) {
      for (const outcome of await kms.unwrap(id, wrapped, {})) expectRefused(outcome, codes, items)
    }
  }
  if (missingKey) {
    test('a key that does not exist gives KMS_KEY_NOT_FOUND', async () => {
      await expectAll(await provider(), await missingKey(), ['KMS_KEY_NOT_FOUND'])
    })
  }
  if (disabledKey) {
    test('a disabled key gives KMS_KEY_DISABLED', async () => {
      await expectAll(await provider(), await disabledKey(), ['KMS_KEY_DISABLED'])
    })
  }
  if (deniedKey) {
    test('missing permission gives KMS_ACCESS_DENIED', async () => {
      const denied = await deniedKey()
      await expectAll(
        denied.provider,
        denied.keyId,
        ['KMS_ACCESS_DENIED'],
        [...(denied.operations ?? ['wrap', 'unwrap'])],
      )
    })
  }
  if (wrongLengthKey) {
    test('refuses an unwrapped key that is not 32 bytes', async () => {
      const ciphertext = await wrongLengthKey(keyId(), ada)
      const [outcome] = await (await provider()).unwrap(keyId(), [{ ciphertext, context: ada }], {})
      expectRefused(outcome, ['KMS_INVALID_CIPHERTEXT'], [])
    })
  }
  if (slowService) {
    test('a service slower than the deadline gives KMS_TIMEOUT, in time', async () => {
      const kms = await slowService()
      const item = newItem(ada)
      const started = Date.now()
      const result = await kms
        .wrap(keyId(), [item], { deadlineMs: started + 200 })
        .catch((error: unknown) => error)
      ok(Date.now() - started < 450, 'gave up long after the deadline')
      // The cast: what is no error is the outcomes.
      if (result instanceof Error) expectCode(result, ['KMS_TIMEOUT'], [item])
      else expectRefused((result as readonly Outcome<Uint8Array>[])[0], ['KMS_TIMEOUT'], [item])
    })
    test('an abort ends a slow call with KMS_ABORTED, at once', async () => {
      const kms = await slowService()
      const item = newItem(ada)
      const controller = new AbortController()
      const pending = kms.wrap(keyId(), [item], { signal: controller.signal })
      await sleep(50)
      const aborted = Date.now()
      controller.abort(new Error('reason of the caller'))
      expectCode(await rejectionOf(pending), ['KMS_ABORTED'], [item])
      ok(Date.now() - aborted < 250, 'gave up long after the abort')
    })
  }
}
