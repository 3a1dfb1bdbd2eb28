/** Checks opened rows against the indexes they were found by, and removes what a truncated index found besides. */
import { KmsEncryptedError } from '../errors.js'
import type { Args } from './arguments.js'
import { normalisedText, type IndexKeys, type IndexUse } from './index-keys.js'
import type { Shape } from './plan-selection.js'
import type { Row } from './rows.js'
import { holdsPlaintext } from './stored-plaintext.js'

/**
 * Whether an opened row belongs to a result: `false` for a false positive of a truncated index.
 * @param row an opened row with its index columns
 * @throws KmsEncryptedError `INDEX_MISMATCH` when its stored index is not that of its field
 */
export function checkIndexes(row: Args, uses: readonly IndexUse[], indexKeys: IndexKeys): boolean {
  return uses.every(({ index, values }) => {
    const value = row[index.field.name] ?? null
    const stored = row[index.column] ?? null
    if (index.verify) {
      const expected = value === null ? [null] : indexKeys.candidates(index, value)
      if (!expected.some((candidate) => candidate === stored)) throw indexMismatch(index)
    }
    return values === null || (value !== null && values.has(normalisedText(index, value)))
  })
}

/** Plaintext is found by itself, not through its index, which an old writer may have left behind. */
export function trustingPlaintext(shape: Shape, stored: object): Shape {
  const uses = shape.uses.map((use) => {
    const plain = holdsPlaintext(use.index.field, (stored as Row)[use.index.field.name]) // a row before it is opened
    return plain ? { ...use, index: { ...use.index, verify: false } } : use
  })
  return { ...shape, uses }
}

function indexMismatch({ column, field }: IndexUse['index']): KmsEncryptedError {
  const { model } = field.group
  return new KmsEncryptedError({
    code: 'INDEX_MISMATCH',
    message: `${model.name}.${column} of a row that was found by it is not the index of its ${field.name}`,
    why: 'Somebody who can write the database may have copied an index, to be found in place of another; or the index is out of date.',
    fix: 'Find out who wrote the row; then write its field again, which computes the index anew.',
  })
}
