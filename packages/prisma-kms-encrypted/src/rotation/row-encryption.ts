/** Turns one row as it is stored into what has to be written so that its values are encrypted and its indexes right. */
import { parseKeyColumn } from '../envelope/key-column.js'
import { KmsEncryptedError, isKmsEncryptedError } from '../errors.js'
import { decryptNotPermitted } from '../kms/permissions.js'
import type { KmsCall } from '../kms/provider.js'
import type { KeyRing } from '../records/data-keys.js'
import type { IndexKeys } from '../records/index-keys.js'
import { opensNothing } from '../records/known-values.js'
import { legacyPlaintext, legacyResult, mixedFormats, openLegacy, refuseForOther } from '../records/legacy.js'
import type { UnknownValues } from '../records/kept-entries.js'
import type { KeyGroup, RecordModel, SealedField } from '../records/models.js'
import { openRows } from '../records/open-rows.js'
import type { Row } from '../records/rows.js'
import { chooseEntry, columnName } from '../records/stored-entries.js'
import { holdsLegacy } from '../records/stored-plaintext.js'
import type { OtherColumns } from './other-columns.js'
import { sealPlaintext, type GroupPlaintext, type GroupValues, type KeysInHand } from './seal-plaintext.js'
import type { StoredRow } from './stored-rows.js'

/** What is encrypted, and how thoroughly. */
export interface EncryptionScope {
  readonly model: RecordModel
  readonly groups: readonly KeyGroup[]
  /** `false` while the model goes on storing plaintext: then only its indexes are filled. */
  readonly seals: boolean
  /** See `EncryptOptions`. */
  readonly openSealed: boolean
  /** `null`: the model has no index. */
  readonly indexKeys: IndexKeys | null
}

/** New values of a row's columns; nothing to do when `set` is empty. Or why it cannot be done, with the key. */
export type RowEncryption =
  | { readonly ok: true; readonly set: Row }
  | { readonly ok: false; readonly key: string; readonly error: KmsEncryptedError }

/** What a row holds beside the encrypted fields. */
export interface Elsewhere {
  /** What looks encrypted in columns that are no encrypted fields here. */
  readonly values: UnknownValues
  /** All that another library may have encrypted; empty where nothing is imported. */
  readonly others: OtherColumns
}

/**
 * Decides over one row, wholly or not at all.
 * @throws whatever is no failure of this row
 */
export async function encryptRow(
  scope: EncryptionScope,
  stored: StoredRow,
  elsewhere: Elsewhere,
  hand: KeysInHand,
  call: KmsCall,
): Promise<RowEncryption> {
  const parts = await Promise.all(
    scope.groups.map(async (group): Promise<RowEncryption> => {
      try {
        const plaintext = await readPlaintext(scope, group, stored, elsewhere.others, hand.ring, call)
        const indexes = indexesOf(scope, plaintext, stored.row)
        if (!scope.seals) return { ok: true, set: indexes }
        const sealed = await sealPlaintext(plaintext, stored.row, elsewhere.values, hand, call)
        return { ok: true, set: { ...indexes, ...sealed } }
      } catch (error) {
        if (!isKmsEncryptedError(error) || call.signal?.aborted === true) throw error
        return { ok: false, key: group.key, error }
      }
    }),
  )
  const set: Row = {}
  for (const part of parts) {
    if (!part.ok) return part
    Object.assign(set, part.set)
  }
  return { ok: true, set }
}

function valuesOf(group: KeyGroup, { row }: StoredRow): GroupValues {
  const plain: SealedField[] = []
  const legacy: SealedField[] = []
  const sealed: SealedField[] = []
  for (const field of group.fields) {
    const stored = row[field.name] ?? null
    if (stored === null) continue
    if (field.codec.looksSealed(stored)) sealed.push(field)
    else if (holdsLegacy(field, stored)) legacy.push(field)
    else plain.push(field)
  }
  return { plain, legacy, sealed }
}

/** Opens what has to be opened. What only looks encrypted fails here, and is reported. */
async function readPlaintext(
  scope: EncryptionScope,
  group: KeyGroup,
  stored: StoredRow,
  others: OtherColumns,
  ring: KeyRing,
  call: KmsCall,
): Promise<GroupPlaintext> {
  const values = valuesOf(group, stored)
  const { row, json } = stored
  if (values.legacy.length > 0 && values.sealed.length > 0) throw mixedFormats(group)
  const known: Row = {}
  const slots: { field: SealedField; value: unknown }[] = []
  for (const field of values.plain) {
    known[field.name] = row[field.name]
    slots.push({ field, value: json.get(field.name) ?? row[field.name] })
  }
  const [first] = values.legacy
  const [opened] = await Promise.all([
    Promise.all(values.legacy.map((field) => openLegacy(field, row, row[field.name], call))),
    first && scope.seals ? refuseForOther(first, row, others, call) : null, // in one call with the others
  ])
  values.legacy.forEach((field, index) => {
    const text = opened[index] ?? ''
    known[field.name] = legacyResult(field, text)
    slots.push({ field, value: legacyPlaintext(field, text) })
  })
  Object.assign(known, await openSealed(scope, group, values.sealed, row, ring, call))
  return { group, values, known, slots }
}

async function openSealed(
  { model, openSealed: all }: EncryptionScope,
  group: KeyGroup,
  sealed: readonly SealedField[],
  row: Row,
  ring: KeyRing,
  call: KmsCall,
): Promise<Row> {
  const text = row[group.column]
  const hasKey = typeof text === 'string'
  const closed = opensNothing(group)
  try {
    // What costs nothing to see: its form, and where nothing can be opened, whether there is a key for it.
    const entries = closed && hasKey ? parseKeyColumn(text, columnName(group)) : []
    for (const field of sealed) {
      field.codec.commitmentOf(row[field.name])
      if (closed) chooseEntry(entries, field, row[field.name])
    }
  } catch (error) {
    lookalike(error)
  }
  const unindexed = sealed.filter((field) =>
    model.indexesOf(field.name).some(({ column }) => (row[column] ?? null) === null),
  )
  const wanted = !closed && (all || !hasKey) ? sealed : unindexed
  const [first] = wanted
  if (!first) return {}
  if (closed) throw unindexedValue(first)
  const names = [group.column, ...group.contextFields, ...wanted.map(({ name }) => name)]
  const only = Object.fromEntries(names.map((name) => [name, row[name]]))
  // One row in, one row out.
  const opened = (await openRows(model, only, null, ring, call).catch(lookalike)) as Row
  return Object.fromEntries(wanted.map(({ name }) => [name, opened[name]]))
}

/** The indexes that differ from what is stored. */
function indexesOf({ model, indexKeys }: EncryptionScope, { group, known }: GroupPlaintext, row: Row): Row {
  const set: Row = {}
  for (const field of group.fields) {
    const isNull = (row[field.name] ?? null) === null
    if (!isNull && !(field.name in known)) continue
    for (const index of model.indexesOf(field.name)) {
      const wanted = isNull ? null : (indexKeys?.compute(index, known[field.name]) ?? null)
      if (wanted !== (row[index.column] ?? null)) set[index.column] = wanted
    }
  }
  return set
}

function unindexedValue({ group, name }: SealedField): KmsEncryptedError {
  return decryptNotPermitted(
    `${group.model.name}.${name}, whose index is missing,`,
    'Fill the indexes of encrypted values by encryptAll() on a server that may decrypt.',
  )
}

const doubtful = new Set(['KEY_MISSING', 'INVALID_CIPHERTEXT', 'DECRYPTION_FAILED'])

/** Whoever reads the report must know that plaintext may be behind it. */
function lookalike(error: unknown): never {
  if (!isKmsEncryptedError(error) || !doubtful.has(error.code)) throw error
  throw new KmsEncryptedError({
    code: error.code,
    message: error.message.split('\n', 1)[0] ?? '',
    why: 'The value begins like an encrypted one. It is either plaintext that only looks so, or ciphertext that does not belong to this row or has lost its key.',
    fix: 'Look at the row. If it is plaintext, set the field to null by SQL and write the value through a client in the stage write; otherwise restore the row.',
    cause: error,
  })
}
