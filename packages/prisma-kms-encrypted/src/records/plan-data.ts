/** Walks create and update data by Prisma's grammar: finds the values to seal, and refuses what must not be written. */
import { asList, isAbsent, isArgs, isStoredNull, type Args, type OwnArgs } from './arguments.js'
import type { KeyGroup, RecordModel, SealedField } from './models.js'
import { checkWhere } from './plan-filter.js'
import { immutableContext, managedColumn, unsupported } from './refusals.js'

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

/** A record that the operation creates, with the values to seal in each key group; only records that have any. */
export interface NewRecord {
  readonly model: RecordModel
  /** The record's data in the plan's own arguments. */
  readonly data: OwnArgs
  readonly path: readonly PathStep[]
  readonly groups: ReadonlyMap<KeyGroup, readonly Slot[]>
}

/** A record that exists and gets new values in encrypted fields. */
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

/** What walking data finds. */
export interface DataPlan {
  readonly created: NewRecord[]
}

/**
 * Plans the data of a record that is to be created, nested records included.
 * @returns the data as it will be sent, with the values to seal still in place
 * @throws KmsEncryptedError `MANAGED_COLUMN`, `UNSUPPORTED_OPERATION`, `ENCRYPTED_FILTER`
 */
export function planCreateData(
  model: RecordModel,
  data: unknown,
  plan: DataPlan,
  path: readonly PathStep[] = [],
): unknown {
  if (!isArgs(data)) return data
  const { own, changes } = planFields(model, data, plan, path)
  const groups = new Map<KeyGroup, readonly Slot[]>()
  for (const [group, change] of changes) if (change.slots.length > 0) groups.set(group, change.slots)
  if (groups.size > 0) plan.created.push({ model, data: own, path, groups })
  return own
}

/** Plans a list of new records, as in `createMany`. A single object stays a single object, as Prisma accepts it. */
export function planCreateList(
  model: RecordModel,
  data: unknown,
  plan: DataPlan,
  path: readonly PathStep[] = [],
): unknown {
  return mapOneOrMany(data, (item) => planCreateData(model, item, plan, path))
}

/**
 * Plans the data of a record that exists.
 * @returns the data as it will be sent, and what changes in its key groups; `null`: no encrypted field changes
 * @throws KmsEncryptedError `MANAGED_COLUMN`, `CONTEXT_COLUMN_IMMUTABLE`, `UNSUPPORTED_OPERATION`, `ENCRYPTED_FILTER`
 */
export function planUpdateData(
  model: RecordModel,
  data: unknown,
  plan: DataPlan,
  path: readonly PathStep[] = [],
): { readonly own: unknown; readonly changed: ChangedRecord | null } {
  if (!isArgs(data)) return { own: data, changed: null }
  checkContextUnchanged(model, data)
  const { own, changes } = planFields(model, data, plan, path)
  return { own, changed: changes.size > 0 ? { model, data: own, groups: changes } : null }
}

function planFields(
  model: RecordModel,
  data: Args,
  plan: DataPlan,
  path: readonly PathStep[],
): { own: OwnArgs; changes: Map<KeyGroup, { slots: Slot[]; cleared: SealedField[] }> } {
  const own: OwnArgs = { ...data }
  const changes = new Map<KeyGroup, { slots: Slot[]; cleared: SealedField[] }>()
  for (const [name, value] of Object.entries(data)) {
    if (isAbsent(value)) continue
    if (model.groupByColumn.has(name)) throw managedColumn(`${model.name}.${name}`)
    const field = model.fields.get(name)
    if (field) {
      const plain = field.type !== 'Json' && isArgs(value) && 'set' in value ? value['set'] : value
      if (isAbsent(plain)) continue
      const change = changes.get(field.group) ?? { slots: [], cleared: [] }
      changes.set(field.group, change)
      if (isStoredNull(plain)) change.cleared.push(field)
      else change.slots.push({ field, data: own, value: plain })
      continue
    }
    const relation = model.relation(name)
    if (relation && isArgs(value)) {
      own[name] = planNested(relation.model, value, plan, [
        ...path,
        { relation: name, list: relation.field.list },
      ])
    }
  }
  return { own, changes }
}

/** The nested writes of one relation, each verb with its own grammar. */
function planNested(model: RecordModel, verbs: Args, plan: DataPlan, path: readonly PathStep[]): OwnArgs {
  const own: OwnArgs = { ...verbs }
  for (const [verb, value] of Object.entries(verbs)) {
    if (isAbsent(value)) continue
    switch (verb) {
      case 'create':
        own[verb] = planCreateList(model, value, plan, path)
        break
      case 'createMany':
        if (isArgs(value)) own[verb] = { ...value, data: planCreateList(model, value['data'], plan, path) }
        break
      case 'connectOrCreate':
        own[verb] = mapOneOrMany(value, (item) => {
          if (!isArgs(item)) return item
          checkWhere(model, item['where'])
          return { ...item, create: planCreateData(model, item['create'], plan, path) }
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
        own[verb] = mapOneOrMany(value, (item) => planNestedUpdate(model, item, plan, path))
        break
      case 'updateMany':
        own[verb] = mapOneOrMany(value, (item) => planNestedUpdate(model, item, plan, path))
        break
      case 'upsert':
        own[verb] = mapOneOrMany(value, (item) => planNestedUpsert(model, item, plan, path))
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

/** `{ where, data }`, or for a relation to one record the bare data. */
function planNestedUpdate(
  model: RecordModel,
  item: unknown,
  plan: DataPlan,
  path: readonly PathStep[],
): unknown {
  if (!isArgs(item)) return item
  const wrapped =
    isArgs(item['data']) && !('data' in model.definition.scalars) && !('data' in model.definition.relations)
  if (wrapped) checkWhere(model, item['where'])
  const { own, changed } = planUpdateData(model, wrapped ? item['data'] : item, plan, path)
  refuseNestedChange(changed)
  return wrapped ? { ...item, data: own } : own
}

function planNestedUpsert(
  model: RecordModel,
  item: unknown,
  plan: DataPlan,
  path: readonly PathStep[],
): unknown {
  if (!isArgs(item)) return item
  checkWhere(model, item['where'])
  const { own, changed } = planUpdateData(model, item['update'], plan, path)
  refuseNestedChange(changed)
  return { ...item, update: own, create: planCreateData(model, item['create'], plan, path) }
}

function refuseNestedChange(changed: ChangedRecord | null): void {
  if (!changed) return
  const [change] = changed.groups.values()
  const field = change?.slots[0]?.field.name ?? change?.cleared[0]?.name ?? ''
  throw unsupported(
    `${changed.model.name}.${field}`,
    'a nested update',
    `Update the record itself: prisma.${changed.model.delegate}.update(…).`,
  )
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
