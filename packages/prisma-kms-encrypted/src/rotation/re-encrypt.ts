/** Seals stored values anew under new data keys: what was sealed under a key that became known is closed again. */
import { deriveDataKey, type DataKey } from '../envelope/data-key.js'
import { formatKeyColumn, parseKeyColumn, type KeyEntry } from '../envelope/key-column.js'
import type { KmsCall } from '../kms/provider.js'
import { mintKey, unwrapBytes, wrapBytes, type UnwrapRequest } from '../records/data-keys.js'
import { keyFailure, refusedKey } from '../records/key-failures.js'
import type { IndexKeys } from '../records/index-keys.js'
import { checkedColumn } from '../records/key-column-text.js'
import type { KeyOwner } from '../records/key-names.js'
import type { KeyGroup, SealedField } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { chooseEntry, columnName } from '../records/stored-entries.js'
import type { KeyOutcome, RenewalAnswers, WrappedKey } from './answers.js'
import { attemptRenewal, rowIdentity, type DueColumn, type Renewal } from './renewal.js'

/** One row's group on its way from the old data keys to the new one. */
interface Renewing extends KeyOwner {
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
 * @param call `null`: only what is remembered is used
 */
export async function reencryptColumns(
  columns: readonly DueColumn[],
  indexKeys: IndexKeys | null,
  { opened, fresh }: RenewalAnswers,
  call: KmsCall | null,
): Promise<Renewal[]> {
  const planned = columns.map((column) => attemptRenewal(() => planRenewal(column)))
  const needed = planned.flatMap((plan) => (plan.ok ? plan.value.values.map(({ key }) => key) : []))
  const keys = await opened.get([...new Set(needed)], call && ((missing) => openKeys(missing, call)))
  // A row without values needs no key until it gets one; a row that does not open gets none.
  const owners = planned.flatMap((plan) => (plan.ok && mayBeSealed(plan.value, keys) ? [plan.value] : []))
  const minted = await fresh.get(owners, call && ((missing) => mintKeys(missing, call)))
  return planned.map((plan) => (plan.ok ? sealAgain(plan.value, keys, minted, indexKeys) : plan))
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
  return { group, identity, values }
}

type Opened = ReadonlyMap<UnwrapRequest, KeyOutcome<DataKey>>

async function openKeys(requests: readonly UnwrapRequest[], call: KmsCall): Promise<Opened> {
  const outcomes = await unwrapBytes(requests, call)
  return new Map(
    requests.map((request, index): [UnwrapRequest, KeyOutcome<DataKey>] => {
      const outcome = outcomes[index]
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

function mayBeSealed({ values }: Renewing, keys: Opened): boolean {
  return values.length > 0 && values.every(({ key }) => keys.get(key)?.ok === true)
}

type Minted = ReadonlyMap<KeyOwner, KeyOutcome<WrappedKey>>

async function mintKeys(owners: readonly KeyOwner[], call: KmsCall): Promise<Minted> {
  const jobs = owners.map(({ group, identity }) => ({ request: { group, identity }, ...mintKey() }))
  const wrapped = await wrapBytes(jobs, call)
  for (const { bytes } of jobs) bytes.fill(0)
  return new Map(
    owners.map((owner, index): [KeyOwner, KeyOutcome<WrappedKey>] => {
      const [outcome, job] = [wrapped[index], jobs[index]]
      if (outcome?.ok && job)
        return [owner, { ok: true, value: { dataKey: job.dataKey, ciphertext: Buffer.from(outcome.value) } }]
      const error = outcome?.ok === false ? outcome.error : new Error('no answer')
      return [owner, { ok: false, error: keyFailure(error, owner, 'wrap') }]
    }),
  )
}

/** The new values of a row's fields, indexes and key column. */
function sealAgain(renewing: Renewing, keys: Opened, minted: Minted, indexKeys: IndexKeys | null): Renewal {
  const { group, values } = renewing
  const set: Row = { [group.column]: null }
  for (const field of group.fields)
    for (const { column } of group.model.indexesOf(field.name)) set[column] = null
  const guards = [group.column, ...group.fields.map(({ name }) => name)]
  if (values.length === 0) return { ok: true, set, guards }
  const closed = values.flatMap(({ key }) => keys.get(key) ?? missing()).find(({ ok }) => !ok)
  if (closed?.ok === false) return closed
  const fresh = minted.get(renewing) ?? missing()
  if (!fresh.ok) return fresh
  const sealed = attemptRenewal(() => {
    for (const { field, stored, key } of values) {
      const opened = keys.get(key)
      if (!opened?.ok) missing()
      set[field.name] = field.codec.reseal(stored, opened.value, fresh.value.dataKey)
      for (const index of group.model.indexesOf(field.name)) {
        if (indexKeys) set[index.column] = indexKeys.compute(index, field.codec.open(stored, opened.value))
      }
    }
    set[group.column] = keyText(group, fresh.value)
  })
  return sealed.ok ? { ok: true, set, guards } : sealed
}

function keyText(group: KeyGroup, { ciphertext }: WrappedKey): string {
  const entry = { version: group.config.current, ciphertext, commitment: null }
  return checkedColumn(group, formatKeyColumn([entry], columnName(group)))
}

function missing(): never {
  throw new TypeError('every column and every key has its outcome')
}
