/** Parses the parenthesis of an annotation, `(phone, name: email, steps: [trim, nfkc])`, into positional and named options. */
import type { Scanner } from './annotation-scanner.js'

/** The value of a named option. */
export type OptionValue =
  | { readonly kind: 'word'; readonly word: string }
  | { readonly kind: 'list'; readonly words: readonly string[] }

/** What stood between the parentheses, before anything is known of its meaning. */
export interface AnnotationOptions {
  readonly positional: readonly string[]
  readonly named: ReadonlyMap<string, OptionValue>
}

/** An annotation without a parenthesis, or with an empty one. */
export const noOptions: AnnotationOptions = { positional: [], named: new Map() }

/** Reports a fault: what was found, and what to write instead. Never returns. */
export type Refuse = (found: string, fix: string) => never

/**
 * Parses options up to and including the closing parenthesis; the opening one has been taken.
 *
 * ```
 * options = [ option { "," option } ] ")"
 * option  = word | word ":" value
 * value   = word | "[" [ word { "," word } ] "]"
 * ```
 */
export function parseOptions(scanner: Scanner, refuse: Refuse): AnnotationOptions {
  const positional: string[] = []
  const named = new Map<string, OptionValue>()
  scanner.skipSpaces()
  if (scanner.skip(')')) return noOptions
  for (;;) {
    const word = takeOptionWord(scanner, refuse)
    scanner.skipSpaces()
    if (scanner.skip(':')) {
      if (named.has(word)) refuse(`option "${word}" twice`, `Keep one "${word}".`)
      named.set(word, parseValue(scanner, refuse))
    } else {
      if (named.size > 0) refuse(`"${word}" after a named option`, `Write "${word}" first, or name it.`)
      positional.push(word)
    }
    scanner.skipSpaces()
    if (scanner.skip(')')) return { positional, named }
    if (!scanner.skip(','))
      refuse(describeNext(scanner), 'Separate options by "," and close with ")" on the same line.')
    scanner.skipSpaces()
  }
}

function parseValue(scanner: Scanner, refuse: Refuse): OptionValue {
  scanner.skipSpaces()
  if (!scanner.skip('[')) return { kind: 'word', word: takeOptionWord(scanner, refuse) }
  const words: string[] = []
  scanner.skipSpaces()
  if (scanner.skip(']')) return { kind: 'list', words }
  for (;;) {
    scanner.skipSpaces()
    words.push(takeOptionWord(scanner, refuse))
    scanner.skipSpaces()
    if (scanner.skip(']')) return { kind: 'list', words }
    if (!scanner.skip(','))
      refuse(describeNext(scanner), 'Separate list items by "," and close the list with "]".')
  }
}

function takeOptionWord(scanner: Scanner, refuse: Refuse): string {
  const word = scanner.takeWord()
  if (word !== '') return word
  return refuse(
    describeNext(scanner),
    'Write a name here, without quotes, and close the parenthesis on the same line.',
  )
}

function describeNext(scanner: Scanner): string {
  return scanner.peek() === ''
    ? 'the end of the line inside the parenthesis'
    : `an unexpected "${scanner.peek()}"`
}
