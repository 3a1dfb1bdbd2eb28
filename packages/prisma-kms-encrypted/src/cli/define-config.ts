/** What `kms-encrypted.config.ts` exports: how the command line gets the application's own extended client. */
import type { KmsProvider } from '../kms/provider.js'

/** One value that was opened on the command line; holds no value itself. */
export interface OpenAudit {
  readonly at: Date
  /** The operating system's user. */
  readonly user: string
  readonly host: string
  readonly model: string
  /** The record's id as in its encryption context. */
  readonly id: string
  readonly field: string
  readonly key: string
  readonly keyId: string
  /** What the user gave as the reason. */
  readonly reason: string
}

/** The configuration of the command `kms-encrypted`. */
export interface CliConfig {
  /**
   * The Prisma client that was extended by `kmsEncrypted()`, or better a function that gives it, so that commands which
   * need no database do not make it.
   */
  readonly client: object | (() => unknown)
  /** The Prisma schema, a file or a folder, relative to this file; found as Prisma finds it unless given. */
  readonly schema?: string
  /** Providers for `index-key create`, which runs before a client can exist; default: by key id, from the environment. */
  readonly providers?: readonly KmsProvider[]
  /** Called before `open` decrypts anything; if it fails, nothing is opened. */
  readonly onOpen?: (entry: OpenAudit) => void | Promise<void>
}

/**
 * Gives the configuration back, with its type.
 *
 * @example
 * export default defineConfig({ client: async () => (await import('./src/prisma.js')).prisma })
 */
export function defineConfig(config: CliConfig): CliConfig {
  return config
}
