/** Turns the option `branchKeys`, with its defaults, and a key version's provider into the provider that uses branch keys. */
import { withBranchKeys, type BranchKeyProvider } from '../kms/branch-keys.js'
import type { KmsProvider } from '../kms/provider.js'
import { systemTiming } from '../kms/timing.js'
import type { BranchFn } from '../records/key-config.js'
import type { BranchKeyOptions } from './branch-key-options.js'

/** What names the branch of a record. */
export function branchFunction({ per }: BranchKeyOptions): BranchFn {
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
  { store, rotate, memory }: BranchKeyOptions,
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
