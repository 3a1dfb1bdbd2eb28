/** Walks create and update data by Prisma's grammar: finds the values to seal, and refuses what must not be written. */
import { encryptNotPermitted } from '../kms/permissions.js'
import type { RelationField } from '../schema/model.js'
import { isAbsent, isArgs, isStoredNull, type Args, type OwnArgs } from './arguments.js'
import { checkContextUnchanged, checkNestedContext, joinsItself } from './context-columns.js'
import type { Branch, ChangedRecord, ChangeSite, DataPlan, DataScope, Slot } from './data-plan.js'
import type { KeyGroup, RecordModel, SealedField } from './models.js'
import { hiddenRows, planWhere } from './plan-filter.js'
import { managedColumn, unsupported } from './refusals.js'
import { childFilter, plainWhere } from './row-filter.js'
import { checkStaysPlaintext } from './stored-plaintext.js'

/** The scope of a root record that is being created. */
export const newRoot: DataScope = {
  path: [],
  filter: null,
  branches: [],
  optional: false,
  creates: true,
  list: null,
  joinsItself: false,
  above: [],
  rewritable: true,
}

/** The scope of a root record that `where` finds. */
export function existingRoot(model: RecordModel, where: unknown): DataScope {
  return {
    path: [],
    filter: plainWhere(model, where),
    branches: [],
    optional: false,
    creates: false,
    list: null,
    joinsItself: false,
    above: [],
    rewritable: true,
  }
}

/**
 * Plans the data of a record that is to be created, nested records included.
 * @returns the data as it will be sent, with the values to seal still in place
 * @throws KmsEncryptedError `MANAGED_COLUMN`, `UNSUPPORTED_OPERATION`, `ENCRYPTED_FILTER`
 */
export function planCreateData(model: RecordModel, data: unknown, plan: DataPlan, scope = newRoot): unknown {
  if (!isArgs(data)) return data
  const own: OwnArgs = { ...data }
  const inside = { ...scope, filter: null, creates: true, list: null }
  const changes = planScalars(model, own, plan, inside)
  const groups = new Map<KeyGroup, readonly Slot[]>()
  for (const [group, change] of changes) if (change.slots.length > 0) groups.set(group, change.slots)
  // In the order of Prisma's inserts: first the records that this one points to, then itself, then those that point to it.
  planRelations(model, own, plan, inside, (relation) => relation.fields.length > 0)
  if (model.encrypted) {
    const { path, branches, optional, list, rewritable } = scope
    plan.created.push({ model, data: own, path, groups, branches, optional, list: list ?? own, rewritable })
  }
  planRelations(model, own, plan, inside, (relation) => relation.fields.length === 0)
  return own
}

/** Plans a list of new records, as in `createMany`. A single object stays a single object, as Prisma accepts it. */
export function planCreateList(model: RecordModel, data: unknown, plan: DataPlan, scope = newRoot): unknown {
  const list = scope.list ?? (Array.isArray(data) ? data : null)
  return mapOneOrMany(data, (item) => planCreateData(model, item, plan, { ...scope, list }))
}

/**
 * Plans the data of a record that exists.
 * @returns the data as it will be sent, and what changes in its key groups; `null`: nothing is to be sealed (fields may become null)
 * @throws KmsEncryptedError `MANAGED_COLUMN`, `CONTEXT_COLUMN_IMMUTABLE`, `UNSUPPORTED_OPERATION`, `ENCRYPTED_FILTER`
 */
export function planUpdateData(
  model: RecordModel,
  data: unknown,
  plan: DataPlan,
  scope: DataScope,
): { readonly own: unknown; readonly changed: ChangedRecord | null } {
  if (!isArgs(data)) return { own: data, changed: null }
  checkContextUnchanged(model, data)
  const own: OwnArgs = { ...data }
  const inside = { ...scope, creates: false, list: null }
  const changes = planScalars(model, own, plan, inside)
  planRelations(model, own, plan, inside, () => true)
  const seals = [...changes.values()].some(({ slots }) => slots.length > 0)
  return { own, changed: seals ? { model, data: own, groups: changes } : null }
}

function planScalars(
  model: RecordModel,
  own: OwnArgs,
  plan: DataPlan,
  scope: DataScope,
): Map<KeyGroup, { slots: Slot[]; cleared: SealedField[] }> {
  const changes = new Map<KeyGroup, { slots: Slot[]; cleared: SealedField[] }>()
  const indexed: OwnArgs = {}
  for (const [name, value] of Object.entries(own)) {
    if (isAbsent(value)) continue
    if (model.managed.has(name)) throw managedColumn(`${model.name}.${name}`)
    const field = model.fields.get(name)
    if (!field) continue
    const plain = scope.creates ? value : settledValue(field, value)
    if (isAbsent(plain)) continue
    const change = changes.get(field.group) ?? { slots: [], cleared: [] }
    changes.set(field.group, change)
    if (isStoredNull(plain)) change.cleared.push(field)
    else if (field.group.config.mode === 'decrypt-only') throw encryptNotPermitted(`${model.name}.${name}`)
    else if (model.migrating === 'read') checkStaysPlaintext(field, plain)
    else change.slots.push({ field, data: own, value: plain })
    for (const index of model.indexesOf(name)) {
      indexed[index.column] = isStoredNull(plain) ? null : (plan.indexKeys?.compute(index, plain) ?? null)
    }
  }
  Object.assign(own, indexed)
  return changes
}

function planRelations(
  model: RecordModel,
  own: OwnArgs,
  plan: DataPlan,
  scope: DataScope,
  included: (relation: RelationField) => boolean,
): void {
  if (model.relationNames.length === 0) return
  for (const [name, value] of Object.entries(own)) {
    const relation = model.relation(name)
    if (!relation || !isArgs(value) || !included(relation.field)) continue
    checkNestedContext(model, name, value, scope)
    own[name] = planNested(relation.model, value, plan, {
      ...scope,
      joinsItself: scope.joinsItself || joinsItself(model, name, own),
      above: [...scope.above, value],
      rewritable: scope.creates || Object.values(value).filter((writes) => !isAbsent(writes)).length === 1,
      path: [...scope.path, { relation: name, list: relation.field.list }],
      filter: scope.filter && childFilter(model, name, scope.filter),
    })
  }
}

const undoing = ['delete', 'deleteMany', 'update', 'updateMany', 'upsert']

/** The nested writes of one relation, each verb with its own grammar. */
function planNested(model: RecordModel, verbs: Args, plan: DataPlan, scope: DataScope): OwnArgs {
  const own: OwnArgs = { ...verbs }
  const planned = (where: unknown, unique = true) =>
    planWhere(model, where, hiddenRows(plan.indexKeys, unique))
  // The same write may delete, or set to null, what it has just created.
  const undone = undoing.some((verb) => !isAbsent(verbs[verb]))
  const creating = { ...scope, optional: scope.optional || undone }
  for (const [verb, value] of Object.entries(verbs)) {
    if (isAbsent(value)) continue
    switch (verb) {
      case 'create':
        own[verb] = planCreateList(model, value, plan, creating)
        break
      case 'createMany':
        if (isArgs(value)) {
          const optional = creating.optional || Boolean(value['skipDuplicates'])
          own[verb] = { ...value, data: planCreateList(model, value['data'], plan, { ...scope, optional }) }
        }
        break
      case 'connectOrCreate':
        own[verb] = mapOneOrMany(value, (item) => {
          if (!isArgs(item)) return item
          return {
            ...item,
            where: planned(item['where']),
            create: planCreateData(model, item['create'], plan, { ...scope, optional: true }),
          }
        })
        break
      case 'connect':
      case 'set':
      case 'disconnect':
      case 'delete':
        own[verb] = mapOneOrMany(value, (where) => planned(where))
        break
      case 'deleteMany':
        own[verb] = mapOneOrMany(value, (where) => planned(where, false))
        break
      case 'update':
      case 'updateMany':
        own[verb] = mapOneOrMany(value, (item, at) =>
          planNestedUpdate(model, item, { verb, verbs: own, given: verbs, at }, plan, scope),
        )
        break
      case 'upsert':
        own[verb] = planNestedUpserts(model, value, { verbs: own, given: verbs }, plan, scope)
        break
      default:
        throw unsupported(model.name, `the nested write '${verb}'`, 'Use one of Prisma’s own nested writes.')
    }
  }
  return own
}

/** `{ where, data }`, or for a relation to one record the bare data, which becomes `{ data }`. */
function planNestedUpdate(
  model: RecordModel,
  item: unknown,
  place: Pick<ChangeSite, 'verb' | 'verbs' | 'given' | 'at'>,
  plan: DataPlan,
  scope: DataScope,
): unknown {
  if (!isArgs(item)) return item
  const { scalars, relations } = model.definition
  const wrapped = isArgs(item['data']) && !('data' in scalars) && !('data' in relations)
  const unique = place.verb === 'update' && (scope.path.at(-1)?.list ?? false)
  const where = wrapped ? planWhere(model, item['where'], hiddenRows(plan.indexKeys, unique)) : undefined
  const filter = scope.filter && narrowed(scope.filter, plainWhere(model, where))
  const given = wrapped ? item['data'] : item
  const { own: data, changed } = planUpdateData(model, given, plan, { ...scope, filter })
  const own: OwnArgs = wrapped ? { ...item, ...(where === undefined ? {} : { where }), data } : { data }
  if (changed && filter) {
    const list = scope.path.at(-1)?.list ?? false
    plan.nested.push({
      changed,
      filter,
      site: { ...place, item: own, list, above: scope.above, joinsItself: scope.joinsItself },
      branches: scope.branches,
    })
  }
  return wrapped || changed ? own : data
}

/** The upserts of one relation. If one of them has to be settled before it is sent, all are: they keep their order. */
function planNestedUpserts(
  model: RecordModel,
  value: unknown,
  place: Pick<ChangeSite, 'verbs' | 'given'>,
  plan: DataPlan,
  scope: DataScope,
): unknown {
  const upserts: PlannedUpsert[] = []
  const own = mapOneOrMany(value, (item) => {
    if (!isArgs(item)) return item
    const upsert = planNestedUpsert(model, item, plan, scope)
    upserts.push(upsert)
    return upsert.own
  })
  if (!upserts.some(({ changed }) => changed)) return own
  const list = scope.path.at(-1)?.list ?? false
  for (const [at, { own: item, changed, filter }] of upserts.entries()) {
    if (!filter) continue
    const { above, joinsItself, branches } = scope
    const site: ChangeSite = { ...place, verb: 'upsert', item, at, list, above, joinsItself }
    plan.nested.push({ changed: changed ?? unchanged(model, item['update']), filter, site, branches })
  }
  return own
}

/** A nested upsert, with what its update side changes; `null`: nothing that has to be settled before. */
interface PlannedUpsert {
  readonly own: OwnArgs
  readonly changed: ChangedRecord | null
  readonly filter: Args | null
}

function planNestedUpsert(model: RecordModel, item: Args, plan: DataPlan, scope: DataScope): PlannedUpsert {
  const where = planWhere(model, item['where'], hiddenRows(plan.indexKeys, scope.path.at(-1)?.list ?? false))
  const own: OwnArgs = { ...item, ...(where === undefined ? {} : { where }) }
  const filter = scope.filter && narrowed(scope.filter, plainWhere(model, where))
  const onSide = (side: Branch['side']) => ({
    optional: true,
    branches: [...scope.branches, { item: own, side }],
  })
  const before = plan.nested.length
  const update = planUpdateData(model, item['update'], plan, { ...scope, filter, ...onSide('update') })
  own['update'] = update.own
  own['create'] = planCreateData(model, item['create'], plan, { ...scope, ...onSide('create') })
  // Which side is taken also decides over the changes further down.
  const changed = update.changed ?? (plan.nested.length > before ? unchanged(model, update.own) : null)
  return { own, changed, filter }
}

/** A change that seals nothing itself. */
function unchanged(model: RecordModel, data: unknown): ChangedRecord {
  return { model, data: isArgs(data) ? { ...data } : {}, groups: new Map() }
}

function narrowed(filter: Args, where: Args): Args {
  return Object.keys(where).length === 0 ? filter : { AND: [filter, where] }
}

/** An update may wrap its value in `{ set }`. On a Json field that is a value like any other. */
function settledValue(field: SealedField, value: unknown): unknown {
  if (field.type === 'Json' || !isArgs(value)) return value
  const [only, another] = Object.keys(value)
  return only === 'set' && another === undefined ? value['set'] : value
}

function mapOneOrMany(value: unknown, map: (item: unknown, at: number) => unknown): unknown {
  return Array.isArray(value) ? value.map(map) : map(value, 0)
}
