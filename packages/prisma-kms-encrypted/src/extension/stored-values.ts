/** `withoutDecryption(fn)`: lets the operations inside return what is stored, for backups, audits and tests. */
import { AsyncLocalStorage } from 'node:async_hooks'

const storedValues = new AsyncLocalStorage<true>()

/**
 * Runs `fn` with results left as they are stored: ciphertext instead of values, and no call to a key service for them.
 * Writes seal as always. Only what is awaited, or returned, inside `fn` counts. A record that is found through a blind
 * index is not checked against it; a truncated index, whose false finds only opened values show, serves nothing here.
 */
export function withoutDecryption<T>(fn: () => PromiseLike<T>): Promise<T> {
  return storedValues.run(true, async () => await fn())
}

/** Whether the current operation was called inside {@link withoutDecryption}. */
export function wantsStoredValues(): boolean {
  return storedValues.getStore() === true
}
