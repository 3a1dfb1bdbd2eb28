/** Turns a selection into one that reads only the keys which opening its result will need. */
import { isArgs, type Args, type OwnArgs } from './arguments.js'
import type { KeyGroup, RecordModel } from './models.js'
import type { GlobalOmit } from './plan-selection.js'

const criteria = ['where', 'orderBy', 'cursor', 'take', 'skip', 'distinct'] as const

/**
 * The `select` that reads key and id columns wherever a selection shows encrypted fields.
 * @returns `null` when it shows none at any depth
 */
export function selectKeys(model: RecordModel, args: Args, globalOmit: GlobalOmit): Args | null {
  const { select, include, omit } = args
  const own: OwnArgs = {}
  for (const group of model.groups.values()) {
    if (!showsGroup(group, model, select, omit, globalOmit)) continue
    for (const name of [group.column, ...group.contextFields]) own[name] = true
  }
  const relations = isArgs(select) ? select : isArgs(include) ? include : {}
  for (const [name, nested] of Object.entries(relations)) {
    const relation = nested ? model.relation(name) : undefined
    if (!relation) continue
    const nestedArgs = isArgs(nested) ? nested : {}
    const nestedSelect = selectKeys(relation.model, nestedArgs, globalOmit)
    if (!nestedSelect) continue
    const kept = criteria.filter((clause) => nestedArgs[clause] !== undefined)
    own[name] = {
      ...Object.fromEntries(kept.map((clause) => [clause, nestedArgs[clause]])),
      select: nestedSelect,
    }
  }
  return Object.keys(own).length > 0 ? own : null
}

function showsGroup(
  group: KeyGroup,
  model: RecordModel,
  select: unknown,
  omit: unknown,
  globalOmit: GlobalOmit,
): boolean {
  if (group.config.mode === 'encrypt-only') return false // nothing of it is going to be opened
  if (isArgs(select)) return group.fields.some((field) => Boolean(select[field.name]))
  const hidden: Args = { ...globalOmit[model.delegate], ...(isArgs(omit) ? omit : {}) }
  return group.fields.some((field) => !hidden[field.name])
}
