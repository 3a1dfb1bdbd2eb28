/**
 * Turns the compiled ES modules of the package into `dist/cjs`, for loaders that cannot `require` an ES module, such as
 * Jest's before Node 24.9. Node itself takes the ES modules for `require` too (condition `module-sync`), so that a
 * process never holds two copies.
 */
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { root } from './schemas.mjs'

const dist = join(root, 'packages/prisma-kms-encrypted/dist')
const target = join(dist, 'cjs')
// Commands: only ever run by Node.
const excluded = /^(cjs|cli|schema[\\/]generator)[\\/]/

const files = readdirSync(dist, { recursive: true }).filter((name) => !excluded.test(name))
rmSync(target, { recursive: true, force: true })
await build({
  entryPoints: files.filter((name) => name.endsWith('.js')).map((name) => join(dist, name)),
  outdir: target,
  outbase: dist,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // As `require`: Jest's loader has no dynamic import without a flag.
  supported: { 'dynamic-import': false },
  logLevel: 'warning',
  logOverride: { 'empty-import-meta': 'error' },
})
for (const name of files.filter((name) => name.endsWith('.d.ts')))
  cpSync(join(dist, name), join(target, name))
writeFileSync(join(target, 'package.json'), '{ "type": "commonjs" }\n')
