/** The command's executable: hands the process over to {@link main}, and ends it with the exit code. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { exitCodes } from './exit-codes.js'
import { main } from './main.js'
import { packageFolder } from './package-folder.js'
import { createTerminal } from './terminal.js'

const interrupt = new AbortController()
process.on('SIGINT', () => {
  // The first one ends cleanly, the second one at once.
  if (interrupt.signal.aborted) process.exit(exitCodes.interrupted)
  interrupt.abort()
})

const { version } = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as {
  version: string
}
const exitCode = await main({
  terminal: createTerminal(process),
  args: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  version,
  signal: interrupt.signal,
})
// Pools and timers of the application's client would keep the process; what is written to a pipe must get there first.
process.stdout.write('', () => process.stderr.write('', () => process.exit(exitCode)))
