/** Wraps stored data keys anew under the current version of their key; the data keys themselves stay. */
import { deriveDataKey } from '../envelope/data-key.js'
import { formatKeyColumn, parseKeyColumn, type KeyEntry } from '../envelope/key-column.js'
import type { KmsCall, KmsProvider, Outcome } from '../kms/provider.js'
import { contextFor, identityOf, type RecordIdentity } from '../records/context.js'
import {
  keyFailure,
  recordReference,
  unwrapBytes,
  wrapBytes,
  type UnwrapRequest,
} from '../records/data-keys.js'
import type { KeyGroup, RecordModel } from '../records/models.js'
import { columnName, type Row } from '../records/open-rows.js'

/** One key column that rewrapping is about to change. */
export interface ColumnRewrap {
  readonly group: KeyGroup
  readonly row: Row
  readonly before: string
}

/** The new text of a key column, or why its keys could not be wrapped anew. */
export type RewrapOutcome =
  { readonly ok: true; readonly after: string } | { readonly ok: false; readonly error: Error }

/** Whether every entry of a key column is of the current version already. */
export function isCurrent(group: KeyGroup, text: string): boolean {
  return parseKeyColumn(text, columnName(group)).every((entry) => entry.version === group.config.current)
}

/**
 * Rewraps many key columns with batched calls to the key services; one outcome each, in order.
 * Uses the service's own rewrap where old and new key and context are the same, so that the data keys never leave it.
 */
export async function rewrapColumns(
  columns: readonly ColumnRewrap[],
  call: KmsCall,
): Promise<RewrapOutcome[]> {
  const jobs: { request: UnwrapRequest; column: number; entry: number }[] = []
  const outcomes: (RewrapOutcome | null)[] = columns.map(() => null)
  const parsed: KeyEntry[][] = []
  columns.forEach(({ group, row, before }, column) => {
    try {
      const entries = [...parseKeyColumn(before, columnName(group))]
      const identity = rowIdentity(group.model, row)
      parsed[column] = entries
      entries.forEach((entry, index) =>
        jobs.push({ request: { group, identity, entry }, column, entry: index }),
      )
    } catch (error) {
      outcomes[column] = { ok: false, error: asError(error) }
    }
  })
  const wrapped = await rewrapEntries(
    jobs.map((job) => job.request),
    call,
  )
  jobs.forEach(({ request, column, entry }, index) => {
    const outcome = wrapped[index]
    const entries = parsed[column]
    if (!outcome || !entries || outcomes[column]) return
    if (outcome.ok) {
      const { commitment } = request.entry
      entries[entry] = {
        version: request.group.config.current,
        ciphertext: Buffer.from(outcome.value),
        commitment,
      }
    } else outcomes[column] = { ok: false, error: outcome.error }
  })
  return columns.map(({ group }, column) => {
    const done = outcomes[column]
    return done ?? { ok: true, after: formatKeyColumn(parsed[column] ?? [], columnName(group)) }
  })
}

function rowIdentity(model: RecordModel, row: Row): RecordIdentity {
  const identity = identityOf(model, row)
  if (!identity) throw new TypeError('the context fields are always read')
  return identity
}

async function rewrapEntries(
  requests: readonly UnwrapRequest[],
  call: KmsCall,
): Promise<Outcome<Uint8Array>[]> {
  const outcomes: Outcome<Uint8Array>[] = []
  const inService: number[] = []
  const through: number[] = []
  requests.forEach((request, index) => (rewrapsInService(request) ? inService : through).push(index))
  await Promise.all([
    rewrapInService(requests, inService, outcomes, call),
    rewrapThroughHere(requests, through, outcomes, call),
  ])
  return outcomes
}

/** Whether the service can do it all by itself: the same key id and context, and a provider that offers it. */
function rewrapsInService({ group, identity, entry }: UnwrapRequest): boolean {
  const from = group.config.versions.get(entry.version)
  const to = group.config.versions.get(group.config.current)
  if (!from || !to?.provider.rewrap || from.provider !== to.provider || from.keyId !== to.keyId) return false
  return (
    contextFor(group, entry.version, identity).text === contextFor(group, group.config.current, identity).text
  )
}

async function rewrapInService(
  requests: readonly UnwrapRequest[],
  indexes: readonly number[],
  outcomes: Outcome<Uint8Array>[],
  call: KmsCall,
): Promise<void> {
  const batches = new Map<string, { provider: KmsProvider; keyId: string; indexes: number[] }>()
  for (const index of indexes) {
    const group = requests[index]?.group
    const version = group?.config.versions.get(group.config.current)
    if (!version) continue
    const batch = batches.get(version.keyId) ?? {
      provider: version.provider,
      keyId: version.keyId,
      indexes: [],
    }
    batches.set(version.keyId, batch)
    batch.indexes.push(index)
  }
  for (const batch of batches.values()) {
    const items = batch.indexes.flatMap((index) => {
      const request = requests[index]
      if (!request) return []
      const { group, identity, entry } = request
      const context = contextFor(group, entry.version, identity).pairs
      const record = recordReference(request, group.config.current)
      return [{ ciphertext: entry.ciphertext, context, record }]
    })
    const answers = (await batch.provider.rewrap?.(batch.keyId, items, call)) ?? []
    batch.indexes.forEach((index, position) => {
      const request = requests[index]
      const answer = answers[position]
      if (!request) return
      outcomes[index] =
        answer?.ok === true
          ? answer
          : { ok: false, error: keyFailure(answer?.error ?? new Error('no answer'), request, 'unwrap') }
    })
  }
}

async function rewrapThroughHere(
  requests: readonly UnwrapRequest[],
  indexes: readonly number[],
  outcomes: Outcome<Uint8Array>[],
  call: KmsCall,
): Promise<void> {
  const wanted = indexes.flatMap((index) => {
    const request = requests[index]
    return request ? [{ index, request }] : []
  })
  const opened = await unwrapBytes(
    wanted.map(({ request }) => request),
    call,
  )
  const toWrap: { index: number; request: UnwrapRequest; bytes: Uint8Array }[] = []
  wanted.forEach(({ index, request }, position) => {
    const outcome = opened[position]
    if (!outcome?.ok) {
      outcomes[index] = {
        ok: false,
        error: keyFailure(outcome?.error ?? new Error('no answer'), request, 'unwrap'),
      }
      return
    }
    const label = request.entry.commitment
    if (label && !deriveDataKey(outcome.value).commitment.equals(label)) {
      outcomes[index] = { ok: false, error: keyFailure(new Error('label'), request, 'unwrap') }
      return
    }
    toWrap.push({ index, request, bytes: outcome.value })
  })
  const wrapped = await wrapBytes(toWrap, call)
  toWrap.forEach(({ index, request, bytes }, position) => {
    bytes.fill(0)
    const outcome = wrapped[position]
    outcomes[index] = outcome?.ok
      ? outcome
      : { ok: false, error: keyFailure(outcome?.error ?? new Error('no answer'), request, 'wrap') }
  })
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new TypeError('something other than an error was thrown')
}
