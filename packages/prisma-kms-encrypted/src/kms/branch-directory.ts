/** Turns branch names and ids into stored branch keys: the newest of each branch, started when it is due. */
import { randomBytes } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { branchIdBytes } from './branch-key-format.js'
import { storeFailure, type BranchKeyStore, type StoredBranchKey } from './branch-key-store.js'
import { kmsFailure } from './failure.js'
import { dataKeyBytes } from './outcome.js'
import type { EncryptionContext, KmsProvider } from './provider.js'
import type { Timing } from './timing.js'

/** What a directory needs. */
export interface BranchDirectoryOptions {
  /** Wraps new branch keys. */
  readonly provider: KmsProvider
  readonly keyId: string
  readonly scope: string
  /** Extra context pair of the configuration; `null` without one. */
  readonly namespace: string | null
  readonly store: BranchKeyStore
  /** Milliseconds after which the next data key starts a new branch key. */
  readonly maxAgeMs: number
  /** Data keys that this process wraps under one branch key before it starts a new one. */
  readonly maxUses: number
  /** Milliseconds for which a row is remembered. */
  readonly ttlMs: number
  /** Rows remembered. */
  readonly maxEntries: number
  readonly timing: Timing
}

/** The branch keys of one key version. */
export interface BranchDirectory {
  /** The keys to wrap under now, by branch name. Counts `uses`, the data keys to be wrapped for each. */
  active(uses: ReadonlyMap<string, number>): Promise<ReadonlyMap<string, StoredBranchKey>>
  /** The stored keys by id; ids that the store does not know are missing. */
  find(ids: ReadonlySet<string>): Promise<ReadonlyMap<string, StoredBranchKey>>
  /** Starts a new key for every branch. @returns how many */
  rotate(): Promise<number>
  /** Forgets every row. */
  forget(): void
}

interface Active {
  readonly row: StoredBranchKey
  uses: number
}

/** What a branch key is wrapped under: bound to its row, so that rows cannot be exchanged. */
export function branchContext(
  { name, id }: Pick<StoredBranchKey, 'name' | 'id'>,
  namespace: string | null,
): EncryptionContext {
  return {
    purpose: 'branch-key',
    branch_name: name,
    branch_id: id,
    ...(namespace === null ? {} : { namespace }),
  }
}

/** Opens the directory of one key version. */
export function createBranchDirectory(options: BranchDirectoryOptions): BranchDirectory {
  const { provider, keyId, scope, namespace, store, maxAgeMs, maxUses, timing } = options
  const bounds = { max: options.maxEntries, ttl: options.ttlMs, ttlResolution: 0, perf: timing }
  const actives = new LRUCache<string, Active>(bounds)
  const rows = new LRUCache<string, StoredBranchKey>(bounds)
  const loadingActives = new Map<string, Promise<Active>>()
  const loadingRows = new Map<string, Promise<StoredBranchKey | undefined>>()
  let period = 0

  const newest = async (names?: readonly string[]): Promise<readonly StoredBranchKey[]> => {
    const found = await store.newest(scope, names).catch((error: unknown) => {
      throw storeFailure('read the newest branch keys', error)
    })
    return found.filter((row) => row.scope === scope)
  }

  /**
   * Stores a new branch key, then reads back which one the store holds: servers that start one at the same time end
   * with the same, and none is used before it is stored for good.
   */
  const start = async (name: string, generation: number): Promise<StoredBranchKey> => {
    const id = randomBytes(branchIdBytes).toString('hex')
    const key = randomBytes(dataKeyBytes)
    // Bound to no caller's signal or deadline: others may be waiting for the same branch key.
    const [outcome] = await provider
      .wrap(keyId, [{ plaintext: key, context: branchContext({ name, id }, namespace) }], {})
      .finally(() => key.fill(0))
    if (outcome?.ok !== true) {
      throw (
        outcome?.error ??
        kmsFailure('KMS_INVALID_RESPONSE', { provider: provider.name, keyId, operation: 'wrap' })
      )
    }
    const own = { id, scope, name, generation, wrapped: outcome.value, createdAtMs: timing.now() }
    await store.add(own).catch((error: unknown) => {
      throw storeFailure('add a branch key', error)
    })
    const stored = (await newest([name])).find((row) => row.name === name)
    if (!stored || stored.generation < generation)
      throw storeFailure('give back a branch key that it stored', null)
    if (stored.id === id && !Buffer.from(stored.wrapped).equals(own.wrapped)) {
      throw storeFailure('keep a branch key as it was stored', null)
    }
    return stored
  }

  const isDue = ({ row, uses }: Active, more: number): boolean =>
    timing.now() - row.createdAtMs >= maxAgeMs || (uses > 0 && uses + more > maxUses)

  const loadActive = (
    name: string,
    more: number,
    reading: Promise<readonly StoredBranchKey[]>,
  ): Promise<Active> => {
    const startedIn = period
    const before = actives.get(name)
    const loading = reading.then(async (found): Promise<Active> => {
      const row = found.find((candidate) => candidate.name === name)
      const uses = row !== undefined && before?.row.id === row.id ? before.uses : 0
      const active =
        row === undefined || isDue({ row, uses }, more)
          ? { row: await start(name, (row?.generation ?? 0) + 1), uses: 0 }
          : { row, uses }
      if (period === startedIn) {
        actives.set(name, active)
        rows.set(active.row.id, active.row)
      }
      return active
    })
    const done = (): void => {
      if (loadingActives.get(name) === loading) loadingActives.delete(name)
    }
    loading.then(done, done)
    loadingActives.set(name, loading)
    return loading
  }

  const loadRows = (ids: readonly string[]): void => {
    const wanted = ids.filter((id) => !loadingRows.has(id))
    if (wanted.length === 0) return
    const startedIn = period
    const reading = store.find(scope, wanted).catch((error: unknown) => {
      throw storeFailure('find branch keys', error)
    })
    for (const id of wanted) {
      const loading = reading.then((found) => {
        const row = found.find((candidate) => candidate.id === id && candidate.scope === scope)
        if (row && period === startedIn) rows.set(id, row)
        return row
      })
      const done = (): void => {
        if (loadingRows.get(id) === loading) loadingRows.delete(id)
      }
      loading.then(done, done)
      loadingRows.set(id, loading)
    }
  }

  return {
    async active(uses) {
      const chosen = new Map<string, StoredBranchKey>()
      const waiting: (readonly [name: string, more: number])[] = []
      for (const [name, more] of uses) {
        const known = actives.get(name)
        if (known && !isDue(known, more)) {
          known.uses += more
          chosen.set(name, known.row)
        } else waiting.push([name, more])
      }
      // A branch key that has served its time here may have a successor of another server's already.
      const unknown = waiting.map(([name]) => name).filter((name) => !loadingActives.has(name))
      const reading = unknown.length === 0 ? Promise.resolve([]) : newest(unknown)
      await Promise.all(
        waiting.map(async ([name, more]) => {
          const active = await (loadingActives.get(name) ?? loadActive(name, more, reading))
          active.uses += more
          chosen.set(name, active.row)
        }),
      )
      return chosen
    },
    async find(ids) {
      const found = new Map<string, StoredBranchKey>()
      const missing: string[] = []
      for (const id of ids) {
        const row = rows.get(id)
        if (row) found.set(id, row)
        else missing.push(id)
      }
      loadRows(missing)
      await Promise.all(
        missing.map(async (id) => {
          const row = await loadingRows.get(id)
          if (row) found.set(id, row)
        }),
      )
      return found
    },
    async rotate() {
      const current = await newest()
      await Promise.all(current.map(({ name, generation }) => start(name, generation + 1)))
      // Whoever has read an old one just before may use it once more, but must not keep it.
      period += 1
      loadingActives.clear()
      actives.clear()
      return current.length
    },
    forget() {
      period += 1
      loadingActives.clear()
      loadingRows.clear()
      actives.clear()
      rows.clear()
    },
  }
}
