/** Checks that a configuration has the documented form, and that no option is misspelled. */
import * as z from 'zod/mini'

import type { KmsEvent } from '../kms/audit-event.js'
import type { BranchKeyStore } from '../kms/branch-key-store.js'
import type { DataKeyCacheOptions } from '../kms/cache-options.js'
import type { KmsProvider } from '../kms/provider.js'
import { checkForm, functionSchema, lazySchema, objectSchema } from '../lazy-schema.js'
import type { BranchFn, ContextFn } from '../records/key-config.js'
import type { LegacyOpener } from '../records/legacy-opener.js'
import type { ModelDefinitions } from '../schema/model.js'
import { invalid } from './check-configuration.js'

const text = lazySchema(() => z.string().check(z.minLength(1)))
const positive = lazySchema(() => z.int().check(z.positive()))
const versionNumber = lazySchema(() =>
  z.string().check(z.regex(/^[1-9]\d*$/, 'versions are numbered from 1')),
)

const storeMethods = ['newest', 'find', 'add']
const branchKeyOptions = lazySchema(() =>
  z.strictObject({
    store: objectSchema<BranchKeyStore>(
      'expected a store of branch keys, such as postgresBranchKeys(…)',
      storeMethods,
    ),
    per: z.union([z.literal('model'), functionSchema<BranchFn>("expected 'model' or a function")]),
    rotate: z.optional(z.strictObject({ maxAgeMs: z.optional(positive()), maxUses: z.optional(positive()) })),
    memory: z.optional(
      z.strictObject({
        ttlMs: z.optional(positive()),
        maxEntries: z.optional(positive()),
        maxUses: z.optional(positive()),
      }),
    ),
  }),
)

const keyConfig = lazySchema(() => {
  const context = z.optional(functionSchema<ContextFn>())
  const branchKeys = z.optional(branchKeyOptions())
  const keyOptions = {
    eager: z.optional(z.enum(['fetch-id', 'after-insert', 'context-free'])),
    context,
    contextColumns: z.optional(z.array(text())),
    rowBinding: z.optional(z.literal('off')),
    branchKeys,
    freshKeys: z.optional(z.boolean()),
  }
  return z.union([
    z.strictObject({ keyId: text(), ...keyOptions }),
    z.strictObject({
      current: z.int().check(z.minimum(1)),
      versions: z.record(versionNumber(), z.strictObject({ keyId: text(), context, branchKeys })),
      ...keyOptions,
    }),
  ])
})

const indexKeyConfig = lazySchema(() => {
  const wrapped = z.strictObject({ keyId: text(), key: text() })
  const versions = z.record(versionNumber(), wrapped)
  return z.union([text(), wrapped, z.strictObject({ current: z.int().check(z.minimum(1)), versions })])
})

const legacyOpener = lazySchema(() => {
  const message = 'expected a LegacyOpener, such as railsKmsEncrypted(…)'
  return objectSchema<LegacyOpener>(message, ['open']).check(
    z.refine(({ name, fields }) => typeof name === 'string' && typeof fields === 'object', message),
  )
})

const configuration = lazySchema(() =>
  z.strictObject({
    models: objectSchema<ModelDefinitions>('expected encryptedModels'),
    providers: z.optional(
      z.array(objectSchema<KmsProvider>('expected a KmsProvider', ['accepts', 'wrap', 'unwrap'])),
    ),
    keyId: z.optional(text()),
    keys: z.optional(z.record(z.string(), keyConfig())),
    indexKey: z.optional(indexKeyConfig()),
    mode: z.optional(z.enum(['read-write', 'encrypt-only', 'decrypt-only'])),
    calls: z.optional(z.strictObject({ deadlineMs: z.optional(positive()) })),
    exclusive: z.optional(z.array(z.string())),
    cache: z.optional(objectSchema<DataKeyCacheOptions>()),
    namespace: z.optional(text()),
    migrating: z.optional(z.record(z.string(), z.enum(['read', 'write']))),
    legacy: z.optional(z.array(legacyOpener())),
    idBlock: z.optional(z.int().check(z.minimum(2), z.maximum(10_000))),
    transaction: z.optional(
      z.strictObject({ maxWait: z.optional(positive()), timeout: z.optional(positive()) }),
    ),
    onKmsEvent: z.optional(functionSchema<(event: KmsEvent) => void>()),
  }),
)

/** A configuration of the documented form. */
export type ParsedConfiguration = z.infer<ReturnType<typeof configuration>>
/** One key of it. */
export type ParsedKey = z.infer<ReturnType<typeof keyConfig>>

/**
 * Checks the form of a configuration, and nothing else.
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`, naming every option that is wrong
 */
export function parseConfiguration(config: unknown): ParsedConfiguration {
  const parsed = checkForm(configuration, config)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'config'}: ${issue.message}`)
  throw invalid(
    issues.join('; '),
    'The configuration does not have the documented form.',
    'Correct the named options.',
  )
}
