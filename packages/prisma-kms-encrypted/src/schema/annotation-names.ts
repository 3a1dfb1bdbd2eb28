/** Names of this library's annotations: the names themselves, misspellings of them, and mentions of them in prose. */
import { createScanner, isSpace } from './annotation-scanner.js'

/** Names of this library's schema annotations, without `@`. */
export const annotationNames = ['encrypted', 'kmsKey', 'kmsId', 'blindIndex'] as const

/** One of {@link annotationNames}. */
export type AnnotationName = (typeof annotationNames)[number]

/** Edits (insert, delete, replace) up to which a name counts as a misspelling. */
const maxEdits = 2

/** Whether `word` is exactly one of our names. */
export function isAnnotationName(word: string): word is AnnotationName {
  return (annotationNames as readonly string[]).includes(word)
}

/**
 * The name of ours that `word` probably meant: one that differs only in case, or by at most two edits.
 * A misspelt annotation would leave a column in plaintext, so it must never pass as another library's.
 *
 * @returns the closest name, or `null` for a word of someone else's
 */
export function findNearMiss(word: string): AnnotationName | null {
  let closest: AnnotationName | null = null
  let fewest = maxEdits + 1
  for (const name of annotationNames) {
    if (Math.abs(name.length - word.length) > maxEdits) continue
    const edits = countEdits(word.toLowerCase(), name.toLowerCase())
    if (edits < fewest) {
      closest = name
      fewest = edits
    }
  }
  return closest
}

/**
 * Finds the first of our names in `prose` that follows whitespace or begins the text. Quoted names and e-mail
 * addresses have another character before the `@`, so they are none.
 */
export function findMention(prose: string): AnnotationName | null {
  const scanner = createScanner(prose)
  let previous = ' '
  for (;;) {
    const character = scanner.takeCharacter()
    if (character === '') return null
    if (character === '@' && isSpace(previous)) {
      const word = scanner.takeWord()
      if (isAnnotationName(word)) return word
    }
    previous = character
  }
}

/** Levenshtein distance, row by row. */
function countEdits(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const replaced = cell(previous, column - 1) + (from[row - 1] === to[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, cell(previous, column) + 1, cell(current, column - 1) + 1))
    }
    previous = current
  }
  return cell(previous, to.length)
}

function cell(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY
}
