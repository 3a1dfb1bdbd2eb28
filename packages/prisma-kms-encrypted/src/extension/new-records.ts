/** Gives new records their data keys and seals their fields, before the insert or, where the id is not known, around it. */
import { formatKeyColumn } from '../envelope/key-column.js'
import { KmsEncryptedError } from '../errors.js'
import { identityOf } from '../records/context.js'
import { mintKey, type WrapRequest } from '../records/data-keys.js'
import { checkedColumn } from '../records/key-column-text.js'
import type { KeyGroup, RecordModel } from '../records/models.js'
import { sealedText, type Row } from '../records/rows.js'
import { columnName } from '../records/stored-entries.js'
import type { NewRecord } from '../records/data-plan.js'
import { sealSlots } from '../records/seal-args.js'
import { inSlices } from '../records/slices.js'
import type { Operation } from './operation.js'
import { assignIds } from './record-ids.js'
import { setKeyColumns, touchedColumns, type KeyColumnUpdate } from './key-column-writes.js'
import { whileWaiting } from './while-waiting.js'

/** A record with sealed fields whose keys are not wrapped yet: it is inserted first, and gets them afterwards. */
export interface LateRecord {
  readonly record: NewRecord
  readonly keys: ReadonlyMap<KeyGroup, WrapRequest['fresh']>
}

/**
 * Seals the fields of new records of an operation; wraps the keys of those whose id is known, in one pass.
 * @returns the records whose keys must be set after the insert
 */
export async function sealNewRecords(
  operation: Operation,
  created: readonly NewRecord[],
): Promise<readonly LateRecord[]> {
  if (created.length === 0) return []
  // Sealing needs no id, so it is done while the ids are on their way.
  const [identities, sealed] = await whileWaiting(assignIds(operation, created), () =>
    sealFields(operation, created),
  )
  const late: LateRecord[] = []
  const wraps: (WrapRequest & { readonly record: NewRecord })[] = []
  sealed.forEach(({ record, keys }, index) => {
    if (keys.size === 0) return
    const identity = identities[index]
    if (!identity) late.push({ record, keys })
    else for (const [group, fresh] of keys) wraps.push({ record, group, fresh, identity })
  })
  const entries = await operation.ring.wrap(wraps, operation.call)
  wraps.forEach(({ record, group }, index) => {
    const entry = entries[index]
    if (entry) record.data[group.column] = checkedColumn(group, formatKeyColumn([entry], columnName(group)))
  })
  return late
}

/** Seals every record's values under new keys, in the plan's own data; in the order of the records. */
async function sealFields(
  { ring, plan }: Operation,
  created: readonly NewRecord[],
): Promise<readonly LateRecord[]> {
  const sealed: LateRecord[] = []
  // What nothing will be read of is let go of at once: a thousand keys in memory cost more than making them.
  const opens = plan.returnsRows
  await inSlices(created, (record) => {
    const keys = new Map<KeyGroup, WrapRequest['fresh']>()
    for (const [group, slots] of record.groups) {
      const fresh = mintKey()
      sealSlots(slots, fresh.dataKey, opens ? ring.sealed : undefined)
      keys.set(group, opens ? fresh : { bytes: fresh.bytes, dataKey: null })
    }
    sealed.push({ record, keys })
  })
  return sealed
}

/** The columns that must come back from the insert so that a late record can be found and its keys set. */
export function lateColumns(model: RecordModel): readonly string[] {
  const { definition } = model
  return [
    ...new Set([
      ...definition.primaryKey,
      ...model.contextFields,
      ...[...model.groups.values()].flatMap((group) => [
        group.column,
        ...group.fields.map(({ name }) => name),
      ]),
      ...touchedColumns(model),
    ]),
  ]
}

/**
 * Wraps the keys of late records with the ids that their rows have now, and sets their key columns, in the same
 * transaction as the insert.
 * @param rows the inserted rows with their {@link lateColumns}, of any model, in any order; others are ignored
 * @returns the key columns by the sealed values that they open
 */
export async function setLateKeys(
  operation: Operation,
  late: readonly LateRecord[],
  rows: readonly { readonly model: RecordModel; readonly row: Row }[],
): Promise<ReadonlyMap<unknown, string>> {
  const { ring, call } = operation
  const bySealedValue = new Map<
    unknown,
    { record: NewRecord; group: KeyGroup; fresh: WrapRequest['fresh'] }
  >()
  for (const { record, keys } of late) {
    for (const [group, fresh] of keys) {
      for (const { field, data } of record.groups.get(group) ?? [])
        bySealedValue.set(sealedText(data[field.name]), { record, group, fresh })
    }
  }
  const wraps = rows.flatMap(({ model, row }) =>
    [...model.groups.values()].flatMap((group) => {
      const sealed = group.fields.map((field) => bySealedValue.get(sealedText(row[field.name])))
      const found = sealed.find((match) => match?.group === group)
      const identity = identityOf(model, row)
      return found && identity ? [{ ...found, identity, model, row }] : []
    }),
  )
  const found = new Set(wraps.map(({ fresh }) => fresh))
  for (const { record, keys } of late) {
    if (!record.optional && [...keys.values()].some((fresh) => !found.has(fresh)))
      throw recordNotFound(record)
  }
  const entries = await ring.wrap(wraps, call)
  const columns = new Map<unknown, string>()
  const updates: KeyColumnUpdate[] = []
  wraps.forEach(({ record, group, model, row }, index) => {
    const entry = entries[index]
    if (!entry) return
    const text = checkedColumn(group, formatKeyColumn([entry], columnName(group)))
    for (const slot of record.groups.get(group) ?? [])
      columns.set(sealedText(slot.data[slot.field.name]), text)
    updates.push({ model, group, row, text })
  })
  await setKeyColumns(operation.session.client, updates)
  return columns
}

/** Ciphertext must never be committed without its key. */
function recordNotFound({ model }: NewRecord): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'WRITE_CONFLICT',
    message: `${model.name}: a new record was not found again to set its key`,
    why: 'A trigger, a row-security policy or an inner extension changed or hid it in its own transaction.',
    fix: 'Let the record be read by the role that creates it, or give its id in the data; nothing was written.',
  })
}
