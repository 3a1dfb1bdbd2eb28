/** Decides under which data key a record's new values are sealed, and what must not have changed meanwhile. */
import { formatKeyColumn, type KeyEntry } from '../envelope/key-column.js'
import type { KmsCall } from '../kms/provider.js'
import { anyNull, type Args } from './arguments.js'
import { identityOf } from './context.js'
import { mintKey, type FreshKey, type KeyRing, type UnwrapRequest } from './data-keys.js'
import { checkedColumn } from './key-column-text.js'
import { keptEntries, storedEntries, type UnknownValues } from './kept-entries.js'
import type { KeyGroup, SealedField } from './models.js'
import type { Row } from './rows.js'
import { columnName } from './stored-entries.js'
import { primaryKeyOf } from './place-changes.js'
import type { ChangedRecord, Slot } from './data-plan.js'
import { sealSlots } from './seal-args.js'
import { holdsPlaintext } from './stored-plaintext.js'

/** The groups of a change that need a data key; the others only become null. */
export function sealingGroups(changed: ChangedRecord): readonly KeyGroup[] {
  return [...changed.groups].filter(([, change]) => change.slots.length > 0).map(([group]) => group)
}

/**
 * The fields whose stored values must be read too: a new entry may only be made when it is known which values the
 * stored ones still serve.
 */
export function siblingsToRead(changed: ChangedRecord, row: Row): readonly SealedField[] {
  return sealingGroups(changed).flatMap((group) => (reusableEntry(group, row) ? [] : group.fields))
}

/**
 * Whether a change drops stored entries that values may need which this server does not know of; then the whole row has
 * to be looked at, under a lock.
 */
export function dropsEntries(changed: ChangedRecord, row: Row): boolean {
  return sealingGroups(changed).some(
    (group) => !group.model.exclusive && !reusableEntry(group, row) && storedEntries(group, row).length > 0,
  )
}

/** Whether a change needs nothing of the stored record but its identity. */
export function replacesEverything(changed: ChangedRecord): boolean {
  return sealingGroups(changed).every((group) => replacesAll(group, [changed]))
}

/** A full write of a table that no other deployment writes: nothing that is stored is needed any more. */
function replacesAll(group: KeyGroup, changes: readonly ChangedRecord[]): boolean {
  return group.model.exclusive && group.fields.every((field) => overwrittenFields(group, changes).has(field))
}

/** The newest stored entry, if values may still be sealed under it: that of the current version, unless keys are fresh. */
function reusableEntry(group: KeyGroup, row: Row): KeyEntry | null {
  // Whether the key is another library's, only the values tell.
  if (group.imports && group.fields.some(({ name }) => !(name in row))) return null
  if (group.config.freshKeys) return null
  const [newest] = storedEntries(group, row)
  return newest?.version === group.config.current ? newest : null
}

/** The fields that get new values or null for certain; of several changes of one row, any may find that it does not apply. */
function overwrittenFields(group: KeyGroup, changes: readonly ChangedRecord[]): ReadonlySet<SealedField> {
  const [only, another] = changes
  const change = another ? undefined : only?.groups.get(group)
  return new Set([...(change?.slots.map(({ field }) => field) ?? []), ...(change?.cleared ?? [])])
}

/** Changes of one record whose values are sealed. */
export interface SealedChange {
  /** Conditions on the columns that the decisions were based on, for a statement without a lock. */
  readonly guards: readonly Args[]
  /**
   * Fits the key columns to the record as it is now, which asks no key service.
   * @param row the record read again, under a lock
   * @param elsewhere what looks encrypted in columns that are no encrypted fields of this server's
   * @returns `false` when the values would be under a key that is no longer the stored one: seal anew
   */
  settle(row: Row, elsewhere: UnknownValues): boolean
}

interface Minted {
  readonly group: KeyGroup
  readonly slots: readonly Slot[]
  readonly fresh: FreshKey
}

/**
 * Seals changes of one record under its data keys: the stored one where it is current, otherwise a fresh one beside it.
 * @param changes all changes that one operation makes to the record, mostly one
 * @param row the record as read: context fields, key columns, and the {@link siblingsToRead}
 * @throws KmsEncryptedError `KEY_MISSING`, `DECRYPTION_FAILED`, `INVALID_VALUE`, `VALUE_TOO_LONG`, `KMS_…`
 */
export async function sealChanges(
  changes: readonly ChangedRecord[],
  row: Row,
  ring: KeyRing,
  call: KmsCall,
): Promise<SealedChange> {
  const identity = changes[0] && identityOf(changes[0].model, row)
  if (!identity) throw new TypeError('the context fields are always read')
  const reused: { group: KeyGroup; slots: readonly Slot[]; request: UnwrapRequest }[] = []
  const minted: Minted[] = []
  for (const group of new Set(changes.flatMap(sealingGroups))) {
    const slots = changes.flatMap((changed) => changed.groups.get(group)?.slots ?? [])
    for (const { data } of slots) Reflect.deleteProperty(data, group.column) // an earlier attempt may have set it
    const entry = replacesAll(group, changes) ? null : reusableEntry(group, row)
    if (entry) reused.push({ group, slots, request: { group, identity, entry } })
    else minted.push({ group, slots, fresh: mintKey() })
  }
  for (const { group } of minted) keptEntries(group, row, overwrittenFields(group, changes), []) // refuses before any call
  const [entries] = await Promise.all([
    ring.wrap(
      minted.map(({ group, fresh }) => ({ group, fresh, identity })),
      call,
    ),
    ring.unwrap(
      reused.map(({ request }) => request),
      call,
    ),
  ])
  for (const { slots, request } of reused) {
    const key = ring.get(request)
    if (key) sealSlots(slots, key, ring.sealed)
  }
  for (const { slots, fresh } of minted) sealSlots(slots, fresh.dataKey, ring.sealed)
  const settle: SealedChange['settle'] = (now, elsewhere) => {
    const same = reused.every(({ group }) => now[group.column] === row[group.column])
    const minting = minted.every(({ group }) => replacesAll(group, changes) || !reusableEntry(group, now))
    if (!same || !minting) return false
    minted.forEach(({ group, slots }, index) => {
      const entry = entries[index]
      if (!entry) return
      const kept = keptEntries(group, now, overwrittenFields(group, changes), elsewhere)
      const text = checkedColumn(group, formatKeyColumn([entry, ...kept], columnName(group)))
      for (const { data } of slots) data[group.column] = text
    })
    return true
  }
  settle(row, [])
  return {
    guards: [
      ...[...reused, ...minted.filter(({ group }) => !replacesAll(group, changes))].map(({ group }) => ({
        [group.column]: row[group.column] ?? null,
      })),
      ...minted.flatMap(({ group }) => [
        // The key is wrapped for this very record, whichever the caller's `where` finds by then.
        primaryKeyOf(group.model, row),
        ...siblingGuards(group, overwrittenFields(group, changes), row),
      ]),
    ],
    settle,
  }
}

function siblingGuards(group: KeyGroup, overwritten: ReadonlySet<SealedField>, row: Row): readonly Args[] {
  return (
    group.fields
      .filter((field) => !overwritten.has(field))
      // Prisma refuses to compare a required field with null, which it cannot be.
      .filter((field) => !field.required || (row[field.name] ?? null) !== null)
      // Whoever encrypts plaintext beside a null key column sets that column, which is guarded already.
      .filter((field) => (row[group.column] ?? null) !== null || !holdsPlaintext(field, row[field.name]))
      .map((field) => {
        const value = row[field.name] ?? null
        return { [field.name]: field.type === 'Json' ? { equals: value ?? anyNull } : value }
      })
  )
}
