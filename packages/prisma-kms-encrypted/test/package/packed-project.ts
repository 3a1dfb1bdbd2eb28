/** Turns the package as it would be published into a CommonJS project that depends on it, without the network. */
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const packageFolder = fileURLToPath(new URL('../../', import.meta.url))

/** How a command of the project ended. */
export interface CommandResult {
  readonly ok: boolean
  /** Standard output and standard error. */
  readonly output: string
}

/** A folder of its own with `node_modules/prisma-kms-encrypted` and what it needs, but none of the optional peers. */
export interface PackedProject {
  readonly folder: string
  /** Import specifiers of the package: `prisma-kms-encrypted`, `prisma-kms-encrypted/local` and so on. */
  readonly specifiers: readonly string[]
  write(file: string, text: string): Promise<void>
  /** Runs Node in the project. */
  node(...args: string[]): Promise<CommandResult>
  remove(): Promise<void>
}

interface Manifest {
  readonly exports: { readonly [subpath: string]: unknown }
  readonly dependencies: { readonly [name: string]: string }
  readonly peerDependencies: { readonly [name: string]: string }
  readonly peerDependenciesMeta?: { readonly [name: string]: { readonly optional?: boolean } }
}

/** Packs the built package (`pnpm build` comes first) and installs it by hand. */
export async function createPackedProject(): Promise<PackedProject> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'kms-encrypted-packed-')))
  const installed = join(folder, 'node_modules/prisma-kms-encrypted')
  await mkdir(installed, { recursive: true })
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: packageFolder,
  })
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]
  await run('tar', ['-xzf', join(folder, filename), '-C', installed, '--strip-components=1'])

  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as Manifest
  const peers = Object.keys(manifest.peerDependencies)
  const required = peers.filter((name) => manifest.peerDependenciesMeta?.[name]?.optional !== true)
  for (const name of [...Object.keys(manifest.dependencies), ...required]) {
    const link = join(folder, 'node_modules', name)
    await mkdir(dirname(link), { recursive: true })
    await symlink(await realpath(join(packageFolder, 'node_modules', name)), link, 'junction')
  }

  const write = (file: string, text: string) => writeFile(join(folder, file), text)
  await write('package.json', JSON.stringify({ name: 'packed-project', private: true, type: 'commonjs' }))
  return {
    folder,
    specifiers: Object.keys(manifest.exports)
      .filter((subpath) => subpath !== './package.json')
      .map((subpath) => subpath.replace('.', 'prisma-kms-encrypted')),
    write,
    node: async (...args) => {
      // What this run of Jest sets would change how the child behaves.
      const env = { ...process.env, NODE_OPTIONS: '', JEST_WORKER_ID: undefined, FORCE_COLOR: undefined }
      try {
        const done = await run(process.execPath, args, { cwd: folder, env })
        return { ok: true, output: done.stdout + done.stderr }
      } catch (error) {
        // `execFile` rejects with an Error that has both streams.
        const failed = error as Error & { stdout?: string; stderr?: string }
        return { ok: false, output: `${failed.stdout ?? ''}${failed.stderr ?? ''}` || failed.message }
      }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
