/**
 * Turns the compiled ES modules of the package into `dist/cjs`, for loaders that cannot `require` an ES module, such as
 * Jest's before Node 24.9. Node itself takes the ES modules for `require` too (condition `module-sync`), so that a
 * process never holds two copies.
 */
import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { build } from 'esbuild'
import { root } from './schemas.mjs'

const dist = join(root, 'packages/prisma-kms-encrypted/dist')
const target = join(dist, 'cjs')
// Commands: only ever run by Node. What configurations import is no command.
const excluded = /^(cjs|cli(?![\\/]define-config\.)|schema[\\/]generator)[\\/]/
// Published without a CommonJS form, so their code goes into the files that import them.
const esModulesOnly = ['nanoid', 'p-limit']

const files = readdirSync(dist, { recursive: true }).filter((name) => !excluded.test(name))
rmSync(target, { recursive: true, force: true })
const { metafile } = await build({
  entryPoints: files.filter((name) => name.endsWith('.js')).map((name) => join(dist, name)),
  outdir: target,
  outbase: dist,
  absWorkingDir: root,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // As `require`: Jest's loader has no dynamic import without a flag.
  supported: { 'dynamic-import': false },
  bundle: true,
  plugins: [{ name: 'inline-es-modules', setup: inlineEsModules }],
  metafile: true,
  logLevel: 'warning',
  logOverride: { 'empty-import-meta': 'error' },
})
for (const name of files.filter((name) => name.endsWith('.d.ts')))
  cpSync(join(dist, name), join(target, name))
for (const folder of new Set(Object.keys(metafile.inputs).map(findInlinedPackage))) {
  if (folder) copyLicence(folder)
}
writeFileSync(join(target, 'package.json'), '{ "type": "commonjs" }\n')

/** Every import of our files stays an import, except of {@link esModulesOnly}. */
function inlineEsModules({ onResolve }) {
  onResolve({ filter: /.*/ }, ({ kind, path, importer }) => {
    const ours = !relative(dist, importer).startsWith('..')
    return kind === 'entry-point' || !ours || esModulesOnly.includes(path)
      ? undefined
      : { path, external: true }
  })
}

function findInlinedPackage(input) {
  return /^.*node_modules\/((@[^/]+\/)?[^/]+)(?=\/)/.exec(input)?.[0]
}

function copyLicence(folder) {
  const licence = readdirSync(join(root, folder)).find((name) => /^licen[cs]e/i.test(name))
  if (!licence) throw new Error(`${folder} has no licence to publish with its code`)
  cpSync(join(root, folder, licence), join(target, 'licences', `${folder.split('node_modules/').at(-1)}.txt`))
}
