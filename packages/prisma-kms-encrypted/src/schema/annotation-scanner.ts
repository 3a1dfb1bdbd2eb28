/** Reads one line of schema documentation character by character: words, punctuation, other libraries' annotations. */

/** A position in one line of documentation, with the few moves that the grammar needs. */
export interface Scanner {
  /** The character at the position, or `''` at the end of the line. */
  peek(): string
  /** Moves past whitespace; tells whether there was any. */
  skipSpaces(): boolean
  /** Moves past `character` if it is next; tells whether it was. */
  skip(character: string): boolean
  /** Takes letters, digits, `_` and `-` up to the next other character; may be empty. */
  takeWord(): string
  /** Takes the next character, or `''` at the end. */
  takeCharacter(): string
  /** Takes everything to the end of the line. */
  takeRest(): string
}

/** Starts reading `line`, which must hold no line break. */
export function createScanner(line: string): Scanner {
  // By code point, so that a message never shows half a character.
  const characters = Array.from(line)
  let at = 0
  const peek = () => characters[at] ?? ''
  const takeWhile = (accept: (character: string) => boolean) => {
    const from = at
    while (at < characters.length && accept(peek())) at++
    return characters.slice(from, at).join('')
  }
  return {
    peek,
    skipSpaces: () => takeWhile(isSpace) !== '',
    skip: (character) => {
      if (peek() !== character) return false
      at++
      return true
    },
    takeWord: () => takeWhile(isWordCharacter),
    takeCharacter: () => {
      const character = peek()
      if (character !== '') at++
      return character
    },
    takeRest: () => takeWhile(() => true),
  }
}

/** Whether `character` separates annotations. */
export function isSpace(character: string): boolean {
  return character !== '' && character.trim() === ''
}

/** Whether `character` belongs to the name of an annotation; `-` does, so that `@kms-key` is seen as a near miss. */
export function isWordCharacter(character: string): boolean {
  return /^[\p{L}\p{N}_-]$/u.test(character)
}

const closing = new Map([
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
])

/**
 * Moves past what follows another library's annotation name, such as `.string({ message: "a @encrypted b" })`:
 * up to the next whitespace outside brackets and quotes, or to the end of the line if those are not closed.
 *
 * @returns `null`, or the text up to the end of the line when a bracket or quote was not closed
 */
export function skipForeignAnnotation(scanner: Scanner): string | null {
  const open: string[] = []
  let text = ''
  for (;;) {
    const next = scanner.peek()
    if (next === '') return open.length > 0 ? text : null
    if (open.length === 0 && isSpace(next)) return null
    text += scanner.takeCharacter()
    const closer = closing.get(next)
    if (closer !== undefined) open.push(closer)
    else if (next === open.at(-1)) open.pop()
    else if (open.length > 0 && isQuote(next)) text += takeQuoted(scanner, next)
  }
}

function isQuote(character: string): boolean {
  return character === '"' || character === "'" || character === '`'
}

function takeQuoted(scanner: Scanner, quote: string): string {
  let text = ''
  for (;;) {
    const next = scanner.takeCharacter()
    text += next
    if (next === '' || next === quote) return text
    if (next === '\\') text += scanner.takeCharacter()
  }
}
