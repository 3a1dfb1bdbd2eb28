/** The unwrapped index master keys, and the index values computed with them. */
import type { KeyObject } from 'node:crypto'

import { computeBlindIndex, deriveIndexKey, normalizeText } from '../envelope/blind-index.js'
import { valueTypes } from '../envelope/field-format.js'
import { scalarBytes } from '../envelope/scalar-bytes.js'
import type { FieldIndex } from './models.js'

/** An index that a filter used, and what the rows that it finds must satisfy once they are opened. */
export interface IndexUse {
  readonly index: FieldIndex
  /** For a truncated index the values that were asked for, normalised; `null`: the index itself is exact. */
  readonly values: ReadonlySet<string> | null
}

/** Computes blind indexes; holds every version of the master key, so that nothing here waits. */
export interface IndexKeys {
  /** The index of a value under the current version, for writing; base64. */
  compute(index: FieldIndex, value: unknown): string
  /** The index under every version, the current one first, for searching. */
  candidates(index: FieldIndex, value: unknown): readonly string[]
  /** Each version alone, the current one first: a unique criterion can name only one value. */
  readonly versions: readonly IndexKeys[]
}

/**
 * @param masterKeys the index master keys, 32 bytes each, the current one first; they are kept
 */
export function createIndexKeys(masterKeys: readonly Uint8Array[]): IndexKeys {
  return keysOf(masterKeys.map((masterKey) => ({ masterKey, keys: new Map() })))
}

/** One version of the master key, with the keys of the indexes derived from it. */
interface MasterKey {
  readonly masterKey: Uint8Array
  readonly keys: Map<FieldIndex, KeyObject>
}

function keysOf(derived: readonly MasterKey[]): IndexKeys {
  const keyOf = (version: MasterKey, index: FieldIndex): KeyObject => {
    const known = version.keys.get(index)
    if (known) return known
    const key = deriveIndexKey(version.masterKey, index.modelName, index.fieldName)
    version.keys.set(index, key)
    return key
  }
  const candidates = (index: FieldIndex, value: unknown): readonly string[] => {
    const { type, bytes } = indexedBytes(index, value)
    return derived.map((version) =>
      computeBlindIndex(keyOf(version, index), type, bytes, ...(index.bits === null ? [] : [index.bits])),
    )
  }
  const keys: IndexKeys = {
    candidates,
    compute: (index, value) => candidates(index, value)[0] ?? '',
    versions: [],
  }
  return Object.assign(keys, {
    versions: derived.length === 1 ? [keys] : derived.map((version) => keysOf([version])),
  })
}

/** The normalised form of a value as text, by which two values count as equal. */
export function normalisedText(index: FieldIndex, value: unknown): string {
  return Buffer.from(indexedBytes(index, value).bytes).toString('base64')
}

function indexedBytes(index: FieldIndex, value: unknown) {
  const { name, type } = index.field
  const where = `${index.field.group.model.name}.${name}`
  if (type === 'Bytes') return { type: valueTypes.bytes, bytes: scalarBytes.bytes.toBytes(value, where) }
  const text = typeof value === 'string' ? normalizeText(value, index.normalize) : value
  return { type: valueTypes.string, bytes: scalarBytes.string.toBytes(text, where) }
}
