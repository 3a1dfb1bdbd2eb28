/** Turns a comparison of an encrypted field into one that finds encrypted and plaintext rows, while a model is migrated. */
import { asList, isAbsent, isArgs, nullMarker, type Args } from './arguments.js'
import { normalisedText, type IndexKeys, type IndexUse } from './index-keys.js'
import type { FieldIndex, SealedField } from './models.js'
import { encryptedFilter, fullIndexNeeded, unsupported } from './refusals.js'

/** What a comparison of a migrating field is planned with. */
export interface MixedComparison {
  readonly field: SealedField
  readonly index: FieldIndex
  readonly indexKeys: IndexKeys
  /** Gets the index where its rows are to be checked. */
  readonly uses: IndexUse[]
}

/**
 * A condition by which a row matches as the same application would see it: an encrypted value through its index, by
 * normalised value; plaintext as the database always compared it. The index of a plaintext row does not count, since a
 * writer without this library may have changed the value after it.
 * @param condition a value, or an object of operators
 * @throws KmsEncryptedError `ENCRYPTED_FILTER`, `UNSUPPORTED_OPERATION` for Bytes fields
 */
export function planMixedComparison(comparison: MixedComparison, condition: unknown): Args {
  const { field } = comparison
  if (field.codec.sealedPrefix === null) {
    throw unsupported(
      fieldName(field),
      'searching a Bytes field while its model is migrating',
      'Search by another column until encryptAll() is through and `migrating` is taken out.',
    )
  }
  return compare(comparison, isArgs(condition) ? condition : { equals: condition }, false)
}

function compare(comparison: MixedComparison, operators: Args, negated: boolean): Args {
  const parts = Object.entries(operators).flatMap(([operator, operand]) =>
    isAbsent(operand) ? [] : [compareBy(comparison, operator, operand, negated)],
  )
  const [only, another] = parts
  if (only && !another) return only
  // Not (a and b) is not a or not b; in both forms null matches nothing, as in SQL.
  return negated ? { OR: parts } : { AND: parts }
}

function compareBy(comparison: MixedComparison, operator: string, operand: unknown, negated: boolean): Args {
  const { field } = comparison
  if (operator === 'not' && isArgs(operand)) return compare(comparison, operand, !negated)
  const isNot = operator === 'not' || operator === 'notIn'
  if (operator === 'equals' || operator === 'not') {
    if (operand === null || nullMarker(operand) === 'DbNull')
      return { [field.name]: isNot === negated ? null : { not: null } }
    if (!Array.isArray(operand)) return matching(comparison, [operand], isNot === negated)
  } else if ((operator === 'in' || operator === 'notIn') && Array.isArray(operand)) {
    return matching(comparison, asList(operand), isNot === negated)
  }
  throw encryptedFilter(fieldName(field), operator, true)
}

/** Rows with one of these values, or with another one; null is neither. */
function matching(comparison: MixedComparison, values: readonly unknown[], included: boolean): Args {
  const { field, index, indexKeys, uses } = comparison
  // No value at all: then null counts too, as in Prisma.
  if (values.length === 0) return { [field.name]: { [included ? 'in' : 'notIn']: [] } }
  const candidates = values.flatMap((value) => indexKeys.candidates(index, value))
  const sealed = { [field.name]: { startsWith: field.codec.sealedPrefix } }
  // What looks encrypted is not stored as plaintext, and must not find a row by its ciphertext.
  const plain = values.filter((value) => !field.codec.looksSealed(value))
  if (included) {
    const exact = index.bits === null
    uses.push({ index, values: exact ? null : new Set(values.map((value) => normalisedText(index, value))) })
    return {
      OR: [{ AND: [sealed, { [index.column]: { in: candidates } }] }, { [field.name]: { in: plain } }],
    }
  }
  if (index.bits !== null) throw fullIndexNeeded(fieldName(field))
  return {
    OR: [
      { AND: [sealed, { [index.column]: { notIn: candidates } }] },
      { AND: [{ NOT: sealed }, { [field.name]: { notIn: plain } }] },
    ],
  }
}

function fieldName(field: SealedField): string {
  return `${field.group.model.name}.${field.name}`
}
