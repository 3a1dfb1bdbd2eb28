/** Seals stored values anew under new data keys: what was sealed under a key that became known is closed again. */
import { deriveDataKey, type DataKey } from '../envelope/data-key.js'
import { formatKeyColumn, parseKeyColumn, type KeyEntry } from '../envelope/key-column.js'
import type { KmsEncryptedError } from '../errors.js'
import { checkedColumn } from '../records/key-column-text.js'
import type { KmsCall } from '../kms/provider.js'
import type { RecordIdentity } from '../records/context.js'
import {
  keyFailure,
  mintKey,
  refusedKey,
  unwrapBytes,
  wrapBytes,
  type FreshKey,
  type UnwrapRequest,
} from '../records/data-keys.js'
import type { IndexKeys } from '../records/index-keys.js'
import type { KeyGroup, SealedField } from '../records/models.js'
import { chooseEntry, columnName, type Row } from '../records/open-rows.js'
import { attemptRenewal, rowIdentity, type DueColumn, type Renewal } from './renewal.js'

/** One row's group on its way from the old data keys to the new one. */
interface Renewing {
  readonly column: DueColumn
  readonly identity: RecordIdentity
  /** The values and the keys that open them. */
  readonly values: readonly {
    readonly field: SealedField
    readonly stored: unknown
    readonly key: UnwrapRequest
  }[]
}

/**
 * Gives many rows new data keys: opens every value of their groups, seals it again, computes its blind indexes, and leaves
 * one entry in the key column. One outcome each, in order; the rows must have been read with all their fields.
 * @param indexKeys `null` when the model has no index
 */
export async function reencryptColumns(
  columns: readonly DueColumn[],
  indexKeys: IndexKeys | null,
  call: KmsCall,
): Promise<Renewal[]> {
  const planned = columns.map((column) => attemptRenewal(() => planRenewal(column)))
  const keys = await openKeys(
    planned.flatMap((plan) => (plan.ok ? plan.value.values.map(({ key }) => key) : [])),
    call,
  )
  const fresh = columns.map(() => mintKey())
  const sealed = planned.map((plan, index) =>
    plan.ok ? sealAgain(plan.value, keys, fresh[index] ?? mintKey(), indexKeys) : plan,
  )
  return wrapFresh(planned, sealed, fresh, call)
}

/** Finds the key of each value that the row has. */
function planRenewal(column: DueColumn): Renewing {
  const { group, row, before } = column
  const identity = rowIdentity(column)
  const requests = new Map<KeyEntry, UnwrapRequest>()
  const entries = parseKeyColumn(before, columnName(group))
  const values = group.fields.flatMap((field) => {
    const stored = row[field.name] ?? null
    if (stored === null) return []
    field.codec.commitmentOf(stored) // whatever is no ciphertext is refused before any key is asked for
    const entry = chooseEntry(entries, field, stored)
    const key = requests.get(entry) ?? { group, identity, entry }
    requests.set(entry, key)
    return [{ field, stored, key }]
  })
  return { column, identity, values }
}

type KeyOutcome =
  { readonly ok: true; readonly value: DataKey } | { readonly ok: false; readonly error: KmsEncryptedError }

async function openKeys(
  needed: readonly UnwrapRequest[],
  call: KmsCall,
): Promise<ReadonlyMap<UnwrapRequest, KeyOutcome>> {
  const requests = [...new Set(needed)]
  const opened = await unwrapBytes(requests, call)
  return new Map(
    requests.map((request, index): [UnwrapRequest, KeyOutcome] => {
      const outcome = opened[index]
      if (!outcome?.ok)
        return [
          request,
          { ok: false, error: keyFailure(outcome?.error ?? new Error('no answer'), request, 'unwrap') },
        ]
      const key = attemptRenewal(() => deriveDataKey(outcome.value))
      outcome.value.fill(0)
      const label = request.entry.commitment
      if (key.ok && label && !key.value.commitment.equals(label))
        return [request, { ok: false, error: refusedKey(request) }]
      return [request, key]
    }),
  )
}

/** The new values of a row's fields and indexes. */
function sealAgain(
  { column: { group }, values }: Renewing,
  keys: ReadonlyMap<UnwrapRequest, KeyOutcome>,
  { dataKey }: FreshKey,
  indexKeys: IndexKeys | null,
): ReturnType<typeof attemptRenewal<Row>> {
  const set: Row = {}
  for (const field of group.fields)
    for (const { column } of group.model.indexesOf(field.name)) set[column] = null
  for (const { field, stored, key } of values) {
    const opened = keys.get(key)
    if (!opened?.ok) return opened ?? missing()
    const sealed = attemptRenewal(() => {
      set[field.name] = field.codec.reseal(stored, opened.value, dataKey)
      for (const index of group.model.indexesOf(field.name)) {
        if (indexKeys) set[index.column] = indexKeys.compute(index, field.codec.open(stored, opened.value))
      }
      return set
    })
    if (!sealed.ok) return sealed
  }
  return { ok: true, value: set }
}

/** Wraps the new keys of the rows whose values are all sealed; a row without values needs none until it gets one. */
async function wrapFresh(
  planned: readonly ReturnType<typeof attemptRenewal<Renewing>>[],
  sealed: readonly ReturnType<typeof attemptRenewal<Row>>[],
  fresh: readonly FreshKey[],
  call: KmsCall,
): Promise<Renewal[]> {
  const jobs = planned.flatMap((plan, index) => {
    const bytes = fresh[index]?.bytes
    if (!plan.ok || !bytes || !sealed[index]?.ok || plan.value.values.length === 0) return []
    return [{ index, request: { group: plan.value.column.group, identity: plan.value.identity }, bytes }]
  })
  const wrapped = await wrapBytes(jobs, call)
  for (const { bytes } of fresh) bytes.fill(0)
  const position = new Map(jobs.map(({ index }, at) => [index, at]))
  return planned.map((plan, index): Renewal => {
    const values = sealed[index]
    if (!plan.ok) return plan
    if (!values?.ok) return values ?? missing()
    const { group } = plan.value.column
    const guards = [group.column, ...group.fields.map(({ name }) => name)]
    const at = position.get(index)
    if (at === undefined) return { ok: true, set: { ...values.value, [group.column]: null }, guards }
    const outcome = wrapped[at]
    if (!outcome?.ok) {
      const request = { group, identity: plan.value.identity }
      return { ok: false, error: keyFailure(outcome?.error ?? new Error('no answer'), request, 'wrap') }
    }
    const text = keyText(group, outcome.value)
    return text.ok ? { ok: true, set: { ...values.value, [group.column]: text.value }, guards } : text
  })
}

function keyText(group: KeyGroup, ciphertext: Uint8Array): ReturnType<typeof attemptRenewal<string>> {
  const entry = { version: group.config.current, ciphertext: Buffer.from(ciphertext), commitment: null }
  return attemptRenewal(() => checkedColumn(group, formatKeyColumn([entry], columnName(group))))
}

function missing(): never {
  throw new TypeError('every column and every key has its outcome')
}
