/** What the contract suite asserts with: items, outcomes, and errors that must show no plaintext. */
import { equal, fail, ok } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { isKmsEncryptedError } from '../errors.js'
import type { ErrorCode } from '../errors.js'
import type { EncryptionContext, KmsProvider, Outcome, UnwrapItem, WrapItem } from '../kms/provider.js'

/** A random data key under `context`. */
export function newItem(context: EncryptionContext): WrapItem {
  return { plaintext: randomBytes(32), context }
}

/** Wraps all items; fails unless every one succeeds. */
export async function wrapAll(
  kms: KmsProvider,
  keyId: string,
  items: readonly WrapItem[],
): Promise<readonly UnwrapItem[]> {
  const outcomes = await kms.wrap(keyId, items, {})
  equal(outcomes.length, items.length)
  return items.map(({ context }, index) => ({ ciphertext: valueOf(outcomes[index]), context }))
}

/** The same wrapped keys, each under the context of another. */
export function swapContexts(wrapped: readonly UnwrapItem[]): readonly UnwrapItem[] {
  const contexts = wrapped.map(({ context }) => context).reverse()
  return wrapped.map(({ ciphertext }, index) => ({ ciphertext, context: contexts[index] ?? fail() }))
}

/** Changes one byte of `bytes`, in place. */
export function flipByte(bytes: Uint8Array, position: number): Uint8Array {
  // Another letter for letters too, so that text formats stay decodable: the change must be found, not a syntax error.
  const byte = bytes[position] ?? fail('the ciphertext is too short to change')
  bytes[position] = byte === 0x41 ? 0x42 : 0x41
  return bytes
}

/** The outcome with bytes of its own. */
export function copyOutcome(outcome: Outcome<Uint8Array>): Outcome<Uint8Array> {
  return outcome.ok ? { ok: true, value: Uint8Array.from(outcome.value) } : outcome
}

/** A copy of the bytes of a success; throws the error of a failure. */
export function valueOf(outcome: Outcome<Uint8Array> | undefined): Uint8Array {
  if (outcome === undefined) fail('an outcome is missing')
  if (!outcome.ok) throw outcome.error
  return Uint8Array.from(outcome.value)
}

/** Positions of the failures. */
export function failedIndexes(outcomes: readonly Outcome<Uint8Array>[]): readonly number[] {
  return outcomes.flatMap(({ ok: succeeded }, index) => (succeeded ? [] : [index]))
}

/** What `pending` rejects with; fails if it does not. */
export async function rejectionOf(pending: Promise<unknown>): Promise<unknown> {
  return pending.then(
    () => fail('expected a rejection'),
    (error: unknown) => error,
  )
}

/** Expects a failure with one of `codes`. */
export function expectRefused(
  outcome: Outcome<Uint8Array> | undefined,
  codes: readonly ErrorCode[],
  items: readonly WrapItem[],
): void {
  if (outcome === undefined) fail('an outcome is missing')
  if (outcome.ok) fail(`expected ${codes.join(' or ')}, but it succeeded`)
  expectCode(outcome.error, codes, items)
}

/** Also looks for the plaintext keys of `items` in everything that the error shows. */
export function expectCode(error: unknown, codes: readonly ErrorCode[], items: readonly WrapItem[]): void {
  if (!isKmsEncryptedError(error)) fail(`expected a KmsEncryptedError, got ${inspect(error)}`)
  ok(codes.includes(error.code), `expected ${codes.join(' or ')}, got ${error.code}`)
  const shown = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error)
  for (const { plaintext } of items) {
    const bytes = Buffer.from(plaintext)
    if (bytes.byteLength < 8) continue
    for (const form of [bytes.toString('base64'), bytes.toString('hex'), inspect(bytes).slice(8, 30)]) {
      ok(!shown.includes(form), 'an error shows a plaintext key')
    }
  }
}
