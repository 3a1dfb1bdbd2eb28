/** Validates the configuration of a box once and finds the provider of each key version. */
import * as z from 'zod/mini'

import { KmsEncryptedError } from '../errors.js'
import { createKmsAudit } from '../kms/audit.js'
import type { KmsEvent } from '../kms/audit-event.js'
import { withCallPolicy } from '../kms/call-policy.js'
import type { KmsProvider } from '../kms/provider.js'
import { createProviderRegistry } from '../kms/registry.js'
import { checkForm, functionSchema, lazySchema, objectSchema } from '../lazy-schema.js'
import { defaultProviders } from '../providers/defaults.js'

/** What holds for all versions of a box's key. */
export interface BoxOptions {
  /** Key services of your own making or configuration; the known ones are otherwise loaded on first use, by key id. */
  readonly providers?: readonly KmsProvider[]
  /**
   * `'kms_encrypted'`: also open what `KmsEncrypted::Box` of the Ruby gem wrote (`v1:…`). Off unless given, since key
   * columns have the same form: whoever chooses the text could have a record's data key opened as if it were a value.
   */
  readonly legacy?: 'kms_encrypted'
  /** Told of every use of a data key; nobody waits for it, and what it throws stops nothing. */
  readonly onKmsEvent?: (event: KmsEvent) => void
}

/** A box's key: one id (by default the environment's `KMS_KEY_ID`), or several versions of which one is current. */
export type BoxConfig =
  | ({ readonly keyId?: string } & BoxOptions)
  | ({
      readonly current: number
      readonly versions: Readonly<Record<number, { readonly keyId: string }>>
    } & BoxOptions)

/** One version of a box's key. */
export interface BoxKeyVersion {
  readonly number: number
  readonly keyId: string
  readonly provider: KmsProvider
}

/** The configuration as the rest uses it: complete and frozen. */
export interface ResolvedBox {
  readonly current: BoxKeyVersion
  readonly opensGem: boolean
  /** @throws KmsEncryptedError `UNKNOWN_KEY_VERSION` */
  versionOf(number: number): BoxKeyVersion
}

const configuration = lazySchema(() => {
  const name = z.string().check(z.minLength(1))
  const options = {
    providers: z.optional(z.array(objectSchema<KmsProvider>('expected a KmsProvider', ['wrap', 'unwrap']))),
    legacy: z.optional(z.literal('kms_encrypted')),
    onKmsEvent: z.optional(functionSchema<(event: KmsEvent) => void>()),
  }
  return z.union([
    z.strictObject({ keyId: z.optional(name), ...options }),
    z.strictObject({
      current: z.int().check(z.minimum(1)),
      versions: z.record(
        z.string().check(z.regex(/^[1-9]\d{0,8}$/, 'versions are numbered from 1')),
        z.strictObject({ keyId: name }),
      ),
      ...options,
    }),
  ])
})

/**
 * Checks the configuration of a box: the current version exists, and every key id has its provider.
 * @param environment where `KMS_KEY_ID` is looked up
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`, `UNKNOWN_KEY_ID`
 */
export function resolveBox(
  config: unknown,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): ResolvedBox {
  const parsed = checkForm(configuration, config)
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`)
    throw invalid(issues.join('; '), 'Give keyId, or current and versions: docs/box.md.')
  }
  const { providers = [], legacy, onKmsEvent } = parsed.data
  const registry = createProviderRegistry(providers, defaultProviders(environment))
  const audit = createKmsAudit(onKmsEvent)
  const policies = new Map<KmsProvider, KmsProvider>()
  const resolve = (number: number, keyId: string): BoxKeyVersion => {
    const bare = registry.resolve(keyId)
    const provider = policies.get(bare) ?? withCallPolicy(bare, { audit })
    policies.set(bare, provider)
    return Object.freeze({ number, keyId, provider })
  }
  const { current, versions } = versionsOf(parsed.data, environment['KMS_KEY_ID'])
  const resolved = new Map(
    Object.entries(versions).map(([number, { keyId }]) => [Number(number), resolve(Number(number), keyId)]),
  )
  const versionOf = (number: number): BoxKeyVersion => {
    const version = resolved.get(number)
    if (version) return version
    throw unknownVersion(number, [...resolved.keys()])
  }
  if (!resolved.has(current)) {
    throw invalid(
      `current is ${current}, but versions holds ${[...resolved.keys()].join(', ') || 'none'}`,
      `Add version ${current} to versions.`,
    )
  }
  return Object.freeze({ current: versionOf(current), opensGem: legacy === 'kms_encrypted', versionOf })
}

function versionsOf(
  parsed: z.infer<ReturnType<typeof configuration>>,
  defaultKeyId: string | undefined,
): { readonly current: number; readonly versions: Readonly<Record<string, { readonly keyId: string }>> } {
  if ('versions' in parsed) return parsed
  const keyId = parsed.keyId ?? defaultKeyId
  if (keyId === undefined || keyId === '') {
    throw invalid('no key id', 'Give keyId or versions, or set KMS_KEY_ID in the environment.')
  }
  return { current: 1, versions: { 1: { keyId } } }
}

function invalid(message: string, fix: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `createBox: ${message}`,
    why: 'What a box seals must stay readable, so its key must be named without doubt.',
    fix,
  })
}

function unknownVersion(number: number, known: readonly number[]): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'UNKNOWN_KEY_VERSION',
    message: `Box: version ${number} of its key is not configured (known: ${known.join(', ')})`,
    why: 'The box names a version that this server has no key id for.',
    fix: `Add version ${number} to versions on every server before any server seals under it.`,
  })
}
