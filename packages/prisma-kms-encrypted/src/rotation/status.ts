/** `encryptionStatus(prisma.user)`: counts what of a table is encrypted, under which key versions, and what is left to do. */
import * as z from 'zod/mini'

import { KmsEncryptedError } from '../errors.js'
import { runtimeOf } from '../extension/registry.js'
import { checkForm, lazySchema } from '../lazy-schema.js'
import type { FieldIndex, KeyGroup, RecordModel, SealedField } from '../records/models.js'
import { countShapes, type CountedShape } from './count-shapes.js'
import { shapeColumns, unreadableKey, type ShapeColumns } from './row-shapes.js'

/** Options of {@link encryptionStatus}. */
export interface StatusOptions {
  /** Only this key; default: all keys of the model. */
  readonly key?: string
  /** Ends the count between two pages, or before it begins. */
  readonly signal?: AbortSignal
}

/** The state of one model's table. */
export interface EncryptionStatus {
  readonly model: string
  readonly rows: number
  readonly keys: readonly KeyStatus[]
  readonly indexes: readonly IndexStatus[]
}

/** Rows by the state of one key's fields; `encrypted`, `plaintext` and `empty` add up to all rows. */
export interface KeyStatus {
  readonly key: string
  /** Key id of the current version. */
  readonly keyId: string
  readonly currentVersion: number
  /** Rows whose values are all encrypted. */
  readonly encrypted: number
  /** Rows with a value that is stored as it was given: what `encryptAll` has left to do. */
  readonly plaintext: number
  /** Rows without any value of this key. */
  readonly empty: number
  /** Rows with an encrypted value and no key: they cannot be opened. */
  readonly keysMissing: number
  /** Rows whose key column holds something else than keys. */
  readonly keysUnreadable: number
  /** Rows that hold keys of the current version only. */
  readonly current: number
  /** Rows that hold a key of another version: what `rotateAll` has left to do. */
  readonly outdated: number
  readonly versions: readonly VersionStatus[]
  readonly fields: readonly FieldStatus[]
}

/** One key version that is stored or configured, newest first. */
export interface VersionStatus {
  readonly version: number
  /** `null`: stored, but not configured; its rows cannot be opened. */
  readonly keyId: string | null
  /** Rows that hold a data key of this version; a row may hold several. */
  readonly rows: number
}

/** Rows by the state of one encrypted field. */
export interface FieldStatus {
  readonly field: string
  readonly encrypted: number
  readonly plaintext: number
  readonly empty: number
}

/** How much of a field can be found through one blind index. */
export interface IndexStatus {
  /** The field that holds the index. */
  readonly index: string
  readonly field: string
  readonly key: string
  readonly unique: boolean
  /** Rows with a value in the field. */
  readonly values: number
  /** Of them, rows with an index. */
  readonly indexed: number
  /** Rows with an index and no value. */
  readonly stale: number
}

const options = lazySchema(() =>
  z.strictObject({ key: z.optional(z.string()), signal: z.optional(z.instanceof(AbortSignal)) }),
)

/** Counts the rows of a model by what is stored in them; its contract is in `on-demand.ts`. */
export async function encryptionStatus(
  delegate: unknown,
  given: StatusOptions = {},
): Promise<EncryptionStatus> {
  const { runtime, model } = runtimeOf(delegate, 'encryptionStatus()')
  const parsed = checkForm(options, given)
  if (!parsed.success) throw invalidOptions('expected { key?, signal? }')
  const { key, signal } = parsed.data
  const groups = [...model.groups.values()].filter((group) => key === undefined || group.key === key)
  if (groups.length === 0)
    throw invalidOptions(`key '${key ?? ''}' (known: ${[...model.groups.keys()].join(', ')})`)
  const columns = shapeColumns(model, groups)
  const tally = startTally(model, columns)
  for await (const counted of countShapes(runtime, model, columns, signal)) addShape(tally, columns, counted)
  for (const key of tally.keys) key.versions.sort((a, b) => b.version - a.version)
  return tally
}

/** The status while it is being counted. */
type Counting<T> = {
  -readonly [K in keyof T]: T[K] extends readonly (infer Item extends object)[] ? Counting<Item>[] : T[K]
}

function startTally(model: RecordModel, { groups, indexes }: ShapeColumns): Counting<EncryptionStatus> {
  return {
    model: model.name,
    rows: 0,
    keys: groups.map(startKey),
    indexes: indexes.map((index) => startIndex(index)),
  }
}

function startKey({ key, config, fields }: KeyGroup): Counting<KeyStatus> {
  return {
    key,
    keyId: config.versions.get(config.current)?.keyId ?? '',
    currentVersion: config.current,
    encrypted: 0,
    plaintext: 0,
    empty: 0,
    keysMissing: 0,
    keysUnreadable: 0,
    current: 0,
    outdated: 0,
    versions: [...config.versions].map(([version, { keyId }]) => ({ version, keyId, rows: 0 })),
    fields: fields.map(({ name }) => ({ field: name, encrypted: 0, plaintext: 0, empty: 0 })),
  }
}

function startIndex({ column, field, unique }: FieldIndex): Counting<IndexStatus> {
  const { name, group } = field
  return { index: column, field: name, key: group.key, unique, values: 0, indexed: 0, stale: 0 }
}

function addShape(
  tally: Counting<EncryptionStatus>,
  { groups, fields, indexes }: ShapeColumns,
  { shape, rows }: CountedShape,
): void {
  tally.rows += rows
  const formOf = (field: SealedField) => shape.fields[fields.indexOf(field)] ?? 'empty'
  groups.forEach((group, index) => {
    const key = tally.keys[index]
    if (!key) return
    const forms = group.fields.map(formOf)
    forms.forEach((form, at) => {
      const field = key.fields[at]
      if (field) field[form] += rows
    })
    if (forms.includes('plaintext')) key.plaintext += rows
    else if (forms.includes('encrypted')) key.encrypted += rows
    else key.empty += rows
    addKeys(key, shape.keys[index] ?? null, forms.includes('encrypted'), rows)
  })
  indexes.forEach(({ field }, at) => {
    const index = tally.indexes[at]
    if (!index) return
    const indexed = shape.indexed[at] === true
    const filled = formOf(field) !== 'empty'
    if (filled) index.values += rows
    if (filled && indexed) index.indexed += rows
    if (!filled && indexed) index.stale += rows
  })
}

function addKeys(key: Counting<KeyStatus>, labels: string | null, needed: boolean, rows: number): void {
  if (labels === null) {
    if (needed) key.keysMissing += rows
    return
  }
  if (labels === unreadableKey) {
    key.keysUnreadable += rows
    return
  }
  const versions = new Set(labels.split(' ').map((label) => Number(label.slice(1))))
  for (const version of versions) {
    const known = key.versions.find((entry) => entry.version === version)
    if (known) known.rows += rows
    else key.versions.push({ version, keyId: null, rows })
  }
  if (versions.size === 1 && versions.has(key.currentVersion)) key.current += rows
  else key.outdated += rows
}

function invalidOptions(what: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `encryptionStatus(): unusable options: ${what}`,
    why: 'The options do not have the documented form.',
    fix: 'Correct the named option.',
  })
}
