/** Asks a key service to wrap and unwrap as it would for records, and takes every answer. */
import type { EncryptionContext, KmsCall, Outcome } from '../../kms/provider.js'
import { contextFor } from '../../records/context.js'
import type { KeyUse } from './key-uses.js'

/** Stands where the id of a record would: no record has it. */
const probeId = 'kms-encrypted-doctor'
const probeTimeoutMs = 10_000

/** A wrapped key with the context that it is bound to. */
export interface Wrapped {
  readonly ciphertext: Uint8Array
  readonly context: EncryptionContext
}

/** What every request of `doctor` gets: it waits, but not for ever. */
export function probeCall(): KmsCall {
  return { deadlineMs: Date.now() + probeTimeoutMs }
}

/** The context that a record of the key would have, with an id that none has. */
export function probeContext({ key, version, groups }: KeyUse): EncryptionContext {
  const [group] = groups
  if (!group) return { model_name: key, model_id: probeId }
  try {
    return contextFor(group, version, { id: probeId, columns: {} }).pairs
  } catch {
    // A context of the user's own, which needs values of a record.
    const { namespace } = group.config
    return { model_name: group.contextModel, model_id: probeId, ...(namespace === null ? {} : { namespace }) }
  }
}

/** Has bytes wrapped. */
export function wrapProbe({ provider, keyId }: KeyUse, plaintext: Uint8Array, context: EncryptionContext) {
  return firstOutcome((call) => provider.wrap(keyId, [{ plaintext, context }], call))
}

/** Has a wrapped key unwrapped. */
export function unwrapProbe({ provider, keyId }: KeyUse, ciphertext: Uint8Array, context: EncryptionContext) {
  return firstOutcome((call) => provider.unwrap(keyId, [{ ciphertext, context }], call))
}

async function firstOutcome(
  send: (call: KmsCall) => Promise<readonly Outcome<Uint8Array>[]>,
): Promise<Outcome<Uint8Array>> {
  try {
    const [outcome] = await send(probeCall())
    return outcome ?? { ok: false, error: new Error('the provider answered nothing') }
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error : new Error('the provider failed') }
  }
}
