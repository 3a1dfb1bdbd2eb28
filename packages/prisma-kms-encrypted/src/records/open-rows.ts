/**
 * Opens the encrypted fields of result rows: those whose keys are at hand on the way through the rows, the others after one
 * pass that unwraps all their keys.
 */
import type { DataKey } from '../envelope/data-key.js'
import { entryFor, parseKeyColumn, type KeyEntry } from '../envelope/key-column.js'
import { isKmsEncryptedError, KmsEncryptedError } from '../errors.js'
import type { KmsCall } from '../kms/provider.js'
import { identityOf, type RecordIdentity } from './context.js'
import { checkIndexes } from './check-index.js'
import type { KeyRing, UnwrapRequest } from './data-keys.js'
import type { IndexKeys } from './index-keys.js'
import { versionIn } from './key-names.js'
import { leaveOut, opensNothing } from './known-values.js'
import { legacyResult, mixedFormats, openLegacy } from './legacy.js'
import type { KeyGroup, RecordModel, SealedField } from './models.js'
import type { Shape } from './plan-selection.js'
import { inSlices } from './slices.js'
import { holdsLegacy, holdsPlaintext } from './stored-plaintext.js'

/** A row of a result, with Prisma's field names. */
export type Row = Record<string, unknown>

/** Key columns that were written after the result had been read, by the sealed values that they belong to. */
export type LateKeys = ReadonlyMap<unknown, string>

/** One value that waits for its data key. */
interface WaitingValue {
  readonly row: Row
  readonly field: SealedField
  readonly stored: unknown
  readonly request: UnwrapRequest
}

/** One value of another library. */
interface LegacyValueFound {
  readonly row: Row
  readonly field: SealedField
  readonly stored: unknown
}

/**
 * Opens whatever encrypted values a result contains, at any depth, and hides what the plan had added.
 * @param result rows as Prisma gave them; they are copied, never changed
 * @param ring data keys in hand; gets those that are unwrapped here
 * @throws KmsEncryptedError `KEY_MISSING`, `INVALID_KEY_COLUMN`, `PLAINTEXT_FOUND`, `DECRYPTION_FAILED`, `KMS_…`
 */
export async function openRows(
  model: RecordModel,
  result: unknown,
  shape: Shape | null,
  ring: KeyRing,
  call: KmsCall,
  lateKeys?: LateKeys,
  indexKeys?: IndexKeys | null,
): Promise<unknown> {
  const found: Found = { ring, waiting: [], legacy: [], shaped: [], lateKeys }
  const copy = await copyResult(model, result, shape, found)
  const { waiting, shaped } = found
  const requests = new Set(waiting.map((value) => value.request))
  await ring.unwrap(
    [...requests].filter(({ group }) => !opensNothing(group)),
    call,
  )
  // The values of one request follow each other; its key is looked for once.
  let served: UnwrapRequest | undefined
  let key: DataKey | null = null
  await inSlices(waiting, ({ row, field, stored, request }) => {
    if (request !== served) {
      key = keyInHand(ring, request)
      served = request
    }
    if (key) row[field.name] = field.codec.open(stored, key)
    else leaveOut(row, field)
  })
  if (found.legacy.length > 0) await openLegacyValues(found.legacy, call)
  const removed = new Set<unknown>()
  await inSlices(shaped, ({ row, shape: level }) => {
    if (indexKeys && !checkIndexes(row, level.uses, indexKeys)) removed.add(row)
    hideAdded(row, level)
  })
  // Only the root of a findMany is searched by truncated indexes.
  return removed.size > 0 && Array.isArray(copy) ? copy.filter((row) => !removed.has(row)) : copy
}

/** Keys that several values need are unwrapped once: the calls of one turn share a batch. */
async function openLegacyValues(legacy: readonly LegacyValueFound[], call: KmsCall): Promise<void> {
  const opened = await Promise.all(
    legacy.map(async ({ row, field, stored }) =>
      legacyResult(field, await openLegacy(field, row, stored, call)),
    ),
  )
  legacy.forEach(({ row, field }, index) => (row[field.name] = opened[index]))
}

/** A result as it is stored, without what the plan had added. */
export function storedRows(model: RecordModel, result: unknown, shape: Shape | null): unknown {
  const found: Found = { ring: null, waiting: [], legacy: [], shaped: [], lateKeys: undefined }
  const copy = copyRows(model, result, shape, found)
  for (const { row, shape: level } of found.shaped) hideAdded(row, level)
  return copy
}

/** The requests for every data key that a result's rows name, without opening anything. */
export function keysOf(model: RecordModel, result: unknown): UnwrapRequest[] {
  const requests: UnwrapRequest[] = []
  visitRows(model, result, (rowModel, row) => {
    for (const group of rowModel.groups.values()) {
      const text = row[group.column]
      if (typeof text !== 'string') continue
      const identity = identityOf(rowModel, row)
      if (!identity) continue
      // Which of several entries the fields need, only their headers tell: all of them, there are few.
      for (const entry of knownEntries(group, text)) requests.push({ group, identity, entry })
    }
  })
  return requests
}

/** Another library's key columns may have forms of their own; its opener deals with them. */
function knownEntries(group: KeyGroup, text: string): readonly KeyEntry[] {
  try {
    return parseKeyColumn(text, columnName(group))
  } catch (error) {
    if (group.imports && isKmsEncryptedError(error, 'INVALID_KEY_COLUMN')) return []
    throw error
  }
}

/** What is found on the way through a result. */
interface Found {
  /** `null`: nothing is to be opened. */
  readonly ring: KeyRing | null
  /** Values whose data keys have to be asked for. */
  readonly waiting: WaitingValue[]
  /** Values of other libraries. */
  readonly legacy: LegacyValueFound[]
  readonly shaped: { row: Row; shape: Shape }[]
  readonly lateKeys: LateKeys | undefined
}

async function copyResult(
  model: RecordModel,
  result: unknown,
  shape: Shape | null,
  found: Found,
): Promise<unknown> {
  if (!Array.isArray(result)) return copyRows(model, result, shape, found)
  const copies: unknown[] = []
  await inSlices(result, (row) => copies.push(copyRows(model, row, shape, found)))
  return copies
}

function copyRows(model: RecordModel, value: unknown, shape: Shape | null, found: Found): unknown {
  if (Array.isArray(value)) return value.map((item) => copyRows(model, item, shape, found))
  if (typeof value !== 'object' || value === null) return value
  const row: Row = { ...value }
  if (found.ring) for (const group of model.groups.values()) openGroup(group, row, found.ring, found)
  for (const name of model.relationNames) {
    const nested = row[name]
    if (typeof nested !== 'object' || nested === null) continue
    const relation = model.relation(name)
    if (relation) row[name] = copyRows(relation.model, nested, shape?.relations[name] ?? null, found)
  }
  if (shape && (shape.added.length > 0 || shape.uses.length > 0))
    found.shaped.push({ row, shape: model.migrating === null ? shape : trustingPlaintext(shape, value) })
  return row
}

/** Opens the values of one group whose key is at hand, and lets the others wait for theirs. */
function openGroup(group: KeyGroup, row: Row, ring: KeyRing, { waiting, legacy, lateKeys }: Found): void {
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

function entriesOf(
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

/** A lone unlabelled entry serves the whole group; among several, the value's header names its own. */
export function chooseEntry(entries: readonly KeyEntry[], field: SealedField, stored: unknown): KeyEntry {
  const [first, another] = entries
  if (first && !another && !first.commitment) return first
  const entry = entryFor(entries, field.codec.commitmentOf(stored))
  if (entry) return entry
  throw keyMissing(field)
}

/** Sealed values as map keys: text as it is, bytes as base64. */
export function sealedText(stored: unknown): unknown {
  return stored instanceof Uint8Array ? Buffer.from(stored).toString('base64') : stored
}

/** `null`: this server opens nothing, and the value was not written by this very operation. */
function keyInHand(ring: KeyRing, request: UnwrapRequest): DataKey | null {
  const key = ring.get(request)
  if (key) return key
  if (opensNothing(request.group)) return null
  throw new TypeError('unwrap() resolves only when it has every key')
}

/** Plaintext is found by itself, not through its index, which an old writer may have left behind. */
function trustingPlaintext(shape: Shape, stored: object): Shape {
  const uses = shape.uses.map((use) => {
    const plain = holdsPlaintext(use.index.field, (stored as Row)[use.index.field.name]) // a row before it is opened
    return plain ? { ...use, index: { ...use.index, verify: false } } : use
  })
  return { ...shape, uses }
}

function hideAdded(row: Row, { added, conceal }: Shape): void {
  for (const name of added) {
    if (conceal && name in row) {
      Object.defineProperty(row, name, {
        value: row[name],
        enumerable: false,
        configurable: true,
        writable: true,
      })
    } else Reflect.deleteProperty(row, name)
  }
}

function visitRows(model: RecordModel, value: unknown, visit: (model: RecordModel, row: Row) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visitRows(model, item, visit)
    return
  }
  if (typeof value !== 'object' || value === null) return
  const row = value as Row // results of Prisma are plain objects with string properties
  visit(model, row)
  for (const name of model.relationNames) {
    const relation = model.relation(name)
    if (relation && row[name] !== undefined) visitRows(relation.model, row[name], visit)
  }
}

/** `User.encryptedKmsKey`, for errors. */
export function columnName(group: KeyGroup): string {
  return `${group.model.name}.${group.column}`
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

function idMissing(field: SealedField): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONTEXT',
    message: `${field.group.model.name}.${field.name}: the row does not carry the id that its key is bound to`,
    why: 'Another extension, or a raw query, left out the id or gave it another type.',
    fix: 'Include the id fields in the rows, with the types that Prisma gives them.',
  })
}
