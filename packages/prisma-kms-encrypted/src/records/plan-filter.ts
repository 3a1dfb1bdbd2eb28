/** Walks filters, orders and groupings by Prisma's grammar and refuses what ciphertext cannot answer. */
import { asList, isAbsent, isArgs, nullMarker, type Args } from './arguments.js'
import type { RecordModel } from './models.js'
import { encryptedFilter, encryptedOrder } from './refusals.js'

/**
 * Checks a `where`, also one that names a unique row.
 * @throws KmsEncryptedError `ENCRYPTED_FILTER`
 */
export function checkWhere(model: RecordModel, where: unknown): void {
  if (!isArgs(where)) return
  for (const [name, condition] of Object.entries(where)) {
    if (isAbsent(condition)) continue
    if (name === 'AND' || name === 'OR' || name === 'NOT') {
      for (const part of asList(condition)) checkWhere(model, part)
      continue
    }
    const relation = model.relation(name)
    if (relation) checkRelationFilter(relation.model, condition)
    else if (model.fields.has(name)) checkComparison(`${model.name}.${name}`, condition)
    else checkPlainCondition(model, name, condition)
  }
}

function checkRelationFilter(model: RecordModel, condition: unknown): void {
  if (!isArgs(condition)) return
  const quantifiers = ['some', 'every', 'none', 'is', 'isNot'].filter((name) => name in condition)
  if (quantifiers.length === 0) checkWhere(model, condition)
  for (const name of quantifiers) checkWhere(model, condition[name])
}

/** Comparisons with null are exact on ciphertext, since null is stored as it is. */
function checkComparison(where: string, condition: unknown): void {
  if (isNull(condition)) return
  if (!isArgs(condition)) throw encryptedFilter(where, 'equals')
  for (const [operator, operand] of Object.entries(condition)) {
    if (isAbsent(operand)) continue
    if ((operator === 'equals' || operator === 'not') && isNull(operand)) continue
    if (operator === 'not' && isArgs(operand)) checkComparison(where, operand)
    else throw encryptedFilter(where, operator)
  }
}

function isNull(value: unknown): boolean {
  return value === null || nullMarker(value) === 'DbNull'
}

/** A plain field or a compound unique; either may hide an encrypted field inside. */
function checkPlainCondition(model: RecordModel, name: string, condition: unknown): void {
  const compound = model.definition.uniques.find((unique) => unique.name === name && unique.fields.length > 1)
  const hidden = compound?.fields.find((field) => model.fields.has(field))
  if (hidden !== undefined) throw encryptedFilter(`${model.name}.${hidden}`, name)
  checkFieldReferences(model, condition)
}

/** A reference such as `prisma.user.fields.email`, compared with a plain column at any depth of operators. */
function checkFieldReferences(model: RecordModel, operand: unknown): void {
  if (Array.isArray(operand)) for (const item of operand) checkFieldReferences(model, item)
  if (typeof operand !== 'object' || operand === null || Array.isArray(operand)) return
  if (isArgs(operand)) for (const item of Object.values(operand)) checkFieldReferences(model, item)
  const { modelName, name, typeName } = operand as { modelName?: unknown; name?: unknown; typeName?: unknown }
  if (
    modelName === model.name &&
    typeof typeName === 'string' &&
    typeof name === 'string' &&
    model.fields.has(name)
  ) {
    throw encryptedFilter(`${model.name}.${name}`, 'field reference')
  }
}

/**
 * Checks an `orderBy`.
 * @throws KmsEncryptedError `ENCRYPTED_ORDER`
 */
export function checkOrderBy(model: RecordModel, orderBy: unknown): void {
  for (const order of asList(orderBy)) {
    if (!isArgs(order)) continue
    for (const [name, direction] of Object.entries(order)) {
      if (isAbsent(direction)) continue
      if (model.fields.has(name)) throw encryptedOrder(`${model.name}.${name}`, 'orderBy')
      const relation = model.relation(name)
      if (relation) checkOrderBy(relation.model, direction)
      else if (name === '_relevance' && isArgs(direction)) checkNames(model, direction['fields'], 'orderBy')
      else if (name === '_min' || name === '_max') checkSelected(model, direction, 'orderBy')
    }
  }
}

/**
 * Checks a list of field names, such as `distinct` or the `by` of a `groupBy`.
 * @throws KmsEncryptedError `ENCRYPTED_ORDER`
 */
export function checkNames(model: RecordModel, names: unknown, clause: string): void {
  for (const name of asList(names)) {
    if (typeof name === 'string' && model.fields.has(name))
      throw encryptedOrder(`${model.name}.${name}`, clause)
  }
}

/** Checks the fields that are set to something truthy, as in `_min: { email: true }`. */
function checkSelected(model: RecordModel, selected: unknown, clause: string): void {
  if (!isArgs(selected)) return
  checkNames(
    model,
    Object.keys(selected).filter((name) => Boolean(selected[name])),
    clause,
  )
}

/**
 * Checks `aggregate` and `groupBy`: counting is fine, comparing is not.
 * @throws KmsEncryptedError `ENCRYPTED_FILTER`, `ENCRYPTED_ORDER`
 */
export function checkAggregation(model: RecordModel, args: Args): void {
  checkSelected(model, args['_min'], '_min')
  checkSelected(model, args['_max'], '_max')
  checkNames(model, args['by'], 'by')
  checkHaving(model, args['having'])
}

function checkHaving(model: RecordModel, having: unknown): void {
  if (!isArgs(having)) return
  for (const [name, condition] of Object.entries(having)) {
    if (name === 'AND' || name === 'OR' || name === 'NOT') {
      for (const part of asList(condition)) checkHaving(model, part)
    } else if (model.fields.has(name) && !isAbsent(condition)) {
      throw encryptedOrder(`${model.name}.${name}`, 'having')
    }
  }
}

/** Checks everything beside the selection that a read may carry: `where`, `orderBy`, `cursor`, `distinct`. */
export function checkCriteria(model: RecordModel, args: Args): void {
  checkWhere(model, args['where'])
  checkWhere(model, args['cursor'])
  checkOrderBy(model, args['orderBy'])
  checkNames(model, args['distinct'], 'distinct')
}
