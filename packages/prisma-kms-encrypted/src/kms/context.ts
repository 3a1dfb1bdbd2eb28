/** Checks an encryption context and turns it into the one JSON text that services without named pairs are given. */
import { KmsEncryptedError } from '../errors.js'
import type { EncryptionContext } from './provider.js'

/** More pairs than this are refused: AWS logs every pair, and a context is an identity, not a document. */
export const maxContextPairs = 8

const exactTexts = new WeakMap<EncryptionContext, string>()

/**
 * A context with a text of its own instead of the canonical one, for keys that another library wrapped: pairs in another
 * order, numbers among the values, or no pair at all.
 * @param text the JSON of an object of strings and numbers, exactly as it was sent
 */
export function exactContext(text: string): EncryptionContext {
  const pairs = Object.entries(JSON.parse(text) as object) // the caller has just made this JSON of an object
  const context = Object.freeze(Object.fromEntries(pairs.map(([name, value]) => [name, String(value)])))
  exactTexts.set(context, text)
  return context
}

/** No context at all, for what another library wrapped without one: no pairs, and an empty text. */
export const absentContext: EncryptionContext = Object.freeze({})
exactTexts.set(absentContext, '')

/** The own text of an {@link exactContext}; `null` for every other context. */
export function exactTextOf(context: EncryptionContext): string | null {
  return exactTexts.get(context) ?? null
}

/**
 * Checks that a context has 1 to 8 pairs of non-empty, well-formed strings.
 * @throws INVALID_CONTEXT
 */
export function validateContext(context: EncryptionContext): void {
  // The type promises strings, but contexts come from users' functions, which may be plain JavaScript.
  const given: unknown = context
  if (exactTextOf(context) !== null) return
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw invalidContext(`expected an object of string pairs, got ${describeType(given)}`)
  }
  const names = Object.keys(given)
  if (names.length === 0) throw invalidContext('expected at least one pair, got none')
  if (names.length > maxContextPairs) {
    throw invalidContext(`expected at most ${maxContextPairs} pairs, got ${names.length}`)
  }
  for (const name of names) {
    const value: unknown = context[name]
    if (!isUsableText(name)) throw invalidContext('a name is empty or not well-formed Unicode')
    if (typeof value !== 'string') {
      throw invalidContext(
        `the value of ${JSON.stringify(name)} must be a string, got ${describeType(value)}`,
      )
    }
    if (!isUsableText(value)) {
      throw invalidContext(`the value of ${JSON.stringify(name)} is empty or not well-formed Unicode`)
    }
  }
}

/**
 * The context as JSON with names sorted by their UTF-8 bytes and without spaces. Google Cloud takes it as
 * `additionalAuthenticatedData`, Vault as `context`, the local provider as AAD. A stored format: never change it. An
 * {@link exactContext} keeps its own text.
 * @throws INVALID_CONTEXT
 */
export function canonicalContextJson(context: EncryptionContext): string {
  const exact = exactTextOf(context)
  if (exact !== null) return exact
  validateContext(context)
  // Not JSON.stringify of a sorted object: engines put integer-like names first, whatever the insertion order.
  let text = ''
  for (const name of Object.keys(context).sort(compareUtf8)) {
    text += `${text === '' ? '{' : ','}${JSON.stringify(name)}:${JSON.stringify(context[name])}`
  }
  return `${text}}`
}

const surrogate = /[\ud800-\udfff]/

/** JavaScript's own order is that of the UTF-8 bytes, unless a name has characters beyond 16 bits. */
function compareUtf8(a: string, b: string): number {
  if (surrogate.test(a) || surrogate.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : 1 // names are unique
}

/** Node has `isWellFormed` since 20; TypeScript lists it only in the library of ES2024, hence the cast. */
function isUsableText(text: string): boolean {
  return text !== '' && (text as string & { isWellFormed(): boolean }).isWellFormed()
}

function describeType(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}

function invalidContext(detail: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONTEXT',
    message: `Encryption context: ${detail}`,
    why: 'A wrapped key opens only under exactly the context it was wrapped with, so each pair must be plain, exact text.',
    fix: `Return 1 to ${maxContextPairs} pairs of non-empty strings from the context function; write String(value) for other types.`,
  })
}
