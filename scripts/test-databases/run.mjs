/**
 * Runs the suites of test/databases: SQLite, and MariaDB on a server that is started and stopped here.
 * A server that cannot be had is reported as `NOT RUN`; under REQUIRE_SERVERS=1 that is a failure.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { installMariadb, startMariadb } from './mariadb.mjs'

const suites = ['sqlite']
const variables = {}
let server
let exitCode = 0

try {
  try {
    server = await startMariadb(await installMariadb())
    suites.push('mariadb')
    variables.TEST_MARIADB_URL = server.url
  } catch (error) {
    console.log(`NOT RUN: mariadb, ${String(error instanceof Error ? error.message : error).split('\n')[0]}`)
    if (process.env.REQUIRE_SERVERS === '1') exitCode = 1
  }
  exitCode = (await runSuites()) || exitCode
} finally {
  await server?.stop()
}
process.exit(exitCode)

async function runSuites() {
  const jest = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      '--config=scripts/test-databases/jest.config.mjs',
      '--runInBand',
      ...suites.map((suite) => `/test/databases/${suite}[^/]*\\.database\\.ts$`),
    ],
    { stdio: 'inherit', env: { ...process.env, ...variables } },
  )
  const [code] = await once(jest, 'exit')
  return code ?? 1
}
