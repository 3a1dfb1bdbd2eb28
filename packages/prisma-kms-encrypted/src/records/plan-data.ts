/** Walks create and update data by Prisma's grammar: finds the values to seal, and refuses what must not be written. */
import { asList, isAbsent, isArgs, isStoredNull, type Args, type OwnArgs } from './arguments.js'
import type { KeyGroup, RecordModel, SealedField } from './models.js'
import type { RelationField } from '../schema/model.js'
import { checkWhere } from './plan-filter.js'
import { immutableContext, managedColumn, unsupported } from './refusals.js'
import { childFilter, oppositeOf, plainWhere } from './row-filter.js'

/** A value to seal, and the place in the plan's own arguments where its ciphertext goes. */
export interface Slot {
  readonly field: SealedField
  readonly data: OwnArgs
  readonly value: unknown
}

/** One relation on the way from the root of an operation to a nested record. */
export interface PathStep {
  readonly relation: string
  readonly list: boolean
}

/** A record of an encrypted model that the operation creates, with the values to seal in each key group, if any. */
export interface NewRecord {
  readonly model: RecordModel
  /** The record's data in the plan's own arguments. */
  readonly data: OwnArgs
  readonly path: readonly PathStep[]
  readonly groups: ReadonlyMap<KeyGroup, readonly Slot[]>
  /** The nested upserts that decide whether it is created at all. */
  readonly branches: readonly Branch[]
  /** Whether the operation may succeed without creating it, as under `connectOrCreate` or `skipDuplicates`. */
  readonly optional: boolean
  /** Shared by the records of one list, of which Prisma wants all in the checked form or all in the unchecked one. */
  readonly list: object
}

/** New values for encrypted fields of a record that exists. */
export interface ChangedRecord {
  readonly model: RecordModel
  readonly data: OwnArgs
  /** Per key group the values to seal and the fields that become null. */
  readonly groups: ReadonlyMap<KeyGroup, GroupChange>
}

/** What a write does to one key group of one record. */
export interface GroupChange {
  readonly slots: readonly Slot[]
  readonly cleared: readonly SealedField[]
}

/** A change inside a nested write: which rows it is for, and where in the arguments it stands. */
export interface NestedChange {
  readonly changed: ChangedRecord
  /** Finds the rows in their own model, through their relations to the root record. */
  readonly filter: Args
  readonly site: ChangeSite
  readonly branches: readonly Branch[]
}

/** Where a nested change stands in the plan's own arguments. */
export interface ChangeSite {
  readonly verb: 'update' | 'updateMany' | 'upsert'
  /** The relation's nested writes. */
  readonly verbs: OwnArgs
  /** This write among them: `{ where, data }`, or for upsert `{ where, create, update }`. */
  readonly item: OwnArgs
  readonly list: boolean
}

/** One side of a nested upsert; which one is taken is known once its row has been looked for. */
export interface Branch {
  readonly item: OwnArgs
  readonly side: 'create' | 'update'
}

/** What walking data finds. */
export interface DataPlan {
  readonly created: NewRecord[]
  readonly nested: NestedChange[]
}

/** Where in the operation the walk stands. */
export interface DataScope {
  readonly path: readonly PathStep[]
  /** Finds the record that the data is for; `null`: it is being created. */
  readonly filter: Args | null
  readonly branches: readonly Branch[]
  /** Whether new records here may turn out not to be needed. */
  readonly optional: boolean
  /** Whether the data creates a record; `{ set }` and the like belong to updates only. */
  readonly creates: boolean
  /** The list that the data is an element of; `null`: it stands alone. */
  readonly list: object | null
}

/** The scope of a root record that is being created. */
export const newRoot: DataScope = {
  path: [],
  filter: null,
  branches: [],
  optional: false,
  creates: true,
  list: null,
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
  const changes = planScalars(model, own, inside)
  const groups = new Map<KeyGroup, readonly Slot[]>()
  for (const [group, change] of changes) if (change.slots.length > 0) groups.set(group, change.slots)
  // In the order of Prisma's inserts: first the records that this one points to, then itself, then those that point to it.
  planRelations(model, own, plan, inside, (relation) => relation.fields.length > 0)
  if (model.encrypted) {
    const { path, branches, optional, list } = scope
    plan.created.push({ model, data: own, path, groups, branches, optional, list: list ?? own })
  }
  planRelations(model, own, plan, inside, (relation) => relation.fields.length === 0)
  return own
}

/** Plans a list of new records, as in `createMany`. A single object stays a single object, as Prisma accepts it. */
export function planCreateList(model: RecordModel, data: unknown, plan: DataPlan, scope = newRoot): unknown {
  const list = Array.isArray(data) ? data : null
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
  const changes = planScalars(model, own, inside)
  planRelations(model, own, plan, inside, () => true)
  const seals = [...changes.values()].some(({ slots }) => slots.length > 0)
  return { own, changed: seals ? { model, data: own, groups: changes } : null }
}

function planScalars(
  model: RecordModel,
  own: OwnArgs,
  scope: DataScope,
): Map<KeyGroup, { slots: Slot[]; cleared: SealedField[] }> {
  const changes = new Map<KeyGroup, { slots: Slot[]; cleared: SealedField[] }>()
  for (const [name, value] of Object.entries(own)) {
    if (isAbsent(value)) continue
    if (model.groupByColumn.has(name)) throw managedColumn(`${model.name}.${name}`)
    const field = model.fields.get(name)
    if (!field) continue
    const plain = scope.creates ? value : settledValue(field, value)
    if (isAbsent(plain)) continue
    const change = changes.get(field.group) ?? { slots: [], cleared: [] }
    changes.set(field.group, change)
    if (isStoredNull(plain)) change.cleared.push(field)
    else change.slots.push({ field, data: own, value: plain })
  }
  return changes
}

function planRelations(
  model: RecordModel,
  own: OwnArgs,
  plan: DataPlan,
  scope: DataScope,
  included: (relation: RelationField) => boolean,
): void {
  for (const [name, value] of Object.entries(own)) {
    const relation = model.relation(name)
    if (!relation || !isArgs(value) || !included(relation.field)) continue
    checkNestedContext(model, name, value, scope)
    own[name] = planNested(relation.model, value, plan, {
      ...scope,
      path: [...scope.path, { relation: name, list: relation.field.list }],
      filter: scope.filter && childFilter(model, name, scope.filter),
    })
  }
}

/** The nested writes of one relation, each verb with its own grammar. */
function planNested(model: RecordModel, verbs: Args, plan: DataPlan, scope: DataScope): OwnArgs {
  const own: OwnArgs = { ...verbs }
  for (const [verb, value] of Object.entries(verbs)) {
    if (isAbsent(value)) continue
    switch (verb) {
      case 'create':
        own[verb] = planCreateList(model, value, plan, scope)
        break
      case 'createMany':
        if (isArgs(value)) {
          const optional = scope.optional || Boolean(value['skipDuplicates'])
          own[verb] = { ...value, data: planCreateList(model, value['data'], plan, { ...scope, optional }) }
        }
        break
      case 'connectOrCreate':
        own[verb] = mapOneOrMany(value, (item) => {
          if (!isArgs(item)) return item
          checkWhere(model, item['where'])
          return {
            ...item,
            create: planCreateData(model, item['create'], plan, { ...scope, optional: true }),
          }
        })
        break
      case 'connect':
      case 'set':
      case 'disconnect':
      case 'delete':
      case 'deleteMany':
        for (const where of asList(value)) checkWhere(model, where)
        break
      case 'update':
      case 'updateMany':
        own[verb] = mapOneOrMany(value, (item) => planNestedUpdate(model, verb, item, own, plan, scope))
        break
      case 'upsert':
        own[verb] = mapOneOrMany(value, (item) => planNestedUpsert(model, item, own, plan, scope))
        break
      default:
        throw unsupported(
          `${model.name}`,
          `the nested write '${verb}'`,
          'Use one of Prisma’s own nested writes.',
        )
    }
  }
  return own
}

/** `{ where, data }`, or for a relation to one record the bare data, which becomes `{ data }`. */
function planNestedUpdate(
  model: RecordModel,
  verb: 'update' | 'updateMany',
  item: unknown,
  verbs: OwnArgs,
  plan: DataPlan,
  scope: DataScope,
): unknown {
  if (!isArgs(item)) return item
  const { scalars, relations } = model.definition
  const wrapped = isArgs(item['data']) && !('data' in scalars) && !('data' in relations)
  if (wrapped) checkWhere(model, item['where'])
  const filter = scope.filter && narrowed(scope.filter, wrapped ? plainWhere(model, item['where']) : {})
  const given = wrapped ? item['data'] : item
  const { own: data, changed } = planUpdateData(model, given, plan, { ...scope, filter })
  const own: OwnArgs = wrapped ? { ...item, data } : { data }
  if (changed && filter) {
    const list = scope.path.at(-1)?.list ?? false
    plan.nested.push({ changed, filter, site: { verb, verbs, item: own, list }, branches: scope.branches })
  }
  return wrapped || changed ? own : data
}

function planNestedUpsert(
  model: RecordModel,
  item: unknown,
  verbs: OwnArgs,
  plan: DataPlan,
  scope: DataScope,
): unknown {
  if (!isArgs(item)) return item
  checkWhere(model, item['where'])
  const own: OwnArgs = { ...item }
  const filter = scope.filter && narrowed(scope.filter, plainWhere(model, item['where']))
  const onSide = (side: Branch['side']) => ({
    optional: true,
    branches: [...scope.branches, { item: own, side }],
  })
  const update = planUpdateData(model, item['update'], plan, { ...scope, filter, ...onSide('update') })
  own['update'] = update.own
  own['create'] = planCreateData(model, item['create'], plan, { ...scope, ...onSide('create') })
  if (update.changed && filter) {
    const list = scope.path.at(-1)?.list ?? false
    const site = { verb: 'upsert', verbs, item: own, list } as const
    plan.nested.push({ changed: update.changed, filter, site, branches: scope.branches })
  }
  return own
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

/** Relation writes that give existing records of the other side another foreign key. */
const movingVerbs = ['connect', 'connectOrCreate', 'set', 'disconnect']

/**
 * Connecting from the side without the foreign key writes it on the other side, where it may be part of a context.
 * A new record in a relation to one also takes the place of the old one, whose foreign key becomes null.
 */
function checkNestedContext(model: RecordModel, relation: string, verbs: Args, scope: DataScope): void {
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

function checkContextUnchanged(model: RecordModel, data: Args): void {
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

function mapOneOrMany(value: unknown, map: (item: unknown) => unknown): unknown {
  return Array.isArray(value) ? value.map(map) : map(value)
}
