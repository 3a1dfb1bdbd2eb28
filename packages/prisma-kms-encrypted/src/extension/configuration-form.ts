/** Checks that a configuration has the documented form, and that no option is misspelled. */
import * as z from 'zod'

import type { KmsEvent } from '../kms/audit-event.js'
import type { DataKeyCacheOptions } from '../kms/cache.js'
import type { KmsProvider } from '../kms/provider.js'
import { lazySchema } from '../lazy-schema.js'
import type { ContextFn } from '../records/key-config.js'
import type { ModelDefinitions } from '../schema/model.js'
import { branchKeyOptions } from './branch-keys.js'
import { invalid } from './check-configuration.js'
import { indexKeyConfig } from './index-key.js'
import { legacyConfig } from './legacy.js'
import { migratingConfig } from './migrating.js'

const configuration = lazySchema(() => {
  const contextFn = z.custom<ContextFn>((value) => typeof value === 'function', 'expected a function')
  const branchKeys = branchKeyOptions().optional()
  const keyOptions = {
    eager: z.enum(['fetch-id', 'after-insert', 'context-free']).optional(),
    context: contextFn.optional(),
    contextColumns: z.array(z.string().min(1)).optional(),
    rowBinding: z.literal('off').optional(),
    branchKeys,
    freshKeys: z.boolean().optional(),
  }
  const keyConfig = z.union([
    z.strictObject({ keyId: z.string().min(1), ...keyOptions }),
    z.strictObject({
      current: z.int().min(1),
      versions: z.record(
        z.string().regex(/^[1-9]\d*$/, 'versions are numbered from 1'),
        z.strictObject({
          keyId: z.string().min(1),
          context: contextFn.optional(),
          branchKeys,
        }),
      ),
      ...keyOptions,
    }),
  ])
  return z.strictObject({
    models: z.custom<ModelDefinitions>(
      (value) => typeof value === 'object' && value !== null,
      'expected encryptedModels',
    ),
    providers: z.array(z.custom<KmsProvider>(isProvider, 'expected a KmsProvider')).optional(),
    keyId: z.string().min(1).optional(),
    keys: z.record(z.string(), keyConfig).optional(),
    indexKey: indexKeyConfig().optional(),
    mode: z.enum(['read-write', 'encrypt-only', 'decrypt-only']).optional(),
    calls: z.strictObject({ deadlineMs: z.int().positive().optional() }).optional(),
    exclusive: z.array(z.string()).optional(),
    cache: z.custom<DataKeyCacheOptions>((value) => typeof value === 'object' && value !== null).optional(),
    namespace: z.string().min(1).optional(),
    migrating: migratingConfig().optional(),
    legacy: legacyConfig().optional(),
    idBlock: z.int().min(2).max(10_000).optional(),
    transaction: z
      .strictObject({ maxWait: z.int().positive().optional(), timeout: z.int().positive().optional() })
      .optional(),
    onKmsEvent: z
      .custom<(event: KmsEvent) => void>((value) => typeof value === 'function', 'expected a function')
      .optional(),
  })
})

function isProvider(value: unknown): boolean {
  const given = value as Readonly<Record<string, unknown>> // only read if it is an object
  return (
    typeof value === 'object' &&
    value !== null &&
    ['accepts', 'wrap', 'unwrap'].every((name) => typeof given[name] === 'function')
  )
}

/** A configuration of the documented form. */
export type ParsedConfiguration = z.infer<ReturnType<typeof configuration>>
/** One key of it. */
export type ParsedKey = NonNullable<ParsedConfiguration['keys']>[string]

/**
 * Checks the form of a configuration, and nothing else.
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`, naming every option that is wrong
 */
export function parseConfiguration(config: unknown): ParsedConfiguration {
  const parsed = configuration().safeParse(config)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`)
  throw invalid(
    issues.join('; '),
    'The configuration does not have the documented form.',
    'Correct the named options.',
  )
}
