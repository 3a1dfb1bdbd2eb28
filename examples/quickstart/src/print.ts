/** Turns rows and errors into aligned text, coloured on a terminal. */
import { styleText } from 'node:util'
import type { KmsEncryptedError } from 'prisma-kms-encrypted'

type Style = Parameters<typeof styleText>[0]

const colours = process.stdout.isTTY && process.stdout.hasColors()
const paint = (style: Style, text: string) => (colours ? styleText(style, text) : text)
const columnWidth = 36
let steps = 0

export function printTitle(title: string, subtitle: string): void {
  console.log(`\n${paint('bold', title)}  ${paint('dim', subtitle)}`)
}

export function printStep(text: string): void {
  console.log(`\n\n${paint(['bold', 'cyan'], `${++steps}  ${text}`)}\n`)
}

export function printText(text: string): void {
  console.log(`   ${text}\n`)
}

/** Prints the scalar columns of one row that are stored in another form than the application sees, and names. */
export function printComparison(
  title: string,
  seen: Readonly<Record<string, unknown>>,
  stored: Readonly<Record<string, unknown>>,
): void {
  const fields = Object.keys(stored).filter((field) => !/id$/i.test(field))
  const nameWidth = Math.max(...fields.map((field) => field.length), title.length)
  const line = (name: string, left: string, right: string) => {
    console.log(`   ${name}  ${left}  ${right}`)
  }
  line(
    paint('bold', title.padEnd(nameWidth)),
    paint('dim', 'the application sees'.padEnd(columnWidth)),
    paint('dim', 'the database stores'),
  )
  for (const field of fields) {
    const isKey = field.startsWith('encryptedKmsKey')
    const left = isKey ? '' : shorten(seen[field])
    const right = shorten(stored[field])
    const style: Style = isKey ? 'yellow' : left === right ? 'reset' : 'magenta'
    line(field.padEnd(nameWidth), paint('green', left.padEnd(columnWidth)), paint(style, right))
  }
  console.log()
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
