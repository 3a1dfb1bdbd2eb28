/** Seals planned values in place: in the plan's own arguments, never in the caller's. */
import type { DataKey } from '../envelope/data-key.js'
import type { Slot } from './data-plan.js'
import type { SealedValues } from './sealed-values.js'

/**
 * Seals values under one data key. May run again on the same slots with another key, since they keep the plaintext.
 * @param sealed remembers them for the operation's result
 * @throws KmsEncryptedError `INVALID_VALUE`, `VALUE_TOO_LONG`
 */
export function sealSlots(slots: readonly Slot[], key: DataKey, sealed?: SealedValues): void {
  for (const { field, data, value } of slots) {
    const stored = field.codec.seal(value, key)
    data[field.name] = stored
    sealed?.remember(field, stored, key, value)
  }
}
