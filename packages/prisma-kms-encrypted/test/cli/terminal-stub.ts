/** A terminal that keeps what is written to it. */
import pc from 'picocolors'
import type { Terminal } from '../../src/cli/terminal.js'

/** A {@link Terminal} with what was written. */
export interface KeptTerminal extends Terminal {
  readonly written: { out: string; err: string }
}

/**
 * Makes one.
 * @param answers what the user types, in order; without any, nobody is there
 */
export function keepTerminal(answers: readonly string[] = [], columns: number | null = null): KeptTerminal {
  const written = { out: '', err: '' }
  const left = [...answers]
  return {
    written,
    out: (text) => {
      written.out += text
    },
    err: (text) => {
      written.err += text
    },
    columns,
    colours: pc.createColors(false),
    live: false,
    ask: (question) => {
      written.err += question
      return Promise.resolve(left.shift() ?? null)
    },
  }
}
