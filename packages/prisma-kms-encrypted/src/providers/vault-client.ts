/** Turns the options of the Vault provider into a client, lazily and from the environment where nothing is given. */
import type NodeVault from 'node-vault'
import * as z from 'zod/mini'
import { checkForm, lazySchema, objectSchema } from '../lazy-schema.js'
import { KmsEncryptedError } from '../errors.js'
import { importDependency } from './dependency.js'

/** Options of `vaultTransit`. Without any, `VAULT_ADDR`, `VAULT_TOKEN` and `VAULT_NAMESPACE` are used. */
export interface VaultTransitOptions {
  /** Where the transit engine is mounted; `transit`. */
  readonly mount?: string
  readonly address?: string
  readonly token?: string
  readonly namespace?: string
  /** Your own node-vault client, for instance one that renews its token. Its `debug` option must not log. */
  readonly client?: VaultClient
  /**
   * Uses keys without looking whether they are derived: without the right to read `<mount>/keys/<key>` this is
   * the only way. A key that is not derived ignores the context, so that wrapped keys can be swapped between rows.
   */
  readonly allowUnderived?: boolean
  /** Milliseconds for one request; 5,000. node-vault itself has no limit. */
  readonly requestTimeoutMs?: number
}

/** The part of a node-vault client that is used. */
export interface VaultClient {
  read(path: string, options?: { readonly timeout: number }): Promise<unknown>
  write(path: string, data: unknown, options?: { readonly timeout: number }): Promise<unknown>
}

const mountPath = /^(?!.*\.\.)[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/
const optionsSchema = lazySchema(() =>
  z.strictObject({
    mount: z._default(
      z.string().check(z.regex(mountPath, 'expected a mount path such as transit')),
      'transit',
    ),
    address: z.optional(z.url()),
    token: z.optional(z.string().check(z.minLength(1))),
    namespace: z.optional(z.string().check(z.minLength(1))),
    client: z.optional(objectSchema<VaultClient>()),
    allowUnderived: z._default(z.boolean(), false),
    requestTimeoutMs: z._default(z.int().check(z.positive()), 5_000),
  }),
)

/** Options with their defaults. */
export interface VaultSettings {
  readonly mount: string
  readonly address?: string | undefined
  readonly token?: string | undefined
  readonly namespace?: string | undefined
  readonly client?: VaultClient | undefined
  readonly allowUnderived: boolean
  readonly requestTimeoutMs: number
}

/**
 * The given client, or one made from the options and the environment.
 * @throws INVALID_CONFIGURATION without an address or a token
 * @throws MISSING_DEPENDENCY
 */
export async function loadVaultClient(settings: VaultSettings): Promise<VaultClient> {
  if (settings.client !== undefined) return settings.client
  const endpoint = settings.address ?? process.env['VAULT_ADDR']
  const token = settings.token ?? process.env['VAULT_TOKEN']
  const namespace = settings.namespace ?? process.env['VAULT_NAMESPACE']
  if (endpoint === undefined || endpoint === '') throw invalidVaultOptions('VAULT_ADDR is not set')
  if (token === undefined || token === '') throw invalidVaultOptions('VAULT_TOKEN is not set')
  const { default: nodeVault } = await importDependency('node-vault', () => import('node-vault'))
  const silent: NodeVault.VaultOptions['debug'] = () => undefined // its own would print the plaintext under DEBUG
  return nodeVault({
    endpoint,
    token,
    ...(namespace === undefined || namespace === '' ? {} : { namespace }),
    debug: silent,
  })
}

/**
 * Fills in defaults.
 * @throws INVALID_CONFIGURATION
 */
export function checkVaultOptions(options: VaultTransitOptions): VaultSettings {
  const checked = checkForm(optionsSchema, options)
  if (checked.success) return checked.data
  const [issue] = checked.error.issues
  throw invalidVaultOptions(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`)
}

/** The error for a wrong option. */
export function invalidVaultOptions(detail: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `vaultTransit: ${detail}`,
    why: 'Without an exact address, token and path, requests would go to the wrong place.',
    fix: 'Set VAULT_ADDR and VAULT_TOKEN, or pass vaultTransit({ address, token, mount }) or vaultTransit({ client }).',
  })
}
