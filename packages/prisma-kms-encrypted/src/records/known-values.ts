/** Refuses, on servers that open nothing, selections of encrypted values that the operation itself does not write. */
import { decryptNotPermitted } from '../kms/permissions.js'
import { asList, isAbsent, isArgs, type Args } from './arguments.js'
import type { IndexUse } from './index-keys.js'
import type { KeyGroup, RecordModel, SealedField } from './models.js'
import type { OperationPlan } from './plan.js'
import type { GlobalOmit, Shape } from './plan-selection.js'

/** What an operation writes into the records of one level of its result; `null`: records that it does not write. */
type Written = {
  /** Whether the records are new: a field that their data leave out is null. */
  readonly creates: boolean
  /** The data of all records that may stand at this level. */
  readonly data: readonly Args[]
} | null

/**
 * Checks an operation of an encrypt-only server. A selection that names a field whose value is not known is refused; what
 * a write returns without being asked for it is left out of the result instead, see `leaveOut`.
 * @throws KmsEncryptedError `DECRYPT_NOT_PERMITTED`
 */
export function checkKnown(plan: OperationPlan, globalOmit: GlobalOmit): void {
  const { model, kind, uses, given, shape } = plan
  const changesOne = kind === 'update' || kind === 'delete' || kind === 'upsert'
  if (changesOne) checkUses(uses.filter(({ index }) => index.verify))
  if (shape) checkShape(shape)
  if (plan.returnsRows) checkSelection(model, given, globalOmit, writtenBy(plan), kind === 'read')
}

/** Rows that an index finds are checked against the opened field, and false positives of a truncated one removed by it. */
function checkUses(uses: readonly IndexUse[]): void {
  for (const { index } of uses) {
    const { field } = index
    if (!opensNothing(field.group)) continue
    throw decryptNotPermitted(
      `${field.group.model.name}.${index.column}, by which a record is searched, has to be checked against ${field.name}, which`,
      index.bits === null
        ? `Search by another field, or give up the check with @blindIndex(${field.name}, verify: false); SECURITY.md says what that means.`
        : 'Search by another field or by a full index.',
    )
  }
}

function checkShape({ uses, relations }: Shape): void {
  checkUses(uses)
  for (const nested of Object.values(relations)) checkShape(nested)
}

/** Whether this server may not open values under a key. */
export function opensNothing({ config }: KeyGroup): boolean {
  return config.mode === 'encrypt-only'
}

function writtenBy({ kind, given }: OperationPlan): Written {
  switch (kind) {
    case 'create':
    case 'createMany':
      return { creates: true, data: asList(given['data']).filter(isArgs) }
    case 'update':
    case 'updateMany':
      return { creates: false, data: asList(given['data']).filter(isArgs) }
    case 'upsert': // what both sides leave known
      return { creates: false, data: asList(given['update']).filter(isArgs) }
    case 'read':
    case 'count':
    case 'delete':
      return null
  }
}

function checkSelection(
  model: RecordModel,
  args: Args,
  globalOmit: GlobalOmit,
  written: Written,
  reads: boolean,
): void {
  const { select, include, omit } = args
  const hidden: Args = { ...globalOmit[model.delegate], ...(isArgs(omit) ? omit : {}) }
  for (const field of model.fields.values()) {
    const asked = isArgs(select) ? Boolean(select[field.name]) : reads && !hidden[field.name]
    if (asked && opensNothing(field.group) && !isKnown(field, written)) throw unknownValue(field)
  }
  const relations = isArgs(select) ? select : isArgs(include) ? include : {}
  for (const [name, nested] of Object.entries(relations)) {
    const relation = nested ? model.relation(name) : undefined
    if (!relation) continue
    const below = writtenThrough(relation.field, name, written)
    checkSelection(relation.model, isArgs(nested) ? nested : {}, globalOmit, below, reads)
  }
}

function isKnown({ name }: SealedField, written: Written): boolean {
  if (!written) return false
  return written.creates || written.data.every((data) => !isAbsent(data[name]))
}

/** New records have only the related ones that they are created with; records that exist may have any others. */
function writtenThrough(
  relation: { readonly list: boolean; readonly fields: readonly string[] },
  name: string,
  written: Written,
): Written {
  if (!written) return null
  const data: Args[] = []
  let creates = true
  for (const record of written.data) {
    const verbs = record[name]
    if (isAbsent(verbs)) {
      // Without a foreign key of its own, a new record has none of these; with one, it may name any record.
      const none = written.creates && relation.fields.every((field) => (record[field] ?? null) === null)
      if (none) continue
      return null
    }
    if (!isArgs(verbs)) return null
    const used = Object.entries(verbs).filter(([, value]) => !isAbsent(value))
    for (const [verb, value] of used) {
      if (verb === 'create' && (written.creates || !relation.list)) data.push(...asList(value).filter(isArgs))
      else if (verb === 'createMany' && written.creates && isArgs(value))
        data.push(...asList(value['data']).filter(isArgs))
      else if (verb === 'update' && !relation.list && used.length === 1 && isArgs(value)) {
        creates = false
        data.push(isArgs(value['data']) ? value['data'] : value)
      } else return null
    }
  }
  return { creates, data }
}

function unknownValue({ name, group }: SealedField) {
  return decryptNotPermitted(`${group.model.name}.${name}`)
}

/**
 * Takes a value that cannot be opened out of a row: the property no longer counts, and whoever reads it nevertheless is
 * told why, instead of taking it for an empty field.
 */
export function leaveOut(row: Record<string, unknown>, field: SealedField): void {
  Object.defineProperty(row, field.name, {
    get: () => {
      throw unknownValue(field)
    },
    enumerable: false,
    configurable: true,
  })
}
