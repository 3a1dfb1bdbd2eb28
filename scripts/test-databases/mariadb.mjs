/** Runs one throw-away MariaDB on a loopback port, from the Debian package of the server alone. */
import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, existsSync } from 'node:fs'
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)
const startTimeoutMs = 60_000
const messages = '/usr/share/mysql'
const places = ['/usr/sbin/mariadbd', '/usr/bin/mariadbd', '/usr/local/bin/mariadbd']
// The server alone, without the scripts that would start one for the whole machine.
const debianPackage = 'mariadb-server-core'

/** @returns {Promise<string>} the path of the executable, installed where that is possible */
export async function installMariadb() {
  const found = places.find((path) => existsSync(path))
  if (found) return found
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    throw new Error(`mariadbd is not installed, and only root on Debian can install ${debianPackage}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['update', '-q'], { env })
  await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', debianPackage], { env })
  return installedPath()
}

function installedPath() {
  const found = places.find((path) => existsSync(path))
  if (!found) throw new Error(`${debianPackage} has installed no mariadbd where it is looked for`)
  return found
}

/**
 * Starts a server with an empty data folder.
 *
 * @param {string} executable
 * @returns {Promise<{ url: string, stop(): Promise<void> }>}
 */
export async function startMariadb(executable) {
  const folder = await mkdtemp(join(tmpdir(), 'kms-encrypted-mariadb-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const identity = await giveAway(folder)
    const shared = [
      '--no-defaults', // must be the first
      ...identity,
      `--datadir=${folder}`,
      `--lc-messages-dir=${messages}`,
      '--innodb-flush-log-at-trx-commit=0',
    ]
    const password = randomBytes(12).toString('hex')
    await bootstrap(executable, shared, password)
    const port = await findFreePort()
    const server = spawn(
      executable,
      [...shared, '--bind-address=127.0.0.1', `--port=${port}`, `--socket=${join(folder, 'socket')}`],
      { stdio: 'ignore' },
    )
    const stop = async () => {
      if (server.exitCode === null && server.signalCode === null) {
        const ended = once(server, 'exit')
        server.kill('SIGTERM') // by process id, never by name
        await Promise.race([ended, sleep(10_000).then(() => server.kill('SIGKILL'))])
      }
      await remove()
    }
    try {
      await waitForPort(server, port)
    } catch (error) {
      await stop()
      throw error
    }
    return { url: `mariadb://test:${password}@127.0.0.1:${port}`, stop }
  } catch (error) {
    await remove()
    throw error
  }
}

/** The server refuses to run as root. */
async function giveAway(folder) {
  if (process.getuid?.() !== 0) return []
  const [{ stdout: user }, { stdout: group }] = await Promise.all([
    run('id', ['-u', 'nobody']),
    run('id', ['-g', 'nobody']),
  ])
  await chown(folder, Number(user), Number(group))
  await chmod(folder, 0o700)
  return ['--user=nobody']
}

/** Makes the system tables as `mariadb-install-db` does, which needs the client's package besides. */
async function bootstrap(executable, shared, password) {
  const server = spawn(executable, [...shared, '--bootstrap'], { stdio: ['pipe', 'ignore', 'pipe'] })
  const ended = once(server, 'exit')
  let errors = ''
  server.stderr.on('data', (chunk) => (errors += chunk))
  server.stdin.on('error', () => {}) // it has ended early; its exit code tells
  server.stdin.write('CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n')
  for (const name of ['mysql_system_tables', 'mysql_performance_tables', 'mysql_system_tables_data'])
    for await (const chunk of createReadStream(join(messages, `${name}.sql`))) server.stdin.write(chunk)
  server.stdin.end(`DELETE FROM global_priv WHERE User = 'root';
FLUSH PRIVILEGES;
CREATE USER 'test'@'127.0.0.1' IDENTIFIED BY '${password}';
GRANT ALL ON *.* TO 'test'@'127.0.0.1';
`)
  const [code] = await ended
  if (code !== 0) throw new Error(`mariadbd --bootstrap failed: ${errors.split('\n').slice(-3).join(' ')}`)
}

async function waitForPort(server, port) {
  const deadline = Date.now() + startTimeoutMs
  while (Date.now() < deadline) {
    if (server.exitCode !== null) throw new Error(`mariadbd ended with code ${server.exitCode}`)
    const socket = connect(port, '127.0.0.1')
    const [event] = await Promise.race([
      once(socket, 'connect').then(() => ['connect']),
      once(socket, 'error').then(() => ['error']),
    ]).catch(() => ['error'])
    socket.destroy()
    if (event === 'connect') return
    await sleep(200)
  }
  throw new Error('mariadbd did not open its port')
}

async function findFreePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  return port
}
