/** Finds the stored key entries that values still need which a write leaves alone, here and in columns unknown here. */
import { parseKeyColumn, type KeyEntry } from '../envelope/key-column.js'
import { commitmentIn } from '../envelope/sealed-header.js'
import { KmsEncryptedError } from '../errors.js'
import { importFirst } from './legacy.js'
import type { KeyGroup, SealedField } from './models.js'
import type { Row } from './rows.js'
import { chooseEntry, columnName, keyMissing } from './stored-entries.js'
import { holdsLegacy, holdsPlaintext } from './stored-plaintext.js'

/**
 * What looks encrypted in columns that are no encrypted fields of this server's: another deployment may know more of
 * them than this one.
 */
export type UnknownValues = readonly unknown[]

/** The entries of a group's key column; none for an empty one. */
export function storedEntries(group: KeyGroup, row: Row): readonly KeyEntry[] {
  if (group.fields.some((field) => holdsLegacy(field, row[field.name]))) return [] // another library's key
  const text = row[group.column]
  return typeof text === 'string' ? parseKeyColumn(text, columnName(group)) : []
}

/**
 * The stored entries that have to stay beside a fresh one, each labelled, so that it may.
 * @param overwritten the fields that the write replaces for certain
 * @param elsewhere what else looks encrypted in the same row
 * @throws KmsEncryptedError `KEY_MISSING` for ciphertext without any entry; `UNSUPPORTED_OPERATION` where two entries
 *   must not stand side by side, or where it cannot be told which values a lone entry serves
 */
export function keptEntries(
  group: KeyGroup,
  row: Row,
  overwritten: ReadonlySet<SealedField>,
  elsewhere: UnknownValues,
): readonly KeyEntry[] {
  const stored = storedEntries(group, row)
  const kept = new Map<string, KeyEntry>()
  const keep = (entry: KeyEntry, commitment: Buffer) =>
    kept.set(commitment.toString('hex'), { ...entry, commitment })
  for (const field of group.fields) {
    const value = row[field.name]
    if (value === null || value === undefined || holdsPlaintext(field, value)) continue
    if (holdsLegacy(field, value)) {
      if (overwritten.has(field)) continue
      throw importFirst(group)
    }
    if (stored.length === 0) throw keyMissing(field)
    if (overwritten.has(field)) continue
    keep(chooseEntry(stored, field, value), field.codec.commitmentOf(value))
  }
  for (const commitment of elsewhere.map(commitmentIn)) {
    const entry = commitment && entryServing(group, row, stored, commitment, elsewhere)
    if (entry) keep(entry, commitment)
  }
  if (kept.size > 0 && !group.config.rowBinding) throw unboundEntries(group)
  return [...kept.values()]
}

/** The stored entry that an unknown value needs; `null`: it needs none of these. */
function entryServing(
  group: KeyGroup,
  row: Row,
  stored: readonly KeyEntry[],
  commitment: Buffer,
  elsewhere: UnknownValues,
): KeyEntry | null {
  const [only] = stored
  if (!only || only.commitment) return stored.find((entry) => entry.commitment?.equals(commitment)) ?? null
  // All values of the group share the commitment of a lone entry, those of known fields too.
  const own = group.fields.map((field) => commitmentIn(row[field.name])).find((found) => found !== null)
  if (own) return own.equals(commitment) ? only : null
  const labels = new Set(elsewhere.flatMap((value) => commitmentIn(value)?.toString('hex') ?? []))
  if (labels.size > 1) throw unknownLabel(group)
  return only
}

function unboundEntries(group: KeyGroup): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'UNSUPPORTED_OPERATION',
    message: `${columnName(group)}: cannot add a second key to a record whose context is not bound to it`,
    why: "With rowBinding: 'off' several keys in one column could be exchanged between records unnoticed.",
    fix: 'Write all encrypted fields of the record at once, or run rotateAll() first.',
  })
}

function unknownLabel(group: KeyGroup): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'UNSUPPORTED_OPERATION',
    message: `${columnName(group)}: several columns that are no encrypted fields here hold encrypted values, and the stored key may serve any of them`,
    why: 'The key has to stay for them, but which of them it opens is not to be seen without opening it.',
    fix: 'Write the record from a server that knows all of its encrypted fields, or list the model in exclusive if no other deployment writes it.',
  })
}
