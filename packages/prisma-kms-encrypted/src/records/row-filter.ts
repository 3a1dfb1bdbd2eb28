/** Builds plain filters for rows that Prisma would find through unique criteria or along relations. */
import { isArgs, type Args, type OwnArgs } from './arguments.js'
import type { RecordModel } from './models.js'

/** A filter that matches nothing. `{ OR: [] }` would not do: Prisma drops it in some nested writes. */
export function noRow(model: RecordModel): Args {
  return Object.fromEntries(model.definition.primaryKey.map((field) => [field, { in: [] }]))
}

/** A where-unique as a plain filter: compound criteria become their fields. */
export function plainWhere(model: RecordModel, where: unknown): Args {
  if (!isArgs(where)) return {}
  const plain: OwnArgs = {}
  for (const [name, condition] of Object.entries(where)) {
    const compound = model.definition.uniques.some(
      (unique) => unique.name === name && unique.fields.length > 1,
    )
    if (compound && isArgs(condition)) Object.assign(plain, condition)
    else plain[name] = condition
  }
  return plain
}

/** The filter for the records that a relation leads to from the records that `filter` finds. */
export function childFilter(model: RecordModel, relation: string, filter: Args): Args {
  const { opposite, list } = oppositeOf(model, relation)
  return { [opposite]: list ? { some: filter } : { is: filter } }
}

/** The relation field at the other end. Prisma schemas always have both, and a self relation has two fields. */
export function oppositeOf(
  model: RecordModel,
  relation: string,
): { readonly opposite: string; readonly list: boolean } {
  const target = model.relation(relation)
  for (const [name, field] of Object.entries(target?.model.definition.relations ?? {})) {
    if (field.model !== model.name || field.relationName !== target?.field.relationName) continue
    if (target.model === model && name === relation) continue
    return { opposite: name, list: field.list }
  }
  throw new TypeError(`${model.name}.${relation} has no opposite relation`)
}
