/**
 * How long a process waits for the package, against a fixed yardstick: zod and Prisma's part of extensions as they are
 * published. The package is built on both; of zod it brings along the parts that it uses.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { estimate, smallest } from '../measuring/statistics.js'
import type { Sizes } from '../sizes.js'
import type { Figures } from '../targets.js'

const run = promisify(execFile)
const folder = fileURLToPath(new URL('../..', import.meta.url))

/** Measures `importVsDeps`, each import in a process of its own. */
export async function measureImport({ processes }: Sizes): Promise<Figures> {
  const samples = { ours: [] as number[], dependencies: [] as number[] }
  const ways = {
    ours: ['prisma-kms-encrypted'],
    dependencies: ['zod', '@prisma/client/extension'],
  }
  for (let round = 0; round < processes; round++) {
    const names = round % 2 === 0 ? (['ours', 'dependencies'] as const) : (['dependencies', 'ours'] as const)
    for (const name of names) samples[name].push(await importMs(ways[name]))
  }
  return { importVsDeps: estimate(samples, (ms) => ms.ours / ms.dependencies, smallest) }
}

async function importMs(packages: readonly string[]): Promise<number> {
  const imports = packages.map((name) => `await import('${name}')`).join(';')
  const script = `const start = performance.now(); ${imports}; console.log(performance.now() - start)`
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: folder })
  return Number(stdout)
}
