/** Finds the relation writes that would change a context column, and refuses them. */
import { asList, isAbsent, isArgs, type Args } from './arguments.js'
import type { DataScope } from './data-plan.js'
import type { RecordModel } from './models.js'
import { immutableContext } from './refusals.js'
import { oppositeOf } from './row-filter.js'

/** Relation writes that give existing records of the other side another foreign key. */
const movingVerbs = ['connect', 'connectOrCreate', 'set', 'disconnect']

/**
 * Connecting from the side without the foreign key writes it on the other side, where it may be part of a context.
 * A new record in a relation to one also takes the place of the old one, whose foreign key becomes null.
 */
export function checkNestedContext(
  model: RecordModel,
  relation: string,
  verbs: Args,
  scope: DataScope,
): void {
  const target = model.relation(relation)
  if (!target?.model.encrypted) return
  const { opposite } = oppositeOf(model, relation)
  const foreign = target.model.definition.relations[opposite]?.fields.find((field) =>
    target.model.contextFields.has(field),
  )
  if (foreign === undefined) return
  const replacing = !target.field.list && !scope.creates ? ['create', 'upsert'] : []
  for (const verb of [...movingVerbs, ...replacing]) {
    const nothing = isAbsent(verbs[verb]) || verbs[verb] === false || asList(verbs[verb]).length === 0
    if (!nothing) throw immutableContext(`${target.model.name}.${foreign}`)
  }
}

/** Refuses data that changes a context column of the record itself, directly or by a relation write. */
export function checkContextUnchanged(model: RecordModel, data: Args): void {
  if (!model.encrypted) return
  for (const name of model.contextFields) {
    if (!isAbsent(data[name])) throw immutableContext(`${model.name}.${name}`)
  }
  for (const [name, relation] of Object.entries(model.definition.relations)) {
    const foreign = relation.fields.find((field) => model.contextFields.has(field))
    if (foreign === undefined || !isArgs(data[name])) continue
    const moves = ['connect', 'connectOrCreate', 'create', 'disconnect', 'set', 'upsert', 'delete']
    if (moves.some((verb) => !isAbsent((data[name] as Args)[verb])))
      throw immutableContext(`${model.name}.${foreign}`)
  }
}

/** In a self relation, whether the data also changes the record's own place in it. */
export function joinsItself(model: RecordModel, relation: string, data: Args): boolean {
  const target = model.relation(relation)
  if (target?.model !== model) return false
  const { opposite } = oppositeOf(model, relation)
  const foreignKey = model.definition.relations[opposite]?.fields ?? []
  return [opposite, ...foreignKey].some((name) => !isAbsent(data[name]))
}
