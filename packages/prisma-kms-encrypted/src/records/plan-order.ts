/** Refuses orders, groupings and extremes of encrypted fields, and plans what a read carries beside its selection. */
import { asList, isAbsent, isArgs, type Args, type OwnArgs } from './arguments.js'
import type { RecordModel } from './models.js'
import { planWhere, type FilterContext } from './plan-filter.js'
import { encryptedOrder } from './refusals.js'

/**
 * Plans everything beside the selection that an operation or a nested read may carry: `where`, `orderBy`, `cursor`,
 * `distinct`.
 * @returns the arguments with filters rewritten
 * @throws KmsEncryptedError `ENCRYPTED_FILTER`, `ENCRYPTED_ORDER`
 */
export function planCriteria(model: RecordModel, args: Args, context: FilterContext): Args {
  checkOrderBy(model, args['orderBy'])
  checkNames(model, args['distinct'], 'distinct')
  const own: OwnArgs = { ...args }
  if (isArgs(args['where'])) own['where'] = planWhere(model, args['where'], context)
  if (isArgs(args['cursor'])) {
    own['cursor'] = planWhere(model, args['cursor'], {
      ...context,
      removable: false,
      unique: true,
      named: false,
      uses: [],
    })
  }
  return own
}

function checkOrderBy(model: RecordModel, orderBy: unknown): void {
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

function checkNames(model: RecordModel, names: unknown, clause: string): void {
  for (const name of asList(names)) {
    if (typeof name === 'string' && model.fields.has(name))
      throw encryptedOrder(`${model.name}.${name}`, clause)
  }
}

/** Checks the fields that are set to something truthy, as in `_min: { email: true }`. */
function checkSelected(model: RecordModel, selected: unknown, clause: string): void {
  if (!isArgs(selected)) return
  const names = Object.keys(selected).filter((name) => Boolean(selected[name]))
  checkNames(model, names, clause)
}

/**
 * Checks `aggregate` and `groupBy`: counting is fine, comparing is not.
 * @throws KmsEncryptedError `ENCRYPTED_ORDER`
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
