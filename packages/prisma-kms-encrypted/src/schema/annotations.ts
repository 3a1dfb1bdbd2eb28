/**
 * Turns the documentation text of a schema element into this library's annotations.
 *
 * An annotation stands at the beginning of a documentation line, or after another annotation on that line:
 *
 * ```prisma
 * /// Where we send invoices to.
 * /// @encrypted(key: billing)
 * email String? /// @zod.string().email() @encrypted
 * ```
 *
 * Everything fails closed, because an annotation that is overlooked leaves a column in plaintext: misspelt names
 * are errors, and so is one of our names inside prose (`see @encrypted`) unless it is quoted (`` `@encrypted` ``),
 * and text that follows one of our annotations on its line. Other libraries' annotations are skipped.
 */
import { KmsEncryptedError } from '../errors.js'
import {
  type AnnotationOptions,
  noOptions,
  type OptionValue,
  parseOptions,
  type Refuse,
} from './annotation-options.js'
import { createScanner, type Scanner, skipForeignAnnotation } from './annotation-scanner.js'
import {
  type AnnotationName,
  annotationNames,
  findMention,
  findNearMiss,
  isAnnotationName,
} from './annotation-names.js'
import type { NormalizeStep } from './model.js'

/** Name of the key group of fields and key columns that name none. */
export const defaultKey = 'default'

/** Steps that a blind index applies to a value, in the order given, before it is hashed. */
export const normalizeSteps = [
  'trim',
  'lowercase',
  'nfkc',
  'diacritics',
  'digits',
] as const satisfies readonly NormalizeStep[]

/** Length of a full blind index (HMAC-SHA-256); a truncated one is shorter. */
const fullIndexBits = 256

/** `@encrypted(key: …, name: …)`. */
export interface EncryptedAnnotation {
  readonly kind: 'encrypted'
  readonly key: string
  /** The pinned cryptographic name, or `null`: the field's own. */
  readonly name: string | null
}

/** `@kmsKey(key, model: …)`. */
export interface KmsKeyAnnotation {
  readonly kind: 'kmsKey'
  readonly key: string
  /** The pinned cryptographic name of the model, or `null`: the model's own. */
  readonly model: string | null
}

/** `@kmsId`. */
export interface KmsIdAnnotation {
  readonly kind: 'kmsId'
}

/** `@blindIndex(field, normalize: […], bits: n, verify: false)`. */
export interface BlindIndexAnnotation {
  readonly kind: 'blindIndex'
  /** The encrypted field that the index stands for. */
  readonly field: string
  readonly normalize: readonly NormalizeStep[]
  /** Bits that are kept of the hash; `null`: all. */
  readonly bits: number | null
  /** Whether rows found through the index are checked against it once they are opened; `true` unless given. */
  readonly verify: boolean
}

/** One annotation of this library. */
export type Annotation = EncryptedAnnotation | KmsKeyAnnotation | KmsIdAnnotation | BlindIndexAnnotation

/**
 * Parses the annotations out of `documentation`.
 *
 * @param documentation the element's `///` lines joined by `\n`, as in Prisma's DMMF
 * @param place the element, such as `User.email`, for messages
 * @throws KmsEncryptedError `INVALID_SCHEMA_COMMENT`
 */
export function parseAnnotations(documentation: string, place: string): readonly Annotation[] {
  return documentation.split(/\r\n|\r|\n/).flatMap((line) => parseLine(line, place))
}

function parseLine(line: string, place: string): Annotation[] {
  const scanner = createScanner(line)
  const annotations: Annotation[] = []
  let afterOurs = false
  scanner.skipSpaces()
  while (scanner.skip('@')) {
    const word = scanner.takeWord()
    const annotation = parseAnnotation(scanner, word, place)
    if (annotation) annotations.push(annotation)
    else refuseProse(skipForeignAnnotation(scanner) ?? '', false, place)
    afterOurs = annotation !== null
    scanner.skipSpaces()
  }
  refuseProse(scanner.takeRest(), afterOurs, place)
  return annotations
}

/** Parses what follows `@word`; `null` if the annotation is not ours. */
function parseAnnotation(scanner: Scanner, word: string, place: string): Annotation | null {
  if (!isAnnotationName(word)) {
    const meant = findNearMiss(word)
    if (meant === null) return null
    throw invalidComment(place, `expected @${meant}, got @${word}`, `Write @${meant}, or rename @${word}.`)
  }
  const refuse: Refuse = (found, fix) => {
    throw invalidComment(place, `${found} in @${word}`, fix)
  }
  const options = scanner.skip('(') ? parseOptions(scanner, refuse) : noOptions
  const spaced = scanner.skipSpaces()
  if (spaced && scanner.peek() === '(' && options === noOptions) {
    refuse('a space before the parenthesis', `Write @${word}(…) without a space.`)
  }
  if (!spaced && scanner.peek() !== '') {
    refuse(`an unexpected "${scanner.peek()}"`, `End @${word} by a space or the end of the line.`)
  }
  return builders[word](options, refuse)
}

function refuseProse(rest: string, afterOurs: boolean, place: string): void {
  if (rest === '') return
  if (afterOurs) {
    throw invalidComment(
      place,
      `text after an annotation on the same line: "${abbreviate(rest)}"`,
      'Move the text to a `///` line of its own, or put options into a parenthesis right after the name.',
    )
  }
  const mentioned = findMention(rest)
  if (mentioned === null) return
  throw invalidComment(
    place,
    `@${mentioned} in the middle of a line`,
    `To annotate, write @${mentioned} at the beginning of a \`///\` line; to mention it, write \`@${mentioned}\` in backticks.`,
  )
}

type Builder = (options: AnnotationOptions, refuse: Refuse) => Annotation

const builders: Readonly<Record<AnnotationName, Builder>> = {
  encrypted: (options, refuse) => {
    expectNames(options, ['key', 'name'], refuse)
    if (options.positional[0] !== undefined) {
      refuse(`unnamed option "${options.positional[0]}"`, `Write @encrypted(key: ${options.positional[0]}).`)
    }
    return {
      kind: 'encrypted',
      key: readIdentifier(options, 'key', refuse) ?? defaultKey,
      name: readIdentifier(options, 'name', refuse),
    }
  },
  kmsKey: (options, refuse) => {
    expectNames(options, ['model'], refuse)
    return {
      kind: 'kmsKey',
      key: readPositional(options, refuse) ?? defaultKey,
      model: readIdentifier(options, 'model', refuse),
    }
  },
  kmsId: (options, refuse) => {
    if (options !== noOptions) refuse('options', 'Write @kmsId alone.')
    return { kind: 'kmsId' }
  },
  blindIndex: (options, refuse) => {
    expectNames(options, ['normalize', 'bits', 'verify'], refuse)
    const field = readPositional(options, refuse)
    if (field === null) return refuse('no field', 'Name the encrypted field first: @blindIndex(email).')
    return {
      kind: 'blindIndex',
      field,
      normalize: readNormalize(options, refuse),
      bits: readBits(options, refuse),
      verify: readVerify(options, refuse),
    }
  },
}

function expectNames(options: AnnotationOptions, known: readonly string[], refuse: Refuse): void {
  for (const name of options.named.keys()) {
    if (!known.includes(name)) refuse(`unknown option "${name}"`, `Known options: ${known.join(', ')}.`)
  }
}

function readPositional(options: AnnotationOptions, refuse: Refuse): string | null {
  const [first, second] = options.positional
  if (second !== undefined) refuse(`a second unnamed option "${second}"`, 'Give one name.')
  return first === undefined ? null : checkIdentifier(first, refuse)
}

function readIdentifier(options: AnnotationOptions, name: string, refuse: Refuse): string | null {
  const value = options.named.get(name)
  if (value === undefined) return null
  if (value.kind === 'list') return refuse(`a list for "${name}"`, 'Give one name.')
  return checkIdentifier(value.word, refuse)
}

/** Names are Prisma identifiers, so that they are also plain property names and safe in every context. */
function checkIdentifier(word: string, refuse: Refuse): string {
  if (/^[A-Za-z][A-Za-z0-9_]*$/.test(word)) return word
  return refuse(
    `the invalid name "${word}"`,
    'Begin with a letter; then use letters, digits and "_" only (ASCII).',
  )
}

function readNormalize(options: AnnotationOptions, refuse: Refuse): readonly NormalizeStep[] {
  const value = options.named.get('normalize')
  if (value === undefined) return []
  if (value.kind !== 'list' || value.words.length === 0) {
    return refuse('no list for "normalize"', 'Write normalize: [trim, lowercase], or leave it out.')
  }
  return value.words.map((word, index) => {
    if (value.words.indexOf(word) !== index) refuse(`the step "${word}" twice`, `Keep one "${word}".`)
    const step = normalizeSteps.find((known) => known === word)
    return step ?? refuse(`the unknown step "${word}"`, `Known steps: ${normalizeSteps.join(', ')}.`)
  })
}

function readBits(options: AnnotationOptions, refuse: Refuse): number | null {
  const value: OptionValue | undefined = options.named.get('bits')
  if (value === undefined) return null
  const bits = value.kind === 'word' && /^[1-9][0-9]{0,2}$/.test(value.word) ? Number(value.word) : 0
  if (bits >= 1 && bits < fullIndexBits) return bits
  return refuse(
    'an invalid number of "bits"',
    `Give a whole number from 1 to ${fullIndexBits - 1}, or leave it out.`,
  )
}

function readVerify(options: AnnotationOptions, refuse: Refuse): boolean {
  const value = options.named.get('verify')
  if (value === undefined) return true
  const word = value.kind === 'word' ? value.word : ''
  if (word === 'true' || word === 'false') return word === 'true'
  return refuse('an invalid "verify"', 'Write verify: false, or leave it out.')
}

function invalidComment(place: string, found: string, fix: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_SCHEMA_COMMENT',
    message: `${place}: ${found}`,
    why: `Comments with ${annotationNames.map((name) => `@${name}`).join(', ')} decide what is encrypted, so none is guessed or skipped.`,
    fix,
  })
}

function abbreviate(text: string): string {
  const characters = Array.from(text.trim())
  return characters.length > 40 ? `${characters.slice(0, 40).join('')}…` : characters.join('')
}
