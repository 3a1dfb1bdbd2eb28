/** Finds and loads `kms-encrypted.config.ts`, in the folder where the command runs or one above it. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import * as z from 'zod/mini'

import { checkForm, lazySchema } from '../lazy-schema.js'
import type { CliConfig } from './define-config.js'
import { usageError } from './usage.js'

/** A configuration and the folder that its paths are relative to. */
export interface LoadedConfig {
  readonly path: string
  readonly folder: string
  readonly config: CliConfig
  /** Imports another module of the project, TypeScript too. */
  readonly load: (path: string) => Promise<unknown>
}

const names = ['ts', 'mts', 'js', 'mjs'].map((extension) => `kms-encrypted.config.${extension}`)
const isFunction = (value: unknown): boolean => typeof value === 'function'
const form = lazySchema(() =>
  z.strictObject({
    client: z.custom<CliConfig['client']>(
      (value) => isFunction(value) || (typeof value === 'object' && !!value),
    ),
    schema: z.optional(z.string().check(z.minLength(1))),
    providers: z.optional(z.custom<CliConfig['providers']>(Array.isArray)),
    onOpen: z.optional(z.custom<CliConfig['onOpen']>(isFunction)),
  }),
)

/**
 * Loads the configuration.
 * @param given the path that the user gave, relative to `cwd`
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`; whatever the file itself throws
 */
export async function loadConfig(cwd: string, given: string | undefined): Promise<LoadedConfig> {
  const path = given === undefined ? findConfig(cwd) : resolve(cwd, given)
  if (path === null || !existsSync(path)) {
    throw usageError(
      path === null ? `No kms-encrypted.config.ts in ${cwd} or above` : `${path} does not exist`,
      'The command works on the client that your application uses, and the configuration says where it is.',
      `Write it: import { defineConfig } from 'prisma-kms-encrypted/config'; export default defineConfig({ client: async () => (await import('./src/prisma.js')).prisma })`,
    )
  }
  const load = await createLoader(path)
  const exported = await load(path)
  const parsed = checkForm(form, defaultOf(exported))
  if (!parsed.success) {
    const issues = parsed.error.issues.map(
      ({ path: at, message }) => `${at.join('.') || 'default export'}: ${message}`,
    )
    throw usageError(
      `${path}: ${issues.join('; ')}`,
      'The file has to export a configuration as its default.',
      'export default defineConfig({ client: … }), with the options that docs/cli.md lists.',
    )
  }
  return { path, folder: dirname(path), config: parsed.data as CliConfig, load } // the same form, checked
}

/** The path of the configuration in a folder or above it; `null`: there is none. */
export function findConfig(cwd: string): string | null {
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    const found = names.map((name) => join(folder, name)).find((path) => existsSync(path))
    if (found !== undefined) return found
    if (dirname(folder) === folder) return null
  }
}

/** What was compiled is kept inside the project: a cache in a folder for all users could be written by another one. */
async function createLoader(path: string): Promise<(module: string) => Promise<unknown>> {
  const { createJiti } = await import('jiti')
  const modules = join(dirname(path), 'node_modules')
  const fsCache = existsSync(modules) ? join(modules, '.cache/kms-encrypted') : false
  const jiti = createJiti(pathToFileURL(path).href, { fsCache, interopDefault: false })
  return (module) => jiti.import(module)
}

/** The default export; of a CommonJS file it may be wrapped twice. */
function defaultOf(exported: unknown): unknown {
  const outer = (exported as { default?: unknown } | null)?.default
  const inner = (outer as { default?: unknown } | null | undefined)?.default
  return inner ?? outer
}
