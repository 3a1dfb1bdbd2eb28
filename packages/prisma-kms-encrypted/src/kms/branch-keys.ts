/** Turns one call to the key service into the wrapping of thousands of data keys, under branch keys that it opens once. */
import { KmsEncryptedError } from '../errors.js'
import { createBranchDirectory, branchContext } from './branch-directory.js'
import type { BranchDirectoryOptions } from './branch-directory.js'
import { branchIdOf, unwrapUnderBranch, wrapUnderBranch } from './branch-key-format.js'
import { branchKeyMissing, branchKeyRefused, type StoredBranchKey } from './branch-key-store.js'
import { withCache } from './cache.js'
import { withinCall } from './call.js'
import { kmsFailure } from './failure.js'
import type { KmsFailurePlace } from './failure.js'
import { attempt, checkDataKey, checkPlaintextKey, failed } from './outcome.js'
import type { KmsCall, KmsProvider, Outcome, UnwrapItem, WrapItem } from './provider.js'

/** Options of {@link withBranchKeys}: those of its directory, and how often a branch key in memory is used. */
export interface BranchKeysOptions extends Omit<BranchDirectoryOptions, 'provider'> {
  /** Operations that a branch key in memory serves before it is unwrapped anew. */
  readonly maxOpenUses: number
}

/** A provider whose data keys are wrapped by branch keys, for the one key id that it was made for. */
export interface BranchKeyProvider extends KmsProvider {
  /** Forgets and zeroes every branch key at once. */
  flush(): void
  /** Starts a new branch key for every branch in the store. @returns how many */
  rotateBranchKeys(): Promise<number>
}

type Opened = ReadonlyMap<string, Outcome<Uint8Array>>

/**
 * Wraps data keys under branch keys, which `provider` wraps under the key `options.keyId`. Each item must name its
 * branch; what another branch's key has wrapped is refused, even if it is a valid key of the same store.
 * @param provider with its call policies, but without a cache: lifetimes would add up
 */
export function withBranchKeys(provider: KmsProvider, options: BranchKeysOptions): BranchKeyProvider {
  const { keyId, scope, namespace, ttlMs, maxEntries, maxOpenUses, timing } = options
  const opening = withCache(provider, { ttlMs, maxEntries, maxUses: maxOpenUses }, timing)
  const directory = createBranchDirectory({ ...options, provider })

  /** The branch keys themselves, one outcome for each row. They are the caller's, to be zeroed after use. */
  const open = async (rows: readonly StoredBranchKey[], call: KmsCall): Promise<Opened> => {
    const items = rows.map((row) => ({ ciphertext: row.wrapped, context: branchContext(row, namespace) }))
    const outcomes = items.length === 0 ? [] : await opening.unwrap(keyId, items, call)
    return new Map(
      rows.map((row, index): [string, Outcome<Uint8Array>] => {
        const outcome = outcomes[index] ?? failed(kmsFailure('KMS_INVALID_RESPONSE', placeOf('unwrap')))
        const isRefused =
          !outcome.ok && (outcome.error as { code?: unknown }).code === 'KMS_INVALID_CIPHERTEXT'
        return [row.id, isRefused ? failed(branchKeyRefused(row, outcome.error)) : outcome]
      }),
    )
  }
  const placeOf = (operation: 'wrap' | 'unwrap'): KmsFailurePlace => ({
    provider: provider.name,
    keyId,
    operation,
  })

  const wrapAll = async (items: readonly WrapItem[], call: KmsCall): Promise<Outcome<Uint8Array>[]> => {
    const place = placeOf('wrap')
    const uses = new Map<string, number>()
    for (const { branch } of items) if (branch !== undefined) uses.set(branch, (uses.get(branch) ?? 0) + 1)
    const actives = await directory.active(uses)
    const opened = await open([...actives.values()], call)
    const outcomes = items.map(({ branch, plaintext, context }): Outcome<Uint8Array> => {
      const row = branch === undefined ? undefined : actives.get(branch)
      const key = row && opened.get(row.id)
      if (!row || !key) return failed(branchNotNamed())
      if (!key.ok) return key
      return byBranchKey(place, () => {
        checkPlaintextKey(plaintext)
        return wrapUnderBranch({ id: row.id, key: key.value }, plaintext, context)
      })
    })
    zeroAll(opened)
    return outcomes
  }

  const unwrapAll = async (items: readonly UnwrapItem[], call: KmsCall): Promise<Outcome<Uint8Array>[]> => {
    const place = placeOf('unwrap')
    const ids = items.map(({ ciphertext }) => branchIdOf(ciphertext))
    const rows = await directory.find(new Set(ids.filter((id) => id !== null)))
    // Only rows of the named branches are opened: a planted id must not have another tenant's key unwrapped.
    const named = items.flatMap(({ branch }, index) => {
      const row = rows.get(ids[index] ?? '')
      return row?.name === branch && row ? [row] : []
    })
    const opened = await open([...new Set(named)], call)
    const outcomes = items.map(({ ciphertext, context, branch }, index): Outcome<Uint8Array> => {
      const id = ids[index]
      if (branch === undefined) return failed(branchNotNamed())
      if (id === null || id === undefined) {
        return failed(kmsFailure('KMS_INVALID_CIPHERTEXT', place, { detail: notOfThisForm }))
      }
      const row = rows.get(id)
      if (!row) return failed(branchKeyMissing(scope, id))
      const key = opened.get(id)
      if (row.name !== branch || !key) {
        return failed(kmsFailure('KMS_INVALID_CIPHERTEXT', place, { detail: 'it is of another branch' }))
      }
      if (!key.ok) return key
      return byBranchKey(place, () => {
        const plaintext = unwrapUnderBranch({ id, key: key.value }, ciphertext, context)
        if (!plaintext) throw kmsFailure('KMS_INVALID_CIPHERTEXT', place)
        return checkDataKey(plaintext, place)
      })
    })
    zeroAll(opened)
    return outcomes
  }

  return {
    name: provider.name,
    accepts: (other) => other === keyId,
    wrap: (_, items, call) => withinCall(call, placeOf('wrap'), () => wrapAll(items, call), { timing }),
    unwrap: (_, items, call) => withinCall(call, placeOf('unwrap'), () => unwrapAll(items, call), { timing }),
    // No `rewrap`: data keys pass through here anyway, and wrapping anew takes the branch's newest key.
    ...(provider.describeKey && { describeKey: provider.describeKey.bind(provider) }),
    ...(provider.contextHash && { contextHash: provider.contextHash.bind(provider) }),
    flush() {
      directory.forget()
      opening.flush()
    },
    rotateBranchKeys: () => directory.rotate(),
  }
}

const notOfThisForm =
  'no branch key wrapped it; records from before branchKeys need a key version of their own without it'

/** The outcome of what was done here; the audit tells it from an answer of the service. */
function byBranchKey(place: KmsFailurePlace, action: () => Uint8Array): Outcome<Uint8Array> {
  const outcome = attempt(place, action)
  return outcome.ok ? { ...outcome, source: 'branch-key' } : outcome
}

function zeroAll(opened: Opened): void {
  for (const outcome of opened.values()) if (outcome.ok) outcome.value.fill(0)
}

function branchNotNamed(): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONTEXT',
    message: 'Branch keys: the record names no branch',
    why: 'A branch key serves the records of one branch, a model or a tenant.',
    fix: "Return a non-empty string from branchKeys.per, or use per: 'model'.",
  })
}
