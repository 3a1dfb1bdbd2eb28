/** Opens the values of one group in one row, or notes what they wait for: a data key, or another library's opener. */
import type { DataKey } from '../envelope/data-key.js'
import type { KeyEntry } from '../envelope/key-column.js'
import { KmsEncryptedError } from '../errors.js'
import { identityOf, type RecordIdentity } from './context.js'
import type { KeyRing, UnwrapRequest } from './data-keys.js'
import { versionIn } from './key-names.js'
import { leaveOut, opensNothing } from './known-values.js'
import { mixedFormats } from './legacy.js'
import type { KeyGroup, SealedField } from './models.js'
import type { LateKeys, Row } from './rows.js'
import { chooseEntry, entriesOf } from './stored-entries.js'
import { holdsLegacy, holdsPlaintext } from './stored-plaintext.js'

/** One value that waits for its data key. */
export interface WaitingValue {
  readonly row: Row
  readonly field: SealedField
  readonly stored: unknown
  readonly request: UnwrapRequest
}

/** One value of another library. */
export interface LegacyValueFound {
  readonly row: Row
  readonly field: SealedField
  readonly stored: unknown
}

/** What the values found so far wait for. */
export interface WaitingValues {
  /** Values whose data keys have to be asked for. */
  readonly waiting: WaitingValue[]
  /** Values of other libraries. */
  readonly legacy: LegacyValueFound[]
  readonly lateKeys: LateKeys | undefined
}

/** Opens the values of one group whose key is at hand, and lets the others wait for theirs. */
export function openGroup(
  group: KeyGroup,
  row: Row,
  ring: KeyRing,
  { waiting, legacy, lateKeys }: WaitingValues,
): void {
  const { model } = group
  const { mixed } = model
  const legacyBefore = legacy.length
  const text = row[group.column]
  // Several entries are parted by spaces. A lone one serves the whole group.
  const lone = typeof text === 'string' && !lateKeys?.size && !text.includes(' ') ? text : null
  let identity: RecordIdentity | null = null
  let key: DataKey | undefined
  let entries: readonly KeyEntry[] | undefined
  let request: UnwrapRequest | undefined
  for (const field of group.fields) {
    const stored = row[field.name]
    if (stored === null || stored === undefined) continue
    if (mixed && (holdsPlaintext(field, stored) || takeLegacy(field, row, stored, legacy))) continue
    if (!identity) {
      identity = identityOf(model, row)
      if (!identity) throw idMissing(field)
      if (lone !== null) key = ring.find({ group, identity }, versionIn(lone), lone)
    }
    if (key) {
      row[field.name] = ring.sealed.find(field, stored, key) ?? field.codec.open(stored, key)
      continue
    }
    let entry: KeyEntry
    try {
      entries ??= entriesOf(group, row, field, stored, lateKeys)
      entry = chooseEntry(entries, field, stored)
    } catch (error) {
      if (!opensNothing(group)) throw error
      leaveOut(row, field) // what is wrong with it is for a server to say that opens it
      continue
    }
    // Fields under one entry share one request, and with it everything that is computed for it.
    if (request?.entry !== entry) request = { group, identity, entry }
    waiting.push({ row, field, stored, request })
  }
  if (identity && legacy.length > legacyBefore) throw mixedFormats(group)
}

function takeLegacy(field: SealedField, row: Row, stored: unknown, legacy: LegacyValueFound[]): boolean {
  if (!holdsLegacy(field, stored)) return false
  if (opensNothing(field.group)) leaveOut(row, field)
  else legacy.push({ row, field, stored })
  return true
}

function idMissing(field: SealedField): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONTEXT',
    message: `${field.group.model.name}.${field.name}: the row does not carry the id that its key is bound to`,
    why: 'Another extension, or a raw query, left out the id or gave it another type.',
    fix: 'Include the id fields in the rows, with the types that Prisma gives them.',
  })
}
