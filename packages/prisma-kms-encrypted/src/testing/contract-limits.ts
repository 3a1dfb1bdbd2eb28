/** The part of the contract about calls that end early: aborts and deadlines. */
import type { EncryptionContext, KmsProvider } from '../kms/provider.js'
import { expectCode, newItem, rejectionOf, valueOf } from './contract-assertions.js'
import type { ContractRunner } from './contract-runner.js'

const ada: EncryptionContext = { model_name: 'User', model_id: '1' }

/** Declares the tests of aborts and deadlines. */
export function declareLimits(
  test: ContractRunner['test'],
  provider: () => Promise<KmsProvider>,
  keyId: () => string,
): void {
  test('an aborted call rejects with KMS_ABORTED and does not disturb others', async () => {
    const kms = await provider()
    const item = newItem(ada)
    const aborted = kms.wrap(keyId(), [item], {
      signal: AbortSignal.abort(new Error('reason of the caller')),
    })
    const other = kms.wrap(keyId(), [item], {})
    expectCode(await rejectionOf(aborted), ['KMS_ABORTED'], [item])
    valueOf((await other)[0])
  })

  test('a signal that fires during a call ends it', async () => {
    const kms = await provider()
    const items = Array.from({ length: 200 }, () => newItem(ada))
    const controller = new AbortController()
    const pending = kms.wrap(keyId(), items, { signal: controller.signal })
    controller.abort()
    // A provider that finished within the same tick has nothing left to abort.
    const result = await pending.catch((error: unknown) => error)
    if (!Array.isArray(result)) expectCode(result, ['KMS_ABORTED'], items)
  })

  test('a deadline that has passed gives KMS_TIMEOUT', async () => {
    const kms = await provider()
    const item = newItem(ada)
    const error = await rejectionOf(
      kms.unwrap(keyId(), [{ ciphertext: new Uint8Array(9), context: ada }], { deadlineMs: 1 }),
    )
    expectCode(error, ['KMS_TIMEOUT'], [item])
  })
}
