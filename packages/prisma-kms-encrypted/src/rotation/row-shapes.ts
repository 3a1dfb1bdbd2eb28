/** Turns a stored row into its shape: what is encrypted, plaintext or empty, without any of its content. */
import { BASE64_MAGIC, hasMagic } from '../envelope/field-format.js'
import type { KeyGroup, RecordModel, SealedField } from '../records/models.js'
import type { Row } from '../records/rows.js'

/** What a stored value is, by how it begins. */
export type StoredForm = 'empty' | 'encrypted' | 'plaintext'

/** What rows have in common, in the order of a model's key groups, fields and indexes. */
export interface RowShape {
  /** Versions of the wrapped data keys, newest first, such as `v2 v1`; `null`: no key. */
  readonly keys: readonly (string | null)[]
  readonly fields: readonly StoredForm[]
  /** Whether the index column holds anything. */
  readonly indexed: readonly boolean[]
}

/** The parts of a model that a shape describes. */
export interface ShapeColumns {
  readonly groups: readonly KeyGroup[]
  readonly fields: readonly SealedField[]
  readonly indexes: RecordModel['indexes']
}

/** Stands for a key column that is none; its text could be anything, so it is never shown. */
export const unreadableKey = '?'

const firstEntry = /^v[1-9]\d{0,8}:/
const versionLabels = /^v[1-9]\d{0,8}( v[1-9]\d{0,8})*$/

/** The columns of the chosen groups. */
export function shapeColumns(model: RecordModel, groups: readonly KeyGroup[]): ShapeColumns {
  const fields = groups.flatMap((group) => group.fields)
  return { groups, fields, indexes: model.indexes.filter((index) => fields.includes(index.field)) }
}

/** The shape of one row that was read through Prisma. */
export function shapeOf({ groups, fields, indexes }: ShapeColumns, row: Row): RowShape {
  return {
    keys: groups.map((group) => keyVersions(row[group.column])),
    fields: fields.map((field) => storedForm(field, row[field.name])),
    indexed: indexes.map((index) => row[index.column] !== null),
  }
}

/** The version labels of a key column, or of labels that SQL has made of it already. */
export function readLabels(labels: string | null): string | null {
  return labels === null || versionLabels.test(labels) ? labels : unreadableKey
}

function keyVersions(stored: unknown): string | null {
  if (stored === null || stored === undefined) return null
  if (typeof stored !== 'string' || !firstEntry.test(stored)) return unreadableKey
  return readLabels(stored.replaceAll(/:[^ ]*/g, ''))
}

function storedForm(field: SealedField, stored: unknown): StoredForm {
  // Prisma reads the JSON value null as null; it is stored unencrypted on purpose.
  if (stored === null || stored === undefined) return 'empty'
  const sealed =
    field.type === 'Bytes'
      ? stored instanceof Uint8Array && hasMagic(stored)
      : typeof stored === 'string' && BASE64_MAGIC.test(stored)
  return sealed ? 'encrypted' : 'plaintext'
}
