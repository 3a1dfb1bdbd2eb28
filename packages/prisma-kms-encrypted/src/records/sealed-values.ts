/** Remembers what one operation has sealed, so that nothing of its own result has to be decrypted to be known. */
import type { DataKey } from '../envelope/data-key.js'
import type { SealedField } from './models.js'

interface SealedValue {
  readonly field: SealedField
  readonly key: DataKey
  readonly value: string
}

/**
 * The texts that one operation has sealed, by the ciphertext they became. Whatever a result is checked for before it is
 * opened (its record, its key column) stays checked: a value is given for the same field under the same data key only.
 */
export class SealedValues {
  readonly #values = new Map<unknown, SealedValue>()

  /** Keeps a value, if it is a text: others are objects, which the caller may still change. */
  remember(field: SealedField, stored: unknown, key: DataKey, value: unknown): void {
    if (field.type === 'String' && typeof value === 'string') this.#values.set(stored, { field, key, value })
  }

  /** What opening `stored` would give; `undefined` when this operation has not sealed it. */
  find(field: SealedField, stored: unknown, key: DataKey): string | undefined {
    if (this.#values.size === 0) return undefined // as in every read, where looking would hash each ciphertext
    const sealed = this.#values.get(stored)
    return sealed?.field === field && sealed.key === key ? sealed.value : undefined
  }
}
