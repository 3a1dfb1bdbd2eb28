/** What a command gets from its process, in one place, so that tests can give something else. */
import type { Terminal } from './terminal.js'

/** What the command gets from its process. */
export interface Surroundings {
  readonly terminal: Terminal
  /** Without the names of node and the script. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** Of this package. */
  readonly version: string
  /** Fires on Ctrl-C. */
  readonly signal: AbortSignal
}
