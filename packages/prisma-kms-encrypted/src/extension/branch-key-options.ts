/** What an application configures as `branchKeys`. */
import type { BranchKeyStore } from '../kms/branch-key-store.js'
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
  readonly rotate?:
    | {
        /** Age of a branch key in ms; 30 days. */
        readonly maxAgeMs?: number | undefined
        /** Data keys that one server wraps under it; 10,000,000. */
        readonly maxUses?: number | undefined
      }
    | undefined
  /** How long opened branch keys stay in the memory of a server. */
  readonly memory?:
    | {
        /** Milliseconds after which the key service must open one again; 300,000. A disabled key works on for so long. */
        readonly ttlMs?: number | undefined
        /** Branch keys; 1,000. */
        readonly maxEntries?: number | undefined
        /** Operations that one serves before the key service must open it again; unlimited unless given. */
        readonly maxUses?: number | undefined
      }
    | undefined
}
