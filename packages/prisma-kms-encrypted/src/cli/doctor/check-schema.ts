/** Runs the generator on a copy of the Prisma schema and compares with the models that the application uses. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

import type { ModelDefinitions } from '../../schema/model.js'
import type { LoadedConfig } from '../load-config.js'
import { packageFolder } from '../package-folder.js'
import { check, type Check } from './check.js'

const run = promisify(execFile)
const generator = join(packageFolder(), 'dist/schema/generator/bin.js')
const name = 'kmsEncryptedDoctor'

/**
 * Checks the schema's comments, and that the generated module is in step with the schema.
 * @param models what the application's client was extended with
 */
export async function checkSchema(
  config: LoadedConfig,
  models: ModelDefinitions,
  redact: (text: string) => string,
): Promise<Check[]> {
  const schema = await findSchema(config)
  const prisma = findPrisma(config.path)
  if (schema === null || prisma === null) {
    const missing = schema === null ? 'no Prisma schema found' : 'the package prisma is not installed here'
    const fix =
      schema === null
        ? 'Give schema in the configuration.'
        : 'Run doctor where prisma is installed too, as in CI.'
    return [check('Schema', 'comments', 'WARN', 'schema', `not checked: ${missing}`, { fix })]
  }
  const folder = await mkdtemp(join(tmpdir(), 'kms-encrypted-doctor-'))
  try {
    const output = join(folder, 'encrypted-models.ts')
    const copy = await copySchema(schema, folder, output)
    const problem = await generate(prisma, copy, folder)
    if (problem !== null) {
      const fix = 'Correct the schema as the message says, then run prisma generate.'
      return [check('Schema', 'comments', 'CRITICAL', 'schema', redact(problem), { fix })]
    }
    const comments = check('Schema', 'comments', 'OK', 'schema', 'the comments are valid')
    const { encryptedModels } = (await config.load(output)) as { encryptedModels: ModelDefinitions } // of our generator
    return [comments, ...compareModels(encryptedModels, models)]
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** One row for all models when they agree, else one for each that differs. */
export function compareModels(expected: ModelDefinitions, used: ModelDefinitions): Check[] {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(used)])]
  const different = names.flatMap((model) => {
    const path = firstDifference(expected[model], used[model], model)
    return path === null ? [] : [{ model, path }]
  })
  if (different.length === 0)
    return [
      check('Schema', 'generated', 'OK', 'schema', 'the generated models are in step', { models: names }),
    ]
  return different.map(({ model, path }) =>
    check('Schema', 'generated', 'CRITICAL', model, `the generated models differ from the schema: ${path}`, {
      fix: 'Run prisma generate, and deploy the client and the generated models together.',
      models: [model],
    }),
  )
}

/** Where two values of plain data differ, as a path; `null`: nowhere. */
function firstDifference(a: unknown, b: unknown, path: string): string | null {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b ? null : path
  const [left, right] = [a, b] as [Record<string, unknown>, Record<string, unknown>] // objects and arrays alike
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const found = firstDifference(left[key], right[key], `${path}.${key}`)
    if (found !== null) return found
  }
  return null
}

/** As Prisma finds it: its configuration file, package.json, then the usual places. */
async function findSchema({ config, folder, load }: LoadedConfig): Promise<string | null> {
  const candidates = [config.schema, await ofPrismaConfig(folder, load), await ofPackageJson(folder)]
  const given = candidates.find((each) => typeof each === 'string')
  const paths = given === undefined ? ['prisma/schema.prisma', 'prisma/schema', 'schema.prisma'] : [given]
  return paths.map((path) => resolve(folder, path)).find((path) => existsSync(path)) ?? null
}

async function ofPrismaConfig(folder: string, load: LoadedConfig['load']): Promise<string | undefined> {
  const path = ['ts', 'mts', 'js', 'mjs']
    .map((ext) => join(folder, `prisma.config.${ext}`))
    .find((each) => existsSync(each))
  if (path === undefined) return undefined
  // It may need variables that only Prisma's commands have.
  const exported = (await load(path).catch(() => null)) as { default?: { schema?: unknown } } | null
  const schema = exported?.default?.schema
  return typeof schema === 'string' ? schema : undefined
}

async function ofPackageJson(folder: string): Promise<string | undefined> {
  const path = join(folder, 'package.json')
  if (!existsSync(path)) return undefined
  const { prisma } = JSON.parse(await readFile(path, 'utf8')) as { prisma?: { schema?: string } }
  return prisma?.schema
}

function findPrisma(from: string): string | null {
  for (const folder of createRequire(from).resolve.paths('prisma') ?? []) {
    const path = join(folder, 'prisma/build/index.js')
    if (existsSync(path)) return path
  }
  return null
}

/** The schema with one generator more, which writes into the copy's folder; only that one is run. */
async function copySchema(schema: string, folder: string, output: string): Promise<string> {
  const block = `\ngenerator ${name} {\n  provider = ${JSON.stringify(`node ${JSON.stringify(generator)}`)}\n  output = ${JSON.stringify(output)}\n}\n`
  if ((await stat(schema)).isDirectory()) {
    const copy = join(folder, 'schema')
    await cp(schema, copy, { recursive: true })
    await writeFile(join(copy, `${name}.prisma`), block)
    return copy
  }
  const copy = join(folder, 'schema.prisma')
  await writeFile(copy, (await readFile(schema, 'utf8')) + block)
  return copy
}

/** @returns what Prisma or the generator complains of; `null`: nothing */
async function generate(prisma: string, schema: string, cwd: string): Promise<string | null> {
  const env = {
    ...process.env,
    // `generate` never runs the native schema engine, but would download it unless some executable is named.
    PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
    NO_COLOR: '1',
    FORCE_COLOR: '0',
  }
  try {
    await run(process.execPath, [prisma, 'generate', '--schema', schema, '--generator', name], { cwd, env })
    return null
  } catch (error) {
    const { stderr = '', stdout = '' } = error as { stderr?: string; stdout?: string } // of execFile
    return readComplaint(stderr || stdout, dirname(schema))
  }
}

/** Without the lines that only speak of the copy. */
function readComplaint(text: string, folder: string): string {
  const lines = text
    .replaceAll(`${folder}/`, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !/^(Prisma schema loaded|Loaded Prisma config|Error:\s*$)/.test(line))
  return lines.join('\n').slice(0, 2000) || 'prisma generate failed without a message'
}
