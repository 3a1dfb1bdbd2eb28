/** Breaks running text, coloured or not, between words to the width of the terminal. */
import { stripVTControlCharacters } from 'node:util'

/** Columns that a text takes on its widest line. */
export function widthOf(text: string): number {
  return Math.max(
    ...stripVTControlCharacters(text)
      .split('\n')
      .map((line) => line.length),
  )
}

/**
 * Indented lines, each ended.
 * @param columns of the terminal; `null`: one line
 * @param indent before the first line
 * @param hanging before the others
 */
export function wrapText(
  text: string,
  columns: number | null,
  indent: string,
  hanging: string = indent,
): string {
  const width = columns ?? Infinity
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const start = lines.length === 0 ? indent : hanging
    if (line !== '' && widthOf(`${start}${line} ${word}`) > width) {
      lines.push(`${start}${line}\n`)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, `${lines.length === 0 ? indent : hanging}${line}\n`].join('')
}
