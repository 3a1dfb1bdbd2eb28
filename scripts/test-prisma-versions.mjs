/**
 * Runs the suite with other versions of Prisma: in a copy of the workspace, with every Prisma package
 * overridden, `pnpm install`, build, generate, Jest.
 *
 *   pnpm test:prisma-versions                  oldest and newest supported version
 *   pnpm test:prisma-versions 7.3.0 7.5.0      these
 *
 * `--keep` leaves the copies where they are.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { root } from './schemas.mjs'

/** The oldest version that passes; `peerDependencies` in the package say the same. */
const oldest = '7.5.0'

/** Packages that are released together. */
const prismaPackages = [
  'prisma',
  '@prisma/adapter-pg',
  '@prisma/client',
  '@prisma/driver-adapter-utils',
  '@prisma/generator-helper',
  '@prisma/internals',
]

/** What is no matter of Prisma's version, or shows it: the package as packed, the pages, the floors of the sources. */
const otherTests = '/test/(package|docs|architecture|cli/recordings)'

const leftOut = new Set(['.git', 'node_modules', 'dist', 'build', 'generated', 'coverage'])

const keep = process.argv.includes('--keep')
const given = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const versions = given.length > 0 ? given : [oldest, manifest.devDependencies.prisma]

const results = versions.map((version) => ({ version, failure: testVersion(version) }))
for (const { version, failure } of results) console.log(`Prisma ${version}: ${failure ?? 'passed'}`)
if (results.some(({ failure }) => failure)) process.exitCode = 1

/** @returns {string | null} the step that failed */
function testVersion(version) {
  const folder = mkdtempSync(join(tmpdir(), `prisma-${version}-`))
  try {
    cpSync(root, folder, { recursive: true, filter: (path) => !leftOut.has(basename(path)) })
    const overrides = Object.fromEntries(prismaPackages.map((name) => [name, version]))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, pnpm: { overrides } }, null, 2))
    const steps = [
      ['install', 'pnpm', ['install', '--no-frozen-lockfile', '--prefer-offline', '--silent']],
      ['build', 'pnpm', ['--silent', '--filter', 'prisma-kms-encrypted', 'build']],
      ['generate', process.execPath, ['scripts/generate.mjs']],
      [
        'tests',
        process.execPath,
        [
          join('node_modules', 'jest', 'bin', 'jest.js'),
          '--testPathIgnorePatterns',
          '/node_modules/',
          '/dist/',
          otherTests,
        ],
      ],
    ]
    for (const [name, command, args] of steps)
      if (!run(folder, version, name, command, args)) return `${name} failed`
    return null
  } finally {
    if (!keep) rmSync(folder, { recursive: true, force: true })
  }
}

function run(folder, version, name, command, args) {
  console.log(`\nPrisma ${version}: ${name}`)
  // The package manager that runs this script, also where it is not installed (`npx pnpm@10`).
  const pnpm = process.env.npm_execpath
  const viaPnpm = command === 'pnpm' && pnpm !== undefined
  const { status } = spawnSync(viaPnpm ? process.execPath : command, viaPnpm ? [pnpm, ...args] : args, {
    cwd: folder,
    stdio: 'inherit',
    env: {
      ORACLE_RUNS: '100',
      ORACLE_SEED: '7',
      ...process.env,
      NODE_OPTIONS: '--experimental-vm-modules --no-warnings=ExperimentalWarning',
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    },
  })
  return status === 0
}
