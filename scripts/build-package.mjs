/**
 * Turns the compiled modules of the package (`build/`) into what is published (`dist/`): for each entry point one ES
 * module, with the code that they share in a few more, so that an import reads few files; the types as they are; and
 * `dist/cjs`, for loaders that cannot `require` an ES module, such as Jest's before Node 24.9. Node itself takes the ES
 * modules for `require` too (condition `module-sync`), so that a process never holds two copies.
 */
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { build } from 'esbuild'
import { root } from './schemas.mjs'

const folder = join(root, 'packages/prisma-kms-encrypted')
const modules = join(folder, 'build')
const dist = join(folder, 'dist')
const cjs = join(dist, 'cjs')

// What configurations import is no command; commands are only ever run by Node.
const commands = /^(cli(?![\\/]define-config\.)|schema[\\/]generator)[\\/]/
// Published without a CommonJS form, so their code goes into the files that import them.
const esModulesOnly = ['nanoid', 'p-limit']

const compiled = readdirSync(modules, { recursive: true })
const files = compiled.filter((name) => !commands.test(name))
const types = (names) => names.filter((name) => /\.d\.ts(\.map)?$/.test(name))
const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20',
  metafile: true,
  logLevel: 'warning',
}

const bundled = await build({
  ...common,
  entryPoints: listEntryPoints().map((name) => join(modules, name)),
  outdir: dist,
  outbase: modules,
  format: 'esm',
  splitting: true,
  packages: 'external',
  chunkNames: 'chunks/[name]-[hash]',
  sourcemap: true,
  sourcesContent: false,
})
removeOthers(new Set(Object.keys(bundled.metafile.outputs).map((name) => join(root, name))))
for (const name of types(compiled)) cpSync(join(modules, name), join(dist, name))

const { metafile } = await build({
  ...common,
  entryPoints: files.filter((name) => name.endsWith('.js')).map((name) => join(modules, name)),
  outdir: cjs,
  outbase: modules,
  format: 'cjs',
  // As `require`: Jest's loader has no dynamic import without a flag.
  supported: { 'dynamic-import': false },
  plugins: [{ name: 'inline-es-modules', setup: inlineEsModules }],
  logOverride: { 'empty-import-meta': 'error' },
})
for (const name of types(files)) cpSync(join(modules, name), join(cjs, name))
for (const inlined of new Set(Object.keys(metafile.inputs).map(findInlinedPackage))) {
  if (inlined) copyLicence(inlined)
}
writeFileSync(join(cjs, 'package.json'), '{ "type": "commonjs" }\n')

/** What the package exports, and its commands. */
function listEntryPoints() {
  const { exports, bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const exported = Object.values(exports).flatMap((target) => target.default?.default ?? [])
  const commandFiles = Object.values(bin).flatMap((path) => {
    const [, imported] = /import '\.\.\/(.+)'/.exec(readFileSync(join(folder, path), 'utf8')) ?? []
    return imported ?? []
  })
  return [...exported, ...commandFiles].map((path) => relative('dist', path))
}

/** Empties `dist` of what an earlier build has left, without taking away what another process may be reading. */
function removeOthers(kept) {
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && !kept.has(path)) rmSync(path)
  }
}

/** Every import of our files stays an import, except of {@link esModulesOnly}. */
function inlineEsModules({ onResolve }) {
  onResolve({ filter: /.*/ }, ({ kind, path, importer }) => {
    const ours = !relative(modules, importer).startsWith('..')
    return kind === 'entry-point' || !ours || esModulesOnly.includes(path)
      ? undefined
      : { path, external: true }
  })
}

function findInlinedPackage(input) {
  return /^.*node_modules\/((@[^/]+\/)?[^/]+)(?=\/)/.exec(input)?.[0]
}

function copyLicence(inlined) {
  const licence = readdirSync(join(root, inlined)).find((name) => /^licen[cs]e/i.test(name))
  if (!licence) throw new Error(`${inlined} has no licence to publish with its code`)
  cpSync(join(root, inlined, licence), join(cjs, 'licences', `${inlined.split('node_modules/').at(-1)}.txt`))
}
