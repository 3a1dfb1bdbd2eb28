/** Turns rows and errors into aligned text, coloured on a terminal. */
import { styleText } from 'node:util'
import type { KmsEncryptedError } from 'prisma-kms-encrypted'

type Style = Parameters<typeof styleText>[0]

const colours = process.stdout.isTTY && process.stdout.hasColors()
const paint = (style: Style, text: string) => (colours ? styleText(style, text) : text)
const columnWidth = 34
const nameWidth = 28
let steps = 0

export function printTitle(title: string, subtitle: string): void {
  console.log(`\n${paint('bold', title)}  ${paint('dim', subtitle)}`)
}

export function printStep(text: string): void {
  console.log(`\n${paint(['bold', 'cyan'], `${++steps}  ${text}`)}\n`)
}

export function printText(text: string): void {
  console.log(`   ${text}\n`)
}

/** One row in both of its forms. */
export interface Row {
  readonly title: string
  readonly seen: Readonly<Record<string, unknown>>
  readonly stored: Readonly<Record<string, unknown>>
}

/** Prints what the application sees beside what the database stores; ids are left out. */
export function printComparison(rows: readonly Row[]): void {
  printLine(['', 'bold'], ['the application sees', 'dim'], ['the database stores', 'dim'])
  for (const { title, seen, stored } of rows) {
    for (const [i, field] of listFields(stored).entries()) {
      const left = Object.keys(seen).includes(field) ? shorten(seen[field]) : ''
      const right = shorten(stored[field])
      const style = isKeyColumn(field) ? 'yellow' : left === right ? 'reset' : 'magenta'
      printLine(
        [`${i === 0 ? title.padEnd(8) : ' '.repeat(8)}${field}`, 'bold'],
        [left, 'green'],
        [right, style],
      )
    }
    console.log()
  }
}

/** Prints the key columns of the same rows at two times. */
export function printKeyChanges(before: readonly Row[], after: readonly Row[]): void {
  printLine(['', 'bold'], ['stored before', 'dim'], ['stored after', 'dim'])
  for (const [i, { title, stored }] of before.entries()) {
    for (const field of listFields(stored).filter(isKeyColumn)) {
      const now = after[i]?.stored[field]
      printLine(
        [title.padEnd(8) + field, 'bold'],
        [shorten(stored[field]), 'yellow'],
        [shorten(now), 'yellow'],
      )
    }
  }
  console.log()
}

const listFields = (row: object) => Object.keys(row).filter((field) => !/id$/i.test(field))
const isKeyColumn = (field: string) => field.startsWith('encryptedKmsKey')

function printLine(...cells: readonly (readonly [text: string, style: Style])[]): void {
  const [name, ...values] = cells.map(([text, style], i) =>
    paint(style, text.padEnd(i === 0 ? nameWidth : columnWidth)),
  )
  console.log(`   ${[name, ...values].join('  ').trimEnd()}`)
}

/** Prints an error's message, in which each line after the first starts with its topic: why, fix, code. */
export function printError(error: KmsEncryptedError): void {
  const [message = '', ...details] = error.message.split('\n')
  console.log(`   ${paint(['bold', 'red'], '✗')} ${paint('red', message)}`)
  for (const detail of details) console.log(`   ${paint('dim', detail)}`)
  console.log()
}

/** One line of at most {@link columnWidth} characters: the beginning and the end of what is longer. */
function shorten(value: unknown): string {
  const text = typeof value === 'string' ? value : value === null ? '–' : JSON.stringify(value)
  return text.length <= columnWidth ? text : `${text.slice(0, columnWidth - 7)}…${text.slice(-6)}`
}
