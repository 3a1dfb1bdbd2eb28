/** Turns whatever was thrown into what the user reads: message, why and fix, and a stack only for `--debug`. */
import { isKmsEncryptedError, type KmsEncryptedError } from '../errors.js'
import { printable, type Terminal } from './terminal.js'

/** How an error is shown. */
export interface ErrorStyle {
  readonly json: boolean
  readonly debug: boolean
  readonly redact: (text: string) => string
}

/** An error in parts; what others wrote has passed the redaction. */
export interface ErrorParts {
  readonly code: string
  readonly message: string
  readonly why: string | null
  readonly fix: string | null
}

/** Takes an error apart. */
export function errorParts(error: unknown, redact: (text: string) => string): ErrorParts {
  if (isKmsEncryptedError(error)) {
    return { code: error.code, message: redact(ownMessage(error)), why: error.why, fix: redact(error.fix) }
  }
  const { name, message, code } = (typeof error === 'object' && error !== null ? error : {}) as {
    readonly name?: unknown
    readonly message?: unknown
    readonly code?: unknown
  }
  return {
    code: typeof code === 'string' ? code : typeof name === 'string' ? name : 'Error',
    message: redact(foreignMessage(typeof message === 'string' ? message : 'something other than an error')),
    why: null,
    fix: null,
  }
}

/** Writes an error to standard error. */
export function reportError(terminal: Terminal, error: unknown, { json, debug, redact }: ErrorStyle): void {
  const parts = errorParts(error, redact)
  if (json) {
    terminal.err(`${JSON.stringify({ error: parts })}\n`)
  } else {
    const { red, bold, dim, green } = terminal.colours
    const indented = (text: string) => printable(text).replaceAll('\n', '\n       ')
    terminal.err(`${red(bold('error'))}  ${indented(parts.message)}\n`)
    if (parts.why !== null) terminal.err(`  ${dim('why')}  ${indented(parts.why)}\n`)
    if (parts.fix !== null) terminal.err(`  ${green('fix')}  ${indented(parts.fix)}\n`)
    terminal.err(` ${dim('code')}  ${parts.code}\n`)
  }
  if (debug && error instanceof Error) terminal.err(`\n${redact(error.stack ?? '')}\n`)
}

/** A KmsEncryptedError's message goes on with why, fix and code. */
function ownMessage({ message }: KmsEncryptedError): string {
  const end = message.lastIndexOf('\n  why: ')
  return end < 0 ? message : message.slice(0, end)
}

/**
 * Prisma's messages begin with the call and its source code, a parser's end with a piece of the file: of the former the last
 * paragraph, of the latter the first line.
 */
function foreignMessage(message: string): string {
  const paragraphs = message.trim().split(/\n\s*\n/)
  const chosen = /^Invalid `.*` invocation/.test(message.trim()) ? paragraphs.at(-1) : paragraphs[0]
  return (chosen ?? '').split('\n').slice(0, 2).join(' ').slice(0, 500)
}
