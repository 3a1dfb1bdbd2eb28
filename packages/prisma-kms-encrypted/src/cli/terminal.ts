/** What the commands know of the terminal: where to write, how wide it is, and whether it shows colours. */
import { createInterface } from 'node:readline/promises'
import pc from 'picocolors'

/** The functions that colour text, or leave it as it is. */
export type Colours = ReturnType<typeof pc.createColors>

/** Where a command reads and writes. */
export interface Terminal {
  /** The result. */
  readonly out: (text: string) => void
  /** Everything else: progress, questions, errors. */
  readonly err: (text: string) => void
  /** Columns of the terminal; `null`: not a terminal, nothing is wrapped. */
  readonly columns: number | null
  readonly colours: Colours
  /** Whether standard error is a terminal, so that lines may be overwritten there. */
  readonly live: boolean
  /** Asks the user; `null` when nobody is there to answer. */
  readonly ask: (question: string) => Promise<string | null>
}

type Environment = Readonly<Record<string, string | undefined>>

/** The terminal of a process. Colours: not with `NO_COLOR`, always with `FORCE_COLOR`, else on a terminal that has them. */
export function createTerminal({ stdin, stdout, stderr, env }: typeof process): Terminal {
  return {
    out: (text) => stdout.write(text),
    err: (text) => stderr.write(text),
    columns: stdout.isTTY ? stdout.columns || 80 : null,
    colours: pc.createColors(showsColours(env, stdout.isTTY)),
    live: stderr.isTTY && env['TERM'] !== 'dumb',
    async ask(question) {
      if (!stdin.isTTY || !stderr.isTTY) return null
      const lines = createInterface({ input: stdin, output: stderr })
      try {
        return await lines.question(question)
      } finally {
        lines.close()
      }
    },
  }
}

/** The convention of no-color.org and force-color.org. */
export function showsColours(env: Environment, isTerminal: boolean): boolean {
  if (env['NO_COLOR']) return false
  if (env['FORCE_COLOR']) return env['FORCE_COLOR'] !== '0'
  return isTerminal && env['TERM'] !== 'dumb'
}

// eslint-disable-next-line no-control-regex -- exactly these are what must not reach a terminal
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** Text from outside, such as a record's id, without the characters that a terminal would obey; line ends and tabs stay. */
export function printable(text: string): string {
  return text.replaceAll(
    controls,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
