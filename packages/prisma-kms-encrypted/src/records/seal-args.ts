/** Seals planned values in place: in the plan's own arguments, never in the caller's. */
import type { DataKey } from '../envelope/data-key.js'
import type { Slot } from './data-plan.js'

/**
 * Seals values under one data key. May run again on the same slots with another key, since they keep the plaintext.
 * @throws KmsEncryptedError `INVALID_VALUE`, `VALUE_TOO_LONG`
 */
export function sealSlots(slots: readonly Slot[], key: DataKey): void {
  for (const { field, data, value } of slots) data[field.name] = field.codec.seal(value, key)
}
