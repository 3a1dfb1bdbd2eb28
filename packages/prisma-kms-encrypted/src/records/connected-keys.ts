/** Finds the existing records that a write brings into its own result, so that their keys can be read before it. */
import { asList, isAbsent, isArgs, type Args } from './arguments.js'
import type { RecordModel } from './models.js'
import type { GlobalOmit } from './plan-selection.js'
import { plainWhere } from './row-filter.js'
import { selectKeys } from './select-keys.js'

/** Records that a result will show, and the selection that reads their keys. */
export interface ConnectedRecords {
  readonly model: RecordModel
  readonly where: Args
  readonly select: Args
}

/**
 * Walks data beside the selection of the result: `connect` and its like, and foreign keys, lead to records that exist.
 * @param args the `select` or `include` of this level
 */
export function connectedRecords(
  model: RecordModel,
  data: unknown,
  args: Args,
  globalOmit: GlobalOmit,
): readonly ConnectedRecords[] {
  const shown = isArgs(args['select']) ? args['select'] : args['include']
  if (!isArgs(shown)) return []
  return asList(data).flatMap((record) => {
    if (!isArgs(record)) return []
    return Object.entries(shown).flatMap(([name, nested]) => {
      const relation = nested ? model.relation(name) : undefined
      if (!relation) return []
      const nestedArgs = isArgs(nested) ? nested : {}
      const select = selectKeys(relation.model, nestedArgs, globalOmit)
      if (!select) return []
      const verbs = record[name]
      const wheres = isArgs(verbs) ? connectedBy(relation.model, verbs) : referencedBy(relation.field, record)
      const inside = isArgs(verbs) ? writtenData(verbs) : []
      return [
        ...wheres.map((where) => ({ model: relation.model, where, select })),
        ...connectedRecords(relation.model, inside, nestedArgs, globalOmit),
      ]
    })
  })
}

function connectedBy(model: RecordModel, verbs: Args): readonly Args[] {
  const connected = [...asList(verbs['connect']), ...asList(verbs['set'])]
  const orCreated = asList(verbs['connectOrCreate']).map((item) => (isArgs(item) ? item['where'] : undefined))
  return [...connected, ...orCreated].filter(isArgs).map((where) => plainWhere(model, where))
}

/** `{ authorId: 1 }` shows the author too. */
function referencedBy(
  relation: { readonly fields: readonly string[]; readonly references: readonly string[] },
  record: Args,
): readonly Args[] {
  const { fields, references } = relation
  const complete =
    fields.length > 0 && fields.every((field) => !isAbsent(record[field]) && record[field] !== null)
  if (!complete) return []
  return [Object.fromEntries(references.map((reference, index) => [reference, record[fields[index] ?? '']]))]
}

/** The data of records that the nested writes of a relation create or change. */
function writtenData(verbs: Args): readonly unknown[] {
  const of = (verb: string, member: string) =>
    asList(verbs[verb]).map((item) => (isArgs(item) && member in item ? item[member] : undefined))
  const updates = asList(verbs['update']).map((item) =>
    isArgs(item) && isArgs(item['data']) ? item['data'] : item,
  )
  return [
    ...asList(verbs['create']),
    ...of('connectOrCreate', 'create'),
    ...of('upsert', 'create'),
    ...of('upsert', 'update'),
    ...updates,
  ]
}
