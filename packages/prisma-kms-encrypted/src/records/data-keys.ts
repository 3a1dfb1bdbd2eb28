/** Wraps and unwraps the data keys of one operation: one batched, deduplicated pass per KMS key. */
import { deriveDataKey, generateDataKey, type DataKey } from '../envelope/data-key.js'
import type { KeyEntry } from '../envelope/key-column.js'
import { isKmsEncryptedError, KmsEncryptedError } from '../errors.js'
import type { KmsCall, KmsProvider, Outcome, RecordReference } from '../kms/provider.js'
import { contextFor } from './context.js'
import type { DataKeyCache } from './data-key-cache.js'
import type { KeyVersion } from './key-config.js'
import { refusedKey, serviceFailure, unwrapOutcome } from './key-failures.js'
import { entryText, nameForRecord, nameOfKey, type KeyOwner } from './key-names.js'
import type { KeyGroup } from './models.js'
import { SealedValues } from './sealed-values.js'
import { inSlices } from './slices.js'

/** A data key that was made here, with the bytes that still have to be wrapped. */
export interface FreshKey {
  readonly bytes: Buffer
  readonly dataKey: DataKey
}

/** A fresh data key and the record that it is for. */
export interface WrapRequest extends KeyOwner {
  /** `dataKey: null`: nothing will be opened with it, so it need not wait in memory until its bytes are wrapped. */
  readonly fresh: FreshKey | { readonly bytes: Buffer; readonly dataKey: null }
}

/** A stored key entry and the record that it was read from. */
export interface UnwrapRequest extends KeyOwner {
  readonly entry: KeyEntry
}

/** A new random data key. */
export function mintKey(): FreshKey {
  return generateDataKey()
}

/**
 * The data keys that one operation has in hand, by context and wrapped form, so that what was just written
 * or already read costs no second call.
 */
export class KeyRing {
  /** What was sealed under them. */
  readonly sealed = new SealedValues()
  readonly #keys = new Map<string, DataKey>()

  /** The opened key of an entry, if this operation has it. */
  get(request: UnwrapRequest): DataKey | undefined {
    const { version } = request.entry
    return this.#keys.get(nameForRecord(request, nameOfKey(request, version, entryText(request.entry))))
  }

  /**
   * The opened key of an entry, if this operation or the cache has it; nothing is asked of a key service.
   * @param text the entry as its column spells it, without label
   */
  find(owner: KeyOwner, version: number, text: string): DataKey | undefined {
    const name = nameOfKey(owner, version, text)
    const recordName = nameForRecord(owner, name)
    const known = this.#keys.get(recordName)
    if (known) return known
    const cache = owner.group.config.versions.get(version)?.cache
    if (!cache) return undefined
    const cached = takeCached(cache, owner, version, name)
    // Where nobody counts, the cache may be asked again: a large result need not fill the ring.
    if (cached && cache.countsUses()) this.#keys.set(recordName, cached)
    return cached
  }

  /** Wraps fresh keys under the current version of their groups; one pass for all of them. */
  async wrap(requests: readonly WrapRequest[], call: KmsCall): Promise<KeyEntry[]> {
    const wrapped = await wrapBytes(
      requests.map((request) => ({ request, bytes: request.fresh.bytes })),
      call,
    )
    return requests.map((request, index) => {
      const ciphertext = Buffer.from(unwrapOutcome(wrapped[index], request, 'wrap'))
      const version = request.group.config.current
      const { bytes, dataKey } = request.fresh
      bytes.fill(0)
      const entry = { version, ciphertext, commitment: dataKey?.commitment ?? null }
      if (!dataKey) return entry
      const name = nameOfKey(request, version, entryText(entry))
      this.#keys.set(nameForRecord(request, name), dataKey)
      return entry
    })
  }

  /**
   * Opens the entries that are neither in hand nor cached; one deduplicated pass for all of them.
   * @throws KmsEncryptedError `UNKNOWN_KEY_VERSION`, `DECRYPTION_FAILED` when an entry belongs to another record, or the
   *   service's own failure (`KMS_…`)
   */
  async unwrap(requests: readonly UnwrapRequest[], call: KmsCall): Promise<void> {
    const missing = new Map<string, UnwrapJob>()
    await inSlices(requests, (request) => {
      const { version } = request.entry
      const name = nameOfKey(request, version, entryText(request.entry))
      const recordName = nameForRecord(request, name)
      if (this.#keys.has(recordName)) return
      const cache = request.group.config.versions.get(version)?.cache ?? null
      const cached = cache ? takeCached(cache, request, version, name) : undefined
      if (cached) this.#keys.set(recordName, cached)
      else missing.set(recordName, { request, name, cache, generation: cache?.generation ?? 0 })
    })
    if (missing.size === 0) return
    const jobs = [...missing]
    const opened = await unwrapBytes(
      jobs.map(([, job]) => job.request),
      call,
    )
    await inSlices(jobs, ([recordName, { request, name, cache, generation }], index) => {
      const bytes = unwrapOutcome(opened[index], request, 'unwrap')
      const dataKey = deriveDataKey(bytes)
      bytes.fill(0)
      const label = request.entry.commitment
      if (label && !label.equals(dataKey.commitment)) throw refusedKey(request)
      this.#keys.set(recordName, dataKey)
      cache?.keep(name, dataKey, generation)
    })
  }
}

/** Takes a key that was kept, as one use by this record. */
function takeCached(cache: DataKeyCache, owner: KeyOwner, version: number, name: string) {
  return cache.take(name, () => {
    const { provider, keyId } = versionOf(owner.group, version)
    return {
      place: { provider: provider.name, keyId, operation: 'unwrap' },
      item: boundTo(owner, version),
    }
  })
}

/** A key that has to be asked for, and where it is kept then. */
interface UnwrapJob {
  readonly request: UnwrapRequest
  readonly name: string
  readonly cache: DataKeyCache | null
  readonly generation: number
}

/** Unwraps entries to raw data keys, one outcome each, for callers that wrap them anew. */
export function unwrapBytes(
  requests: readonly UnwrapRequest[],
  call: KmsCall,
): Promise<readonly (Outcome<Uint8Array> | undefined)[]> {
  return inBatches(
    requests,
    (request) => versionOf(request.group, request.entry.version),
    (request) => ({ ...boundTo(request, request.entry.version), ciphertext: request.entry.ciphertext }),
    (provider, keyId, items) => provider.unwrap(keyId, items, call),
  )
}

/** Wraps raw data keys under the current versions of their groups, one outcome each. */
export function wrapBytes(
  jobs: readonly { readonly request: KeyOwner; readonly bytes: Uint8Array }[],
  call: KmsCall,
): Promise<readonly (Outcome<Uint8Array> | undefined)[]> {
  return inBatches(
    jobs,
    ({ request: { group } }) => versionOf(group, group.config.current),
    ({ request, bytes }) => ({ ...boundTo(request, request.group.config.current), plaintext: bytes }),
    (provider, keyId, items) => provider.wrap(keyId, items, call),
  )
}

/** Names a key's record for the audit. */
export function recordReference({ group, identity }: KeyOwner, keyVersion: number): RecordReference {
  return { model: group.model.name, recordId: identity.id, keyName: group.key, keyVersion }
}

/** What an item's key is bound to, and whose it is. */
function boundTo(owner: KeyOwner, version: number) {
  const { pairs, branch } = contextFor(owner.group, version, owner.identity)
  return { context: pairs, record: recordReference(owner, version), branch: branch ?? undefined }
}

/** The items of one KMS key, with the places of their jobs. */
interface KeyBatch<Item> {
  readonly version: KeyVersion
  readonly items: Item[]
  readonly indexes: number[]
}

/** Sends all jobs of one KMS key to its provider together; the keys in parallel; answers in the order of `jobs`. */
async function inBatches<Job, Item>(
  jobs: readonly Job[],
  versionFor: (job: Job) => KeyVersion,
  itemFor: (job: Job) => Item,
  send: (
    provider: KmsProvider,
    keyId: string,
    items: readonly Item[],
  ) => Promise<readonly Outcome<Uint8Array>[]>,
): Promise<(Outcome<Uint8Array> | undefined)[]> {
  const batches: KeyBatch<Item>[] = []
  const outcomes: (Outcome<Uint8Array> | undefined)[] = jobs.map(() => undefined)
  await inSlices(jobs, (job, index) => {
    try {
      const version = versionFor(job)
      const item = itemFor(job)
      const batch = batchOf(version, batches)
      batch.items.push(item)
      batch.indexes.push(index)
    } catch (error) {
      // One record with an unknown version must not keep the others from their keys.
      if (!isKmsEncryptedError(error)) throw error
      outcomes[index] = { ok: false, error }
    }
  })
  const sendBatch = async ({ version: { provider, keyId }, items, indexes }: KeyBatch<Item>) => {
    const answers = await send(provider, keyId, items)
    indexes.forEach((index, position) => (outcomes[index] = answers[position]))
  }
  // Wait for every service before failing, so that no call outlives the operation that made it.
  const settled = await Promise.allSettled(batches.map(sendBatch))
  for (const result of settled) if (result.status === 'rejected') throw serviceFailure(result.reason)
  return outcomes
}

/** The batch of a version's KMS key; there are as many as keys in use, thus few. */
function batchOf<Item>(version: KeyVersion, batches: KeyBatch<Item>[]): KeyBatch<Item> {
  for (const batch of batches)
    if (batch.version.keyId === version.keyId && batch.version.provider === version.provider) return batch
  const batch: KeyBatch<Item> = { version, items: [], indexes: [] }
  batches.push(batch)
  return batch
}

function versionOf(group: KeyGroup, number: number): KeyVersion {
  const version = group.config.versions.get(number)
  if (version) return version
  const known = [...group.config.versions.keys()].join(', ')
  throw new KmsEncryptedError({
    code: 'UNKNOWN_KEY_VERSION',
    message: `${group.model.name}.${group.column}: version ${number} of key '${group.key}' is not configured (known: ${known})`,
    why: 'The stored key names a version that this server has no key id for.',
    fix: `Add version ${number} to keys.${group.key}.versions on every server before any server writes it.`,
  })
}
