/** Seals a row's plaintext values, under keys that stay in hand while other writers keep the row from being written. */
import type { KmsCall } from '../kms/provider.js'
import type { OwnArgs } from '../records/arguments.js'
import { sealChanges } from '../records/change-keys.js'
import { KeyRing } from '../records/data-keys.js'
import type { ChangedRecord, Slot } from '../records/data-plan.js'
import type { UnknownValues } from '../records/kept-entries.js'
import type { KeyGroup, SealedField } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { cursorOf } from './cursors.js'

/** What the key service has answered for some rows, so that a row which is decided on again need not wait for it again. */
export interface KeysInHand {
  /** Opened and new data keys; rows that are decided on in one tick share a batch of calls to the key service. */
  readonly ring: KeyRing
  /** New key columns of rows that had none: by group and primary key. */
  readonly columns: Map<string, string>
}

/** Nothing was asked yet. */
export function nothingInHand(): KeysInHand {
  return { ring: new KeyRing(), columns: new Map() }
}

/** The values of a group, by what they are. */
export interface GroupValues {
  readonly plain: readonly SealedField[]
  readonly legacy: readonly SealedField[]
  readonly sealed: readonly SealedField[]
}

/** The plaintext of a group's values, as far as it is needed: as Prisma gives it, and as it is sealed. */
export interface GroupPlaintext {
  readonly group: KeyGroup
  readonly values: GroupValues
  readonly known: Row
  readonly slots: readonly { readonly field: SealedField; readonly value: unknown }[]
}

/**
 * Seals as any writer would: beside what is encrypted, under the row's data key if it has one.
 * @param row as it is stored
 * @param elsewhere what looks encrypted in columns that are no encrypted fields here
 * @returns the new values of fields and key column
 */
export async function sealPlaintext(
  { group, values, slots }: GroupPlaintext,
  row: Row,
  elsewhere: UnknownValues,
  { ring, columns }: KeysInHand,
  call: KmsCall,
): Promise<Row> {
  if (slots.length === 0) return {}
  const data: OwnArgs = {}
  const change = { slots: slots.map((slot): Slot => ({ ...slot, data })), cleared: [] }
  const changed: ChangedRecord = { model: group.model, data, groups: new Map([[group, change]]) }
  // Every one of these values is replaced, so none of them needs a key that is stored; another library's key goes.
  const replaced = [...values.plain, ...values.legacy].map(({ name }) => [name, null])
  const keys = values.legacy.length > 0 ? { [group.column]: null } : {}
  const others: Row = { ...row, ...(Object.fromEntries(replaced) as Row), ...keys }
  // A row without keys gets its first one; whoever decides on it again takes that for stored, and writes it as well.
  const isFirst = (others[group.column] ?? null) === null
  const place = `${group.key}\n${cursorOf(group.model, row)}`
  const inHand = isFirst ? columns.get(place) : undefined
  const before = inHand === undefined ? others : { ...others, [group.column]: inHand }
  const sealed = await sealChanges([changed], before, ring, call)
  sealed.settle(before, elsewhere)
  const set: Row = inHand === undefined ? data : { [group.column]: inHand, ...data }
  const column = set[group.column]
  if (isFirst && typeof column === 'string') columns.set(place, column)
  return set
}
