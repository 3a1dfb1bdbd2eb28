/** Turns a command line into an exit code: reads it, runs the command, and reports what goes wrong. */
import { CommanderError } from 'commander'

import { createActions } from './actions.js'
import { exitCodes, type ExitCode } from './exit-codes.js'
import { createProgram } from './program.js'
import { createRedaction } from './redaction.js'
import { reportError } from './report-error.js'
import type { Surroundings } from './surroundings.js'
import { isUsageError } from './usage.js'

/** Runs one command. */
export async function main(surroundings: Surroundings): Promise<ExitCode> {
  const { terminal, args, env, version } = surroundings
  const redact = createRedaction(env)
  let exitCode: ExitCode = exitCodes.ok
  const actions = createActions(surroundings, redact, (code) => {
    exitCode = code
  })
  try {
    await createProgram(actions, version, terminal).parseAsync([...args], { from: 'user' })
    return exitCode
  } catch (error) {
    // Help, version and misuse: what there is to say has been written.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
    reportError(terminal, error, { json: args.includes('--json'), debug: args.includes('--debug'), redact })
    return isUsageError(error) ? exitCodes.usage : exitCodes.error
  }
}
