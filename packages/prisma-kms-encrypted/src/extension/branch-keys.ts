/** The option `branchKeys`: its form, its defaults, and the provider that it makes of a key version's own. */
import * as z from 'zod'

import type { BranchKeyStore } from '../kms/branch-key-store.js'
import { withBranchKeys, type BranchKeyProvider } from '../kms/branch-keys.js'
import type { KmsProvider } from '../kms/provider.js'
import { systemTiming } from '../kms/timing.js'
import { lazySchema } from '../lazy-schema.js'
import type { BranchFn } from '../records/key-config.js'

/**
 * Branch keys: the key service wraps one key for each model or tenant, which wraps the records' data keys here. What is
 * given up is the service's own audit of each record.
 */
export interface BranchKeyOptions {
  /** Where the wrapped branch keys are kept for good: `postgresBranchKeys(…)`, or a store of your own. */
  readonly store: BranchKeyStore
  /** `'model'`: one branch for each model. A function names the branch, for instance by a tenant in `contextColumns`. */
  readonly per: 'model' | BranchFn
  /** When data keys of new records go under a new branch key. Older ones stay readable. */
  readonly rotate?: {
    /** Age of a branch key in ms; 30 days. */
    readonly maxAgeMs?: number
    /** Data keys that one server wraps under it; 10,000,000. */
    readonly maxUses?: number
  }
  /** How long opened branch keys stay in the memory of a server. */
  readonly memory?: {
    /** Milliseconds after which the key service must open one again; 300,000. A disabled key works on for so long. */
    readonly ttlMs?: number
    /** Branch keys; 1,000. */
    readonly maxEntries?: number
    /** Operations that one serves before the key service must open it again; unlimited unless given. */
    readonly maxUses?: number
  }
}

const methods = ['newest', 'find', 'add'] as const

/** The form of {@link BranchKeyOptions}. */
export const branchKeyOptions = lazySchema(() => {
  const positive = z.int().positive()
  return z.strictObject({
    store: z.custom<BranchKeyStore>(
      (value) =>
        typeof value === 'object' &&
        value !== null &&
        methods.every((name) => typeof (value as Record<string, unknown>)[name] === 'function'),
      'expected a store of branch keys, such as postgresBranchKeys(…)',
    ),
    per: z.union([
      z.literal('model'),
      z.custom<BranchFn>((value) => typeof value === 'function', "expected 'model' or a function"),
    ]),
    rotate: z.strictObject({ maxAgeMs: positive.optional(), maxUses: positive.optional() }).optional(),
    memory: z
      .strictObject({
        ttlMs: positive.optional(),
        maxEntries: positive.optional(),
        maxUses: positive.optional(),
      })
      .optional(),
  })
})

/** The options as parsed. */
export type ParsedBranchKeys = z.infer<ReturnType<typeof branchKeyOptions>>

/** What names the branch of a record. */
export function branchFunction({ per }: ParsedBranchKeys): BranchFn {
  return per === 'model' ? ({ model }) => model : per
}

/** One key version whose data keys are wrapped under branch keys. */
export interface BranchedVersion {
  readonly key: string
  readonly version: number
  readonly keyId: string
  readonly namespace: string | null
}

/** Puts branch keys in front of a key version's provider. */
export function branchProvider(
  provider: KmsProvider,
  { key, version, keyId, namespace }: BranchedVersion,
  { store, rotate, memory }: ParsedBranchKeys,
): BranchKeyProvider {
  const day = 24 * 60 * 60 * 1_000
  return withBranchKeys(provider, {
    keyId,
    // Key names hold no space, so that the last two words tell key and version whatever the namespace is.
    scope: `${namespace === null ? '' : `${namespace} `}${key} v${version}`,
    namespace,
    store,
    maxAgeMs: rotate?.maxAgeMs ?? 30 * day,
    maxUses: rotate?.maxUses ?? 10_000_000,
    ttlMs: memory?.ttlMs ?? 300_000,
    maxEntries: memory?.maxEntries ?? 1_000,
    maxOpenUses: memory?.maxUses ?? Number.MAX_SAFE_INTEGER,
    timing: systemTiming,
  })
}
