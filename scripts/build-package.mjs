/**
 * Turns the compiled modules of the package (`build/`) into what is published (`dist/`): each entry point with the code
 * that it shares with others in two chunks, so that an import reads few files; the types that they show; and the same
 * in `dist/cjs`, for loaders that cannot `require` an ES module, such as Jest's before Node 24.9. Node itself takes the
 * ES modules for `require` too (condition `module-sync`), so that a process never holds two copies.
 *
 * Of packages that are no dependency of the published one, the parts that are used go into the chunks: a few kilobytes
 * where importing the whole of zod would take longer than all the rest.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { transform } from 'esbuild'
import { rollup } from 'rollup'
import ts from 'typescript'
import { root } from './schemas.mjs'

const folder = join(root, 'packages/prisma-kms-encrypted')
const modules = join(folder, 'build')
const dist = join(folder, 'dist')
const cjs = join(dist, 'cjs')

const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })
const entryPoints = listEntryPoints()
const isInstalled = (id) => dependencies.some((name) => id === name || id.startsWith(`${name}/`))
const isBuiltin = (id) => id.startsWith('node:') || builtinModules.includes(id)

const written = [
  ...(await bundle([...entryPoints.exported, ...entryPoints.commands], (id) => isInstalled(id), {
    dir: dist,
    format: 'esm',
  })),
  // What configurations import is no command; commands are only ever run by Node.
  ...(await bundle(
    entryPoints.exported,
    // Published without a CommonJS form, so its code goes in too.
    (id) => isInstalled(id) && id !== 'nanoid',
    {
      dir: cjs,
      format: 'cjs',
      exports: 'named',
      interop: 'default', // as when Node imports CommonJS
      dynamicImportInCjs: false, // but `require`: Jest's loader has no dynamic import without a flag
    },
  )),
  ...copyTypes(dist),
  ...copyTypes(cjs),
]
writeFileSync(join(cjs, 'package.json'), '{ "type": "commonjs" }\n')
removeOthers(new Set([...written, join(cjs, 'package.json')]))

/** What the package exports, and its commands: paths of modules without extension. */
function listEntryPoints() {
  const { exports, bin } = manifest
  const toModule = (path) => relative('dist', path).replace(/\.js$/, '')
  const exported = Object.values(exports).flatMap((target) => target.default?.default ?? [])
  const commands = Object.values(bin).flatMap((path) => {
    const [, imported] = /import '\.\.\/(.+)'/.exec(readFileSync(join(folder, path), 'utf8')) ?? []
    return imported ?? []
  })
  return { exported: exported.map(toModule), commands: commands.map(toModule) }
}

/** @returns the paths of the files that were written */
async function bundle(entries, isExternal, output) {
  const build = await rollup({
    input: Object.fromEntries(entries.map((entry) => [entry, join(modules, `${entry}.js`)])),
    external: (id) => isBuiltin(id) || isExternal(id),
    treeshake: { moduleSideEffects: false },
    plugins: [
      { name: 'source-maps', load: loadWithMap },
      nodeResolve({ exportConditions: ['node'] }),
      { name: 'no-comments', renderChunk: dropComments },
    ],
    onwarn({ id, ids = [id], message }) {
      // What the others' modules do among themselves is theirs, such as zod's circles.
      if (!ids.every((module) => module && packageFolderOf(module) !== null)) throw new Error(message)
    },
  })
  const { output: files } = await build.write({
    ...output,
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    hoistTransitiveImports: false,
    onlyExplicitManualChunks: true,
    manualChunks: chooseChunk(entries),
    sourcemap: true,
    sourcemapExcludeSources: true,
  })
  await build.close()
  const included = files.flatMap(({ moduleIds = [] }) => moduleIds.map(packageFolderOf))
  const licences = [...new Set(included)].flatMap((name) => (name === null ? [] : copyLicence(name)))
  return [...files.map(({ fileName }) => join(output.dir, fileName)), ...licences]
}

/**
 * `core` is what an import of the package itself needs; `base` the part of it that other entry points need too, which
 * should not load the rest. What is left, such as the jobs over whole tables, gets chunks of its own.
 */
function chooseChunk(entries) {
  const main = join(modules, 'index.js')
  // The command line works on the whole package.
  const others = entries
    .filter((entry) => !/^(index$|cli\/)/.test(entry))
    .map((entry) => join(modules, `${entry}.js`))
  let reached
  return (id, { getModuleInfo }) => {
    const reach = (ids, seen = new Set()) => {
      for (const id of ids.filter((id) => !seen.has(id)))
        reach(getModuleInfo(seen.add(id) && id).importedIds, seen)
      return seen
    }
    reached ??= { main: reach([main]), others: reach(others) }
    if (id === main || !reached.main.has(id)) return null
    return reached.others.has(id) ? 'base' : 'core'
  }
}

/**
 * Our own modules, with the compiler's map that leads on to the sources. No statement of theirs is left out, whatever
 * Rollup takes for useless, such as writing zeros over a key that nobody reads any more.
 */
function loadWithMap(id) {
  if (!id.startsWith(modules)) return null
  const [code, map] = [id, `${id}.map`].map((path) => readFileSync(path, 'utf8'))
  return { code, map, moduleSideEffects: 'no-treeshake' }
}

/** Names and lines stay, so that a stack trace can be read without the maps too. */
async function dropComments(code) {
  const printed = await transform(code, { legalComments: 'none', sourcemap: true, charset: 'ascii' })
  return { code: printed.code, map: printed.map }
}

/** Copies the types that the exports lead to. @returns the paths of the copies */
function copyTypes(target) {
  const found = new Set()
  const follow = (name) => {
    if (found.has(name)) return
    found.add(name)
    const { importedFiles } = ts.preProcessFile(readFileSync(join(modules, name), 'utf8'))
    for (const { fileName: specifier } of importedFiles) {
      if (specifier.startsWith('.')) follow(join(dirname(name), specifier).replace(/\.js$/, '.d.ts'))
      else if (!isBuiltin(specifier) && !isInstalled(specifier)) {
        throw new Error(`${name} shows types of ${specifier}, which is not installed with the package`)
      }
    }
  }
  for (const entry of entryPoints.exported) follow(`${entry}.d.ts`)
  return [...found].flatMap((name) => {
    mkdirSync(dirname(join(target, name)), { recursive: true })
    if (target !== dist) {
      // Their maps lead to the sources from `dist` only.
      const types = readFileSync(join(modules, name), 'utf8').replace(/^\/\/# sourceMappingURL=.*$/m, '')
      writeFileSync(join(target, name), types)
      return [join(target, name)]
    }
    return [name, `${name}.map`].map((file) => {
      cpSync(join(modules, file), join(target, file))
      return join(target, file)
    })
  })
}

/** Empties `dist` of what an earlier build has left, without taking away what another process may be reading. */
function removeOthers(kept) {
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile() && !kept.has(path)) rmSync(path)
  }
}

/** The folder of the package that a module belongs to; `null`: it is one of ours. */
function packageFolderOf(id) {
  return /^.*node_modules[\\/]((@[^\\/]+[\\/])?[^\\/]+)(?=[\\/])/.exec(id)?.[0] ?? null
}

/** @returns the path of the copy */
function copyLicence(included) {
  const licence = readdirSync(included).find((name) => /^licen[cs]e/i.test(name))
  if (!licence) throw new Error(`${included} has no licence to publish with its code`)
  const { name, version } = JSON.parse(readFileSync(join(included, 'package.json'), 'utf8'))
  const copy = join(dist, 'licences', `${name.replace('/', '+')}-${version}.txt`)
  mkdirSync(dirname(copy), { recursive: true })
  cpSync(join(included, licence), copy)
  return copy
}
