/** Finds the entry of a row's key column that opens a stored value. */
import { entryFor, parseKeyColumn, type KeyEntry } from '../envelope/key-column.js'
import { isKmsEncryptedError, KmsEncryptedError } from '../errors.js'
import type { KeyGroup, SealedField } from './models.js'
import { sealedText, type LateKeys, type Row } from './rows.js'

/**
 * The entries of a row that hold the key of one of its values; a key column that was written later is put into the row.
 * @throws KmsEncryptedError `KEY_MISSING`, `INVALID_KEY_COLUMN`, `PLAINTEXT_FOUND`
 */
export function entriesOf(
  group: KeyGroup,
  row: Row,
  field: SealedField,
  stored: unknown,
  lateKeys: LateKeys | undefined,
): readonly KeyEntry[] {
  const late = lateKeys?.get(sealedText(stored))
  if (late !== undefined && group.column in row) row[group.column] = late
  const text = row[group.column]
  if (typeof text === 'string') return parseKeyColumn(text, columnName(group))
  field.codec.commitmentOf(stored) // plaintext in the column is the more helpful finding
  throw keyMissing(field)
}

/** Another library's key columns may have forms of their own; its opener deals with them. */
export function knownEntries(group: KeyGroup, text: string): readonly KeyEntry[] {
  try {
    return parseKeyColumn(text, columnName(group))
  } catch (error) {
    if (group.imports && isKmsEncryptedError(error, 'INVALID_KEY_COLUMN')) return []
    throw error
  }
}

/** A lone unlabelled entry serves the whole group; among several, the value's header names its own. */
export function chooseEntry(entries: readonly KeyEntry[], field: SealedField, stored: unknown): KeyEntry {
  const [first, another] = entries
  if (first && !another && !first.commitment) return first
  const entry = entryFor(entries, field.codec.commitmentOf(stored))
  if (entry) return entry
  throw keyMissing(field)
}

/** The error for ciphertext whose data key is gone. */
export function keyMissing(field: SealedField): KmsEncryptedError {
  const { group } = field
  return new KmsEncryptedError({
    code: 'KEY_MISSING',
    message: `${group.model.name}.${field.name} holds ciphertext, but ${columnName(group)} has no key for it`,
    why: 'A value cannot be opened without its data key, and a new key must never hide that the old one is lost.',
    fix: 'Restore the key column of this row from a backup, or set the field to null first if the value may go.',
  })
}

/** `User.encryptedKmsKey`, for errors. */
export function columnName(group: KeyGroup): string {
  return `${group.model.name}.${group.column}`
}
