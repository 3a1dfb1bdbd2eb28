/** Decides under which data key a record's new values are sealed, and what must not have changed meanwhile. */
import { formatKeyColumn, parseKeyColumn, type KeyEntry } from '../envelope/key-column.js'
import { KmsEncryptedError } from '../errors.js'
import type { KmsCall } from '../kms/provider.js'
import { anyNull, type Args } from './arguments.js'
import { identityOf } from './context.js'
import { mintKey, type FreshKey, type KeyRing, type UnwrapRequest } from './data-keys.js'
import { importFirst } from './legacy.js'
import type { KeyGroup, SealedField } from './models.js'
import { chooseEntry, columnName, keyMissing, type Row } from './open-rows.js'
import type { ChangedRecord, GroupChange } from './data-plan.js'
import { sealSlots } from './seal-args.js'
import { holdsLegacy, holdsPlaintext } from './stored-plaintext.js'

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

/** The newest stored entry, if values may still be sealed under it: that of the current version. */
function reusableEntry(group: KeyGroup, row: Row): KeyEntry | null {
  // Whether the key is another library's, only the values tell.
  if (group.imports && group.fields.some(({ name }) => !(name in row))) return null
  const [newest] = storedEntries(group, row)
  return newest?.version === group.config.current ? newest : null
}

function storedEntries(group: KeyGroup, row: Row): readonly KeyEntry[] {
  if (group.fields.some((field) => holdsLegacy(field, row[field.name]))) return [] // another library's key
  const text = row[group.column]
  return typeof text === 'string' ? parseKeyColumn(text, columnName(group)) : []
}

/**
 * Seals a change under the record's data keys: the stored one where it is current, otherwise a fresh one beside it.
 * @param row the record as read: context fields, key columns, and the {@link siblingsToRead}
 * @returns conditions on the columns that the decision was based on
 * @throws KmsEncryptedError `KEY_MISSING`, `DECRYPTION_FAILED`, `INVALID_VALUE`, `VALUE_TOO_LONG`, `KMS_…`
 */
export async function sealChange(
  changed: ChangedRecord,
  row: Row,
  ring: KeyRing,
  call: KmsCall,
): Promise<readonly Args[]> {
  const identity = identityOf(changed.model, row)
  if (!identity) throw new TypeError('the context fields are always read')
  const reused: { change: GroupChange; request: UnwrapRequest }[] = []
  const minted: { group: KeyGroup; change: GroupChange; fresh: FreshKey }[] = []
  const guards: Args[] = []
  for (const group of sealingGroups(changed)) {
    const change = changed.groups.get(group)
    if (!change) continue
    guards.push({ [group.column]: row[group.column] ?? null })
    Reflect.deleteProperty(changed.data, group.column) // an earlier attempt may have set it
    const entry = reusableEntry(group, row)
    if (entry) reused.push({ change, request: { group, identity, entry } })
    else minted.push({ group, change, fresh: mintKey() })
  }
  const kept = minted.map(({ group, change }) => keptEntries(group, change, row))
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
  for (const { change, request } of reused) {
    const key = ring.get(request)
    if (key) sealSlots(change.slots, key)
  }
  minted.forEach(({ group, change, fresh }, index) => {
    const entry = entries[index]
    if (!entry) return
    sealSlots(change.slots, fresh.dataKey)
    changed.data[group.column] = formatKeyColumn([entry, ...(kept[index] ?? [])], columnName(group))
    guards.push(...siblingGuards(group, change, row))
  })
  return guards
}

/** The stored entries that values which this write leaves alone still need, labelled so that a new one fits beside them. */
function keptEntries(group: KeyGroup, change: GroupChange, row: Row): readonly KeyEntry[] {
  const stored = storedEntries(group, row)
  const kept = new Map<string, KeyEntry>()
  for (const field of group.fields) {
    const value = row[field.name]
    if (value === null || value === undefined || holdsPlaintext(field, value)) continue
    if (holdsLegacy(field, value)) {
      if (writes(change, field)) continue
      throw importFirst(group)
    }
    if (stored.length === 0) throw keyMissing(field)
    if (writes(change, field)) continue
    const commitment = field.codec.commitmentOf(value)
    kept.set(commitment.toString('hex'), { ...chooseEntry(stored, field, value), commitment })
  }
  if (kept.size > 0 && !group.config.rowBinding) throw unboundEntries(group)
  return [...kept.values()]
}

function writes(change: GroupChange, field: SealedField): boolean {
  return change.slots.some((slot) => slot.field === field) || change.cleared.includes(field)
}

function siblingGuards(group: KeyGroup, change: GroupChange, row: Row): readonly Args[] {
  return (
    group.fields
      .filter((field) => !writes(change, field))
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

function unboundEntries(group: KeyGroup): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'UNSUPPORTED_OPERATION',
    message: `${columnName(group)}: cannot add a second key to a record whose context is not bound to it`,
    why: "With rowBinding: 'off' several keys in one column could be exchanged between records unnoticed.",
    fix: 'Write all encrypted fields of the record at once, or run rotateAll() first.',
  })
}
