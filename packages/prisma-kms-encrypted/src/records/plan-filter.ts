/** Walks filters by Prisma's grammar: searches encrypted fields through their blind indexes, refuses what cannot be answered. */
import { asList, isAbsent, isArgs, nullMarker, type Args, type OwnArgs } from './arguments.js'
import type { IndexKeys, IndexUse } from './index-keys.js'
import { normalisedText } from './index-keys.js'
import type { FieldIndex, RecordModel } from './models.js'
import { planMixedComparison } from './plan-mixed-filter.js'
import { encryptedFilter, fullIndexNeeded, namedByMigrating, notIndexedYet } from './refusals.js'

/** What planning a filter needs, and what it finds. */
export interface FilterContext {
  /** `null`: no model has an index. */
  readonly indexKeys: IndexKeys | null
  /** Whether false positives can be removed from the result, as truncated indexes need it. */
  readonly removable: boolean
  /** Whether the filter has to name one row, so that bare values stay bare. */
  readonly unique: boolean
  /** The index to use, where a compound criterion has chosen it. */
  readonly index?: FieldIndex | null
  /** Gets the indexes that the model's own rows are found by. */
  readonly uses: IndexUse[]
  /** Whether a unique criterion of a migrating model is settled before it is sent, see `nameMigrating`. */
  readonly named?: boolean
}

/** A context for a filter whose rows are not returned. */
export function hiddenRows(indexKeys: IndexKeys | null, unique = false): FilterContext {
  return { indexKeys, removable: false, unique, uses: [] }
}

/**
 * Plans a `where`, also one that names a unique row.
 * @returns the filter to send; the caller's stays as it is
 * @throws KmsEncryptedError `ENCRYPTED_FILTER`
 */
export function planWhere(model: RecordModel, where: unknown, context: FilterContext): unknown {
  if (!isArgs(where)) return where
  const own: OwnArgs = {}
  const conditions: Args[] = []
  for (const [name, condition] of Object.entries(where)) {
    if (isAbsent(condition)) own[name] = condition
    else if (name === 'AND') own[name] = planEach(model, condition, { ...context, unique: false })
    else if (name === 'OR' || name === 'NOT')
      own[name] = planEach(model, condition, { ...context, removable: false, unique: false })
    else {
      const relation = model.relation(name)
      const field = model.fields.get(name)
      if (relation) own[name] = planRelationFilter(relation.model, condition, context.indexKeys)
      else if (field) conditions.push(...planComparison(model, name, condition, context))
      else {
        const { AND: narrowing, ...planned } = planPlainCondition(model, name, condition, context)
        Object.assign(own, planned)
        if (narrowing) conditions.push({ AND: narrowing })
      }
    }
  }
  return withComparisons(own, conditions)
}

/** Comparisons go to the top level, where unique criteria must stand, as long as their property is free. */
function withComparisons(own: OwnArgs, conditions: readonly Args[]): Args {
  const rest: Args[] = []
  for (const condition of conditions) {
    if (Object.keys(condition).some((name) => name in own)) rest.push(condition)
    else Object.assign(own, condition)
  }
  return rest.length === 0 ? own : { ...own, AND: [...asList(own['AND']), ...rest] }
}

function planEach(model: RecordModel, conditions: unknown, context: FilterContext): unknown {
  if (Array.isArray(conditions)) return conditions.map((part: unknown) => planWhere(model, part, context))
  return planWhere(model, conditions, context)
}

function planRelationFilter(model: RecordModel, condition: unknown, indexKeys: IndexKeys | null): unknown {
  if (!isArgs(condition)) return condition
  const hidden = hiddenRows(indexKeys)
  const quantifiers = ['some', 'every', 'none', 'is', 'isNot'].filter((name) => name in condition)
  if (quantifiers.length === 0) return planWhere(model, condition, hidden)
  const planned = quantifiers.map((name) => [name, planWhere(model, condition[name], hidden)] as const)
  return { ...condition, ...Object.fromEntries(planned) }
}

/** A comparison of an encrypted field, as conditions on the field (null) and on its index column. */
function planComparison(
  model: RecordModel,
  name: string,
  condition: unknown,
  context: FilterContext,
): readonly Args[] {
  if (isNull(condition)) return [{ [name]: condition }]
  const legacy = model.fields.get(name)?.legacy ?? null
  if (legacy && (legacy.indexed !== true || model.migrating !== null))
    throw notIndexedYet(`${model.name}.${name}`)
  if (model.migrating !== null) return planMigrating(model, name, condition, context)
  const operators = isFilter(condition) ? condition : { equals: condition }
  const keys = context.indexKeys
  // A unique criterion names one value, that of the first version; see `settleVersion`.
  const comparing =
    context.unique && !isFilter(condition) ? { ...context, indexKeys: keys?.versions[0] ?? null } : context
  const own: OwnArgs = {}
  const indexed: OwnArgs = {}
  const further: Args[] = []
  for (const [operator, operand] of Object.entries(operators)) {
    if (isAbsent(operand)) continue
    const nested = operator === 'not' && isFilter(operand) ? operand : null
    if ((operator === 'equals' || operator === 'not') && isNull(operand)) own[operator] = operand
    else if (nested) planNegation(model, name, nested, context, own, indexed)
    else {
      const planned = planOperator(model, name, operator, operand, comparing)
      // Under several versions of the index key `equals` becomes `in`, which may be there already.
      if (Object.keys(planned).some((key) => key in indexed)) further.push(planned)
      else Object.assign(indexed, planned)
    }
  }
  const column = Object.keys(indexed).length > 0 ? indexFor(model, name, 'equals', context).column : ''
  // `{ email: 'x' }` stays a bare value, as unique criteria need it.
  const [operator, another] = Object.keys(indexed)
  const bare = operator === 'equals' && another === undefined && !isFilter(condition)
  return [
    ...(Object.keys(own).length > 0 ? [{ [name]: own }] : []),
    ...(column === '' ? [] : [{ [column]: bare ? indexed['equals'] : indexed }]),
    ...further.map((planned) => ({ [column]: planned })),
  ]
}

/** The same while plaintext is stored besides. A unique criterion needs its unique column; the rest narrows it down. */
function planMigrating(
  model: RecordModel,
  name: string,
  condition: unknown,
  context: FilterContext,
): readonly Args[] {
  const { indexKeys, uses, unique } = context
  const field = model.fields.get(name)
  const index = indexFor(model, name, 'equals', context)
  if (!indexKeys || !field) throw encryptedFilter(`${model.name}.${name}`, 'equals', true)
  const mixed = planMixedComparison({ field, index, indexKeys, uses }, condition)
  if (!unique || isFilter(condition)) return [{ AND: [mixed] }]
  if (context.named !== true) throw namedByMigrating(`${model.name}.${name}`)
  return [{ [index.column]: indexKeys.compute(index, condition) }, { AND: [mixed] }]
}

function planNegation(
  model: RecordModel,
  name: string,
  negated: Args,
  context: FilterContext,
  own: OwnArgs,
  indexed: OwnArgs,
): void {
  const inner = planComparison(model, name, negated, { ...context, removable: false })
  for (const part of inner) {
    const [column] = Object.keys(part)
    if (column === name) own['not'] = part[column]
    else if (column !== undefined) indexed['not'] = part[column]
  }
}

function planOperator(
  model: RecordModel,
  name: string,
  operator: string,
  operand: unknown,
  context: FilterContext,
): Args {
  const { indexKeys, uses, removable } = context
  const index = indexFor(model, name, operator, context)
  if (!indexKeys) throw encryptedFilter(`${model.name}.${name}`, operator, true)
  const several = operator === 'in' || operator === 'notIn'
  if (several !== Array.isArray(operand)) throw encryptedFilter(`${model.name}.${name}`, operator, true)
  const values = asList(operand)
  const candidates = values.flatMap((value) => indexKeys.candidates(index, value))
  if (operator === 'equals' || operator === 'in') {
    const exact = index.bits === null
    if (!exact && !removable) throw fullIndexNeeded(`${model.name}.${name}`)
    uses.push({ index, values: exact ? null : new Set(values.map((value) => normalisedText(index, value))) })
  }
  const [only, another] = candidates
  if (!several && another === undefined) return { [operator]: only }
  return { [operator === 'equals' || operator === 'in' ? 'in' : 'notIn']: candidates }
}

/**
 * The index that serves an operator: a full one, otherwise a truncated one for `equals` and `in`.
 * @throws KmsEncryptedError `ENCRYPTED_FILTER`
 */
function indexFor(
  model: RecordModel,
  name: string,
  operator: string,
  { removable, index: chosen }: FilterContext,
): FieldIndex {
  const where = `${model.name}.${name}`
  const indexes = model.indexesOf(name)
  if (!['equals', 'in', 'notIn', 'not'].includes(operator))
    throw encryptedFilter(where, operator, indexes.length > 0)
  if (chosen) return chosen
  const full =
    indexes.find((index) => index.unique && index.bits === null) ??
    indexes.find((index) => index.bits === null)
  if (full) return full
  const [truncated] = indexes
  if (!truncated) throw encryptedFilter(where, operator, false)
  if (!removable || operator === 'not' || operator === 'notIn') throw fullIndexNeeded(where)
  return truncated
}

/** A filter object, not a value: plain, and with operators in it. */
function isFilter(condition: unknown): condition is Args {
  return isArgs(condition)
}

function isNull(value: unknown): boolean {
  return value === null || nullMarker(value) === 'DbNull'
}

/** A plain field or a compound unique; either may hide an encrypted field inside. */
function planPlainCondition(
  model: RecordModel,
  name: string,
  condition: unknown,
  context: FilterContext,
): Args {
  const compound = model.definition.uniques.find((unique) => unique.name === name && unique.fields.length > 1)
  const hidden = compound?.fields.find((field) => model.fields.has(field))
  if (compound && hidden !== undefined && isArgs(condition))
    return planCompound(model, compound.fields, condition, context)
  checkFieldReferences(model, condition)
  return { [name]: condition }
}

/** `{ orgId_taxId: { orgId, taxId } }` → `{ orgId_taxIdBidx: { orgId, taxIdBidx } }` */
function planCompound(
  model: RecordModel,
  fields: readonly string[],
  condition: Args,
  context: FilterContext,
): Args {
  const fullIndex = (field: string, among: readonly string[]) =>
    model.indexesOf(field).find((index) => index.bits === null && among.includes(index.column))
  const unique = model.definition.uniques.find(
    ({ fields: other }) =>
      other.length === fields.length &&
      fields.every((field) => (model.fields.has(field) ? fullIndex(field, other) : other.includes(field))),
  )
  const planned: OwnArgs = {}
  const narrowing: Args[] = []
  for (const field of fields) {
    const index = fullIndex(field, unique?.fields ?? [])
    const only = { ...context, unique: true, index: index ?? null }
    if (index && model.migrating !== null) {
      const [key, mixed] = planMigrating(model, field, condition[field], only)
      Object.assign(planned, key)
      if (mixed) narrowing.push(mixed)
    } else if (index) Object.assign(planned, ...planComparison(model, field, condition[field], only))
    else planned[field] = condition[field]
  }
  if (!unique) throw encryptedFilter(`${model.name}.${fields.join('_')}`, 'equals', false)
  return { [unique.name]: planned, ...(narrowing.length > 0 ? { AND: narrowing } : {}) }
}

/** A reference such as `prisma.user.fields.email`, compared with a plain column at any depth of operators. */
function checkFieldReferences(model: RecordModel, operand: unknown): void {
  if (Array.isArray(operand)) for (const item of operand) checkFieldReferences(model, item)
  if (typeof operand !== 'object' || operand === null || Array.isArray(operand)) return
  if (isArgs(operand)) for (const item of Object.values(operand)) checkFieldReferences(model, item)
  const { modelName, name, typeName } = operand as { modelName?: unknown; name?: unknown; typeName?: unknown }
  const isReference = modelName === model.name && typeof typeName === 'string' && typeof name === 'string'
  if (isReference && model.fields.has(name)) {
    throw encryptedFilter(`${model.name}.${name}`, 'field reference', model.indexesOf(name).length > 0)
  }
}
