/**
 * Starts every KMS server that can be installed, runs the suites of test/servers against them, and stops them.
 * A server that cannot be installed or started is reported as `NOT RUN`; under REQUIRE_SERVERS=1 that is a failure.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { servers } from './servers.mjs'

const startTimeoutMs = 30_000
const wanted = process.argv.slice(2)
const running = []
let exitCode = 0

try {
  const variables = {}
  const suites = []
  for (const server of servers.filter(({ suite }) => wanted.length === 0 || wanted.includes(suite))) {
    try {
      const executable = await server.install()
      const port = await findFreePort()
      const { args, env, ready, variables: own } = server.start(executable, port)
      running.push(await startProcess(executable, args, env, ready))
      Object.assign(variables, own)
      suites.push(server.suite)
    } catch (error) {
      console.log(`NOT RUN: ${server.name}, ${shortReason(error)}`)
      if (process.env.REQUIRE_SERVERS === '1') exitCode = 1
    }
  }
  if (suites.length > 0) exitCode = (await runSuites(suites, variables)) || exitCode
} finally {
  for (const child of running) child.kill('SIGTERM') // by process id, never by name
  await Promise.race([Promise.all(running.map(waitForExit)), sleep(5_000)])
  for (const child of running) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
}
process.exit(exitCode)

async function runSuites(suites, variables) {
  const jest = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      '--config=scripts/test-servers/jest.config.mjs',
      '--runInBand',
      ...suites.map((suite) => `/test/servers/${suite}\\.server\\.ts$`),
    ],
    { stdio: 'inherit', env: { ...process.env, ...variables } },
  )
  const [code] = await once(jest, 'exit')
  return code ?? 1
}

async function startProcess(executable, args, env, ready) {
  const child = spawn(executable, args, { stdio: 'ignore', env: { ...process.env, ...env } })
  let failure
  child.once('error', (error) => {
    failure = error
  })
  child.once('exit', (code) => {
    failure ??= new Error(`it ended with code ${code} while starting`)
  })
  for (const endMs = Date.now() + startTimeoutMs; Date.now() < endMs; await sleep(100)) {
    if (failure !== undefined) throw failure
    if (await isReady(ready)) return child
  }
  child.kill('SIGKILL')
  throw new Error(`it did not answer within ${startTimeoutMs / 1000} s`)
}

async function isReady(address) {
  if (!address.startsWith('tcp:')) {
    return fetch(address).then(
      () => true,
      () => false,
    )
  }
  const socket = connect(Number(address.slice('tcp:'.length)), '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function findFreePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}

function waitForExit(child) {
  return child.exitCode !== null || child.signalCode !== null ? undefined : once(child, 'exit')
}

/** The last line that says something, without addresses: those of package sources belong to the machine. */
function shortReason(error) {
  const lines = String(error.stderr || error.message)
    .split('\n')
    .map((line) => line.replace(/https?:\/\/\S+/g, '<address>').trim())
    .filter((line) => line !== '')
  return lines.at(-1) ?? 'unknown reason'
}
