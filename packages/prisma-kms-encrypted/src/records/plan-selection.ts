/** Adds to a selection the key and id columns that opening needs, and remembers what to hide afterwards. */
import { isArgs, type Args, type OwnArgs } from './arguments.js'
import type { FieldIndex, RecordModel } from './models.js'
import type { IndexKeys, IndexUse } from './index-keys.js'
import { hiddenRows, planWhere } from './plan-filter.js'
import { planCriteria } from './plan-order.js'

/** Fields that the client omits everywhere, by delegate name, as given to its constructor. */
export type GlobalOmit = Readonly<Record<string, Readonly<Record<string, boolean | undefined>> | undefined>>

/** What planning a selection needs to know of the client. */
export interface SelectionContext {
  readonly globalOmit: GlobalOmit
  /** `null`: no model has an index. */
  readonly indexKeys: IndexKeys | null
}

/** What was added to one level of a selection and is hidden from the caller. */
export interface Shape {
  /** Added columns, in no particular order. */
  readonly added: readonly string[]
  /**
   * `true`: other extensions may compute fields from the added columns, so they stay readable and only leave
   * enumeration; `false`: they are deleted.
   */
  readonly conceal: boolean
  /** Indexes that the rows were found by, to be checked against the opened fields. */
  readonly uses: readonly IndexUse[]
  readonly relations: Readonly<Record<string, Shape>>
}

/** A selection as it is sent, with what to hide of its result. `null`: nothing was added at this level or below. */
export interface PlannedSelection {
  readonly args: Args
  readonly shape: Shape | null
}

/**
 * Plans `select`, `include` and `omit` at every depth, checking nested criteria on the way.
 * @param uses the indexes that the rows of the first level are found by
 * @param extra fields that this operation needs from the rows of the first level, besides keys and ids
 * @throws KmsEncryptedError `ENCRYPTED_FILTER`, `ENCRYPTED_ORDER` from nested criteria
 */
export function planSelection(
  model: RecordModel,
  args: Args,
  context: SelectionContext,
  uses: readonly IndexUse[] = [],
  extra: readonly string[] = [],
): PlannedSelection {
  const checked = uses.filter(({ index, values }) => index.verify || values)
  const needed = [...extra, ...checked.flatMap(({ index }) => checkColumns(index))]
  const { select, include } = args
  const own: OwnArgs = { ...args }
  const relations: Record<string, Shape> = {}
  let added: readonly string[]
  let conceal: boolean
  if (isArgs(select)) {
    const planned = planRelations(model, select, context, relations)
    const missing = missingFromSelect(model, select, needed)
    added = missing.columns
    conceal = missing.conceal
    own['select'] = added.length > 0 ? { ...planned, ...valuesFor(added, true) } : planned
  } else {
    if (isArgs(include)) own['include'] = planRelations(model, include, context, relations)
    added = missingFromOmit(model, args['omit'], context.globalOmit, needed)
    conceal = true
    if (added.length > 0)
      own['omit'] = { ...(isArgs(args['omit']) ? args['omit'] : {}), ...valuesFor(added, false) }
  }
  const shaped = added.length > 0 || checked.length > 0 || Object.keys(relations).length > 0
  return { args: own, shape: shaped ? { added, conceal, uses: checked, relations } : null }
}

function planRelations(
  model: RecordModel,
  selected: Args,
  context: SelectionContext,
  shapes: Record<string, Shape>,
): OwnArgs {
  const own: OwnArgs = { ...selected }
  for (const [name, nested] of Object.entries(selected)) {
    if (!nested) continue
    if (name === '_count') {
      own[name] = planCounts(model, nested, context)
      continue
    }
    const relation = model.relation(name)
    if (!relation) continue
    const uses: IndexUse[] = []
    const filter = { indexKeys: context.indexKeys, removable: false, unique: false, uses }
    const criteria = planCriteria(relation.model, isArgs(nested) ? nested : {}, filter)
    const planned = planSelection(relation.model, criteria, context, uses)
    if (planned.shape) shapes[name] = planned.shape
    if (planned.shape || isArgs(nested)) own[name] = planned.args
  }
  return own
}

function planCounts(model: RecordModel, counts: unknown, { indexKeys }: SelectionContext): unknown {
  const select = isArgs(counts) ? counts['select'] : undefined
  if (!isArgs(counts) || !isArgs(select)) return counts
  const planned = Object.entries(select).map(([name, counted]) => {
    const relation = model.relation(name)
    if (!relation || !isArgs(counted)) return [name, counted]
    return [name, { ...counted, where: planWhere(relation.model, counted['where'], hiddenRows(indexKeys)) }]
  })
  return { ...counts, select: Object.fromEntries(planned) as Args }
}

/** What checking a row against an index takes: the index, the field, and what opens it. */
export function checkColumns({ column, field }: FieldIndex): readonly string[] {
  return [column, field.name, field.group.column, ...field.group.contextFields]
}

/**
 * A `select` names its columns: the keys of the selected encrypted fields are missing, and the ids. A name that the
 * models do not know is another extension's computed field, which may need any encrypted field.
 */
function missingFromSelect(
  model: RecordModel,
  select: Args,
  extra: readonly string[],
): { columns: readonly string[]; conceal: boolean } {
  const wanted = new Set<string>(extra)
  let computed = false
  let nothingSelected = true
  for (const [name, value] of Object.entries(select)) {
    if (!value) continue
    nothingSelected = false
    const field = model.fields.get(name)
    if (field) {
      wanted.add(field.group.column)
      for (const column of field.group.contextFields) wanted.add(column)
    } else if (
      name !== '_count' &&
      !(name in model.definition.scalars) &&
      !(name in model.definition.relations)
    ) {
      computed = true
    }
  }
  if (nothingSelected) return { columns: [], conceal: false }
  if (computed) for (const column of model.openingColumns) wanted.add(column)
  return { columns: [...wanted].filter((name) => !select[name]), conceal: computed }
}

/** Without `select` every column is there but those that `omit` hides, here or on the client. */
function missingFromOmit(
  model: RecordModel,
  omit: unknown,
  globalOmit: GlobalOmit,
  extra: readonly string[],
): readonly string[] {
  const omitted = globalOmit[model.delegate]
  if (!omitted && !isArgs(omit)) return []
  const hidden: Args = { ...omitted, ...(isArgs(omit) ? omit : {}) }
  const scalars = Object.keys(model.definition.scalars)
  if (scalars.every((name) => Boolean(hidden[name]))) return []
  return [...new Set([...model.openingColumns, ...extra])].filter((name) => Boolean(hidden[name]))
}

function valuesFor(names: readonly string[], value: boolean): OwnArgs {
  return Object.fromEntries(names.map((name) => [name, value]))
}
