/** Wraps stored data keys anew under the current version of their key; the data keys themselves stay. */
import { deriveDataKey } from '../envelope/data-key.js'
import { formatKeyColumn, parseKeyColumn, type KeyEntry } from '../envelope/key-column.js'
import { checkedColumn } from '../records/key-column-text.js'
import type { KmsCall, KmsProvider, Outcome } from '../kms/provider.js'
import { contextFor, contextText } from '../records/context.js'
import { recordReference, unwrapBytes, wrapBytes, type UnwrapRequest } from '../records/data-keys.js'
import { keyFailure, refusedKey } from '../records/key-failures.js'
import { columnName } from '../records/stored-entries.js'
import type { KeyOutcome, RenewalAnswers, RewrappedEntry } from './answers.js'
import { attemptRenewal, rowIdentity, type DueColumn, type Renewal } from './renewal.js'

/**
 * Rewraps many key columns with batched calls to the key services; one outcome each, in order.
 * Uses the service's own rewrap where old and new key and context are the same, so that the data keys never leave it.
 * @param call `null`: only what is remembered is used
 */
export async function rewrapColumns(
  columns: readonly DueColumn[],
  { rewrapped }: RenewalAnswers,
  call: KmsCall | null,
): Promise<Renewal[]> {
  const requests: UnwrapRequest[] = []
  const parsed = columns.map((column) =>
    attemptRenewal(() => {
      const identity = rowIdentity(column)
      const { group, before } = column
      return parseKeyColumn(before, columnName(group)).map((entry) => {
        const request = { group, identity, entry }
        requests.push(request)
        return request
      })
    }),
  )
  const wrapped = await rewrapped.get(requests, call && ((missing) => rewrapEntries(missing, call)))
  return columns.map(({ group }, index) => {
    const own = parsed[index]
    if (!own?.ok) return own ?? noOutcome()
    const entries: KeyEntry[] = []
    const wrongLabels: Buffer[] = []
    for (const request of own.value) {
      const outcome = wrapped.get(request)
      if (!outcome?.ok) return outcome ?? noOutcome()
      const { ciphertext, trueLabel } = outcome.value
      const label = request.entry.commitment
      entries.push({ version: group.config.current, ciphertext, commitment: label && (trueLabel ?? label) })
      if (label && trueLabel && !label.equals(trueLabel)) wrongLabels.push(label)
    }
    const text = attemptRenewal(() => checkedColumn(group, formatKeyColumn(entries, columnName(group))))
    if (!text.ok) return text
    return { ok: true, set: { [group.column]: text.value }, guards: [group.column], wrongLabels }
  })
}

function noOutcome(): never {
  throw new TypeError('every column and every entry has its outcome')
}

type EntryOutcome = KeyOutcome<RewrappedEntry>
type Outcomes = Map<UnwrapRequest, EntryOutcome>

async function rewrapEntries(requests: readonly UnwrapRequest[], call: KmsCall): Promise<Outcomes> {
  const outcomes: Outcomes = new Map()
  const inService: UnwrapRequest[] = []
  const through: UnwrapRequest[] = []
  for (const request of requests) (rewrapsInService(request) ? inService : through).push(request)
  await Promise.all([rewrapInService(inService, outcomes, call), rewrapThroughHere(through, outcomes, call)])
  return outcomes
}

/** Whether the service can do it all by itself: the same key id and context, and a provider that offers it. */
function rewrapsInService({ group, identity, entry }: UnwrapRequest): boolean {
  const from = group.config.versions.get(entry.version)
  const to = group.config.versions.get(group.config.current)
  if (!from || !to?.provider.rewrap || from.provider !== to.provider || from.keyId !== to.keyId) return false
  if (from === to) return true
  const same = attemptRenewal(
    () => contextText(group, entry.version, identity) === contextText(group, group.config.current, identity),
  )
  return same.ok && same.value // the other way reports what is wrong with the context
}

async function rewrapInService(
  requests: readonly UnwrapRequest[],
  outcomes: Outcomes,
  call: KmsCall,
): Promise<void> {
  const batches = new Map<string, { provider: KmsProvider; keyId: string; requests: UnwrapRequest[] }>()
  for (const request of requests) {
    const { config } = request.group
    const version = config.versions.get(config.current)
    if (!version) continue
    const { keyId, provider } = version
    const batch = batches.get(keyId) ?? { provider, keyId, requests: [] }
    batches.set(keyId, batch)
    batch.requests.push(request)
  }
  for (const { provider, keyId, requests: batch } of batches.values()) {
    const items = batch.map((request) => ({
      ciphertext: request.entry.ciphertext,
      context: contextFor(request.group, request.entry.version, request.identity).pairs,
      record: recordReference(request, request.group.config.current),
    }))
    const answers = (await provider.rewrap?.(keyId, items, call)) ?? []
    batch.forEach((request, index) => outcomes.set(request, asOutcome(answers[index], request, 'unwrap')))
  }
}

async function rewrapThroughHere(
  requests: readonly UnwrapRequest[],
  outcomes: Outcomes,
  call: KmsCall,
): Promise<void> {
  const opened = await unwrapBytes(requests, call)
  const toWrap: { request: UnwrapRequest; bytes: Uint8Array; trueLabel: Buffer | null }[] = []
  requests.forEach((request, index) => {
    const outcome = opened[index]
    if (!outcome?.ok) {
      outcomes.set(request, asOutcome(outcome, request, 'unwrap'))
      return
    }
    const trueLabel = attemptRenewal(() => request.entry.commitment && labelOf(outcome.value))
    if (trueLabel.ok) toWrap.push({ request, bytes: outcome.value, trueLabel: trueLabel.value })
    else {
      outcome.value.fill(0)
      outcomes.set(request, { ok: false, error: refusedKey(request) })
    }
  })
  const wrapped = await wrapBytes(toWrap, call)
  toWrap.forEach(({ request, bytes, trueLabel }, index) => {
    bytes.fill(0)
    outcomes.set(request, asOutcome(wrapped[index], request, 'wrap', trueLabel))
  })
}

/** The true label of an entry. One that was labelled without opening it may bear that of a value under another key. */
function labelOf(bytes: Uint8Array): Buffer {
  return deriveDataKey(bytes).commitment
}

function asOutcome(
  outcome: Outcome<Uint8Array> | undefined,
  request: UnwrapRequest,
  operation: 'wrap' | 'unwrap',
  trueLabel: Buffer | null = null,
): EntryOutcome {
  if (outcome?.ok) return { ok: true, value: { ciphertext: Buffer.from(outcome.value), trueLabel } }
  return { ok: false, error: keyFailure(outcome?.error ?? new Error('no answer'), request, operation) }
}
