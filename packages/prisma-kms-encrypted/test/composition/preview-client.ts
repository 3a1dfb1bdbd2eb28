/** Generates a client of the fixture's schema with preview features, for the tests of what those change. */
import { execFile } from 'node:child_process'
import { cp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { PrismaClient as FixtureClient } from '../generated/prisma/client.js'

const run = promisify(execFile)
const require = createRequire(import.meta.url)
const prisma = join(dirname(require.resolve('prisma/package.json')), 'build/index.js')
const schema = fileURLToPath(new URL('../../../../prisma/schema/', import.meta.url))
const generated = fileURLToPath(new URL('../generated/', import.meta.url))

/** A generated client that lives as long as the tests need it. */
export interface PreviewClient {
  readonly PrismaClient: typeof FixtureClient
  /** `Prisma.skip`, where `strictUndefinedChecks` is on. */
  readonly skip: unknown
  remove(): Promise<void>
}

/** Generates the client; takes some seconds. */
export async function generatePreviewClient(features: readonly string[]): Promise<PreviewClient> {
  const folder = join(generated, `preview-${process.pid}-${features.join('-')}`)
  await cp(schema, join(folder, 'schema'), { recursive: true })
  const file = join(folder, 'schema/schema.prisma')
  const text = await readFile(file, 'utf8')
  const changed = text
    .replace(/generator kmsEncrypted \{[^}]*\}/, '')
    .replace(/output\s*=\s*"[^"]*"/, `output = "../client"\n  previewFeatures = ${JSON.stringify(features)}`)
  await writeFile(file, changed)
  // `generate` never runs the native schema engine, but looks for some executable.
  const env = { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, NODE_OPTIONS: '' }
  await run(process.execPath, [prisma, 'generate', '--schema', join(folder, 'schema')], { env })
  const module = (await import(join(folder, 'client/client.ts'))) as {
    PrismaClient: typeof FixtureClient
    Prisma: { skip?: unknown }
  }
  return {
    PrismaClient: module.PrismaClient,
    skip: module.Prisma.skip,
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
