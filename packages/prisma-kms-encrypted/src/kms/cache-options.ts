/** The bounds within which keys may be kept in memory. */
import * as z from 'zod/mini'
import { KmsEncryptedError } from '../errors.js'
import { checkForm, lazySchema } from '../lazy-schema.js'

/**
 * Bounds of the data-key cache. While a key is cached, reading its record leaves no trace in the audit log of the
 * KMS, and a disabled key keeps working, for `ttlMs` at most.
 */
export interface DataKeyCacheOptions {
  /** Milliseconds that a key is kept after it was unwrapped; at least 1. */
  readonly ttlMs: number
  /** Keys kept; the least recently used goes first. */
  readonly maxEntries: number
  /** Times that one key is handed out before it is unwrapped anew; unlimited unless given. */
  readonly maxUses?: number
  /** Bytes of key material kept; unlimited unless given. */
  readonly maxBytes?: number
}

const optionsSchema = lazySchema(() => {
  const positiveInteger = z.int().check(z.positive())
  return z.strictObject({
    ttlMs: positiveInteger,
    maxEntries: positiveInteger,
    maxUses: z.optional(positiveInteger),
    maxBytes: z.optional(positiveInteger),
  })
})

/**
 * Checks the bounds of a cache.
 * @throws INVALID_CONFIGURATION for bounds that are not positive integers
 */
export function checkCacheOptions(options: DataKeyCacheOptions): DataKeyCacheOptions {
  const checked = checkForm(optionsSchema, options)
  if (checked.success) return options
  const [issue] = checked.error.issues
  throw new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `cache${issue === undefined ? '' : `${issue.path.map((name) => `.${String(name)}`).join('')}: ${issue.message}`}`,
    why: 'The cache keeps data keys in memory, so each of its bounds must be exact.',
    fix: 'For example cache: { ttlMs: 60_000, maxEntries: 1_000 }; leave the cache out to keep no keys.',
  })
}
