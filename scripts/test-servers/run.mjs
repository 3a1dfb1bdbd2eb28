/**
 * Starts every KMS server that can be installed, runs the suites of test/servers against them, and stops them.
 * Arguments are names of suites; without any, all run. A suite needs the servers whose address it reads. The closing
 * lines name each server with its version and suites. A server that cannot be installed or started is reported as
 * `NOT RUN`; under REQUIRE_SERVERS=1 that is a failure.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { servers } from './servers.mjs'

const startTimeoutMs = 30_000
const suites = findSuites(process.argv.slice(2))
const needed = servers.filter(({ variable }) => suites.some(({ needs }) => needs.includes(variable)))
const folder = await mkdtemp(join(tmpdir(), 'kms-encrypted-servers-'))
const running = []
/** Address of each server that runs, by variable. */
const addresses = {}
const closingLines = []
let exitCode = 0

// Whoever ends this run ends what it started.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.once(signal, () => {
    for (const child of running) child.kill('SIGKILL')
    process.exit(1)
  })
}

try {
  // All at once: most of the time is spent waiting for package registries.
  await Promise.all(needed.map(startServer))
  const isRunnable = ({ needs }) => needs.every((variable) => variable in addresses)
  const runnable = suites.filter(isRunnable)
  for (const server of needed) describeServer(server, runnable)
  if (runnable.length > 0) exitCode = (await runSuites(runnable)) || exitCode
} finally {
  for (const child of running) child.kill('SIGTERM') // by process id, never by name
  await Promise.race([Promise.all(running.map(waitForExit)), sleep(5_000)])
  for (const child of running) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
}
console.log(`\nKey services:\n${closingLines.join('\n')}`)
process.exit(exitCode)

function findSuites(wanted) {
  const place = new URL('../../packages/prisma-kms-encrypted/test/servers/', import.meta.url)
  const found = readdirSync(place)
    .filter((file) => file.endsWith('.server.ts'))
    .map((file) => {
      const text = readFileSync(new URL(file, place), 'utf8')
      const needs = servers
        .map(({ variable }) => variable)
        .filter((variable) => text.includes(`'${variable}'`))
      return { name: file.replace('.server.ts', ''), needs }
    })
  const unknown = wanted.filter((name) => !found.some((suite) => suite.name === name))
  if (unknown.length > 0) throw new Error(`no suite is named ${unknown.join(', ')}`)
  return found.filter(({ name }) => wanted.length === 0 || wanted.includes(name))
}

async function startServer(server) {
  const given = process.env[server.variable]
  if (given !== undefined && given !== '') {
    addresses[server.variable] = given
    return
  }
  if (server.onlyAsContainer !== undefined) return
  try {
    const executable = await server.install()
    const port = await findFreePort()
    const own = await mkdtemp(join(folder, 'server-'))
    const { args, env, ready, address } = server.start(port, own)
    running.push(await startProcess(executable, args, env, ready))
    addresses[server.variable] = address
  } catch (error) {
    closingLines.push(`NOT RUN: ${server.name} ${server.version}, ${shortReason(error)}`)
    if (process.env.REQUIRE_SERVERS === '1') exitCode = 1
  }
}

function describeServer({ name, version, variable, onlyAsContainer }, runnable) {
  const own = runnable.filter(({ needs }) => needs.includes(variable)).map((suite) => suite.name)
  if (process.env[variable]) closingLines.unshift(`${name} at ${addresses[variable]}: ${own.join(', ')}`)
  else if (variable in addresses) closingLines.unshift(`${name} ${version}: ${own.join(', ')}`)
  else if (onlyAsContainer !== undefined) {
    closingLines.push(`NOT RUN: ${name} ${version}, ${onlyAsContainer}`)
  }
}

async function runSuites(runnable) {
  const jest = spawn(
    process.execPath,
    [
      '--experimental-vm-modules',
      '--no-warnings=ExperimentalWarning',
      'node_modules/jest/bin/jest.js',
      '--config=scripts/test-servers/jest.config.mjs',
      '--runInBand',
      ...runnable.map(({ name }) => `/test/servers/${name}\\.server\\.ts$`),
      // The contract suite of the providers that need no server belongs to the whole.
      ...(process.argv.length > 2 ? [] : ['/test/providers/(local|test)\\.test\\.ts$']),
    ],
    { stdio: 'inherit', env: { ...process.env, ...addresses } },
  )
  running.push(jest)
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
    const isReady = await fetch(ready).then(
      () => true,
      () => false,
    )
    if (isReady) return child
  }
  child.kill('SIGKILL')
  throw new Error(`it did not answer within ${startTimeoutMs / 1000} s`)
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
