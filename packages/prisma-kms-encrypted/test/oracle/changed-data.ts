/** Arbitrary `data` of records that exist, with nested writes of every kind. */
import fc from 'fast-check'
import type { IdPlaceholder } from './descriptions.js'
import { fixtureModels, foreignKeysOf, type FixtureRelation, type ModelName } from './fixture-models.js'
import { createData, createMany, memoized, newChildren, newList, newToOne, oneOrMany } from './new-data.js'
import { sometimes, sparse, weighted, type SparseProperty } from './sparse.js'
import { freshMarker, index, optionalSecret, plainValue, secret } from './values.js'
import { conditions, uniqueWhere } from './where.js'

type Properties = Record<string, SparseProperty>

/** Data of a record that exists. */
export function updateData(model: ModelName, depth: number, from?: string): fc.Arbitrary<object> {
  return memoized(`update ${model} ${depth} ${from ?? ''}`, () =>
    weighted(
      [1, updateDataIn('checked', model, depth, from)],
      [1, updateDataIn('unchecked', model, depth, from)],
    ),
  )
}

function updateDataIn(
  mode: 'checked' | 'unchecked',
  model: ModelName,
  depth: number,
  from: string | undefined,
): fc.Arbitrary<object> {
  const properties = changedScalars(model)
  for (const [name, relation] of Object.entries(fixtureModels[model].relations)) {
    if (name === from) continue
    if (relation.kind === 'toOne') {
      if (isPartOfId(model, relation)) continue
      if (mode === 'checked') properties[name] = sometimes(20, changedToOne(relation, depth))
      else if (relation.foreignKey !== undefined) {
        const value = index().map((at): IdPlaceholder => ({ $id: relation.model, index: at }))
        properties[relation.foreignKey] = sometimes(
          20,
          relation.required ? value : weighted<unknown>([3, value], [1, fc.constant(null)]),
        )
      }
    } else if (depth > 0) properties[name] = sometimes(18, changedChildren(name, relation, depth))
  }
  return sparse(properties)
}

/** A context column never changes; that is a refusal of its own. */
function isPartOfId(model: ModelName, { foreignKey: field }: FixtureRelation): boolean {
  return fixtureModels[model].id === 'Compound' && foreignKeysOf(model).some((key) => key.field === field)
}

/** Scalars of an `update`; bare values and `{ set }`, on Json only bare ones (`{ set }` is content there). */
function changedScalars(model: ModelName): Properties {
  const { marker, markerType, secrets, plain, id } = fixtureModels[model]
  const properties: Properties = {}
  const orSet = (value: fc.Arbitrary<unknown>) =>
    weighted<unknown>([3, value], [1, value.map((set) => ({ set }))])
  for (const [name, { kind, required }] of Object.entries(secrets)) {
    const value = required ? secret(kind) : optionalSecret(kind)
    properties[name] = sometimes(35, kind === 'json' ? value : orSet(value))
  }
  if (markerType === 'text') properties[marker] = sometimes(10, orSet(fc.constant(freshMarker(model))))
  else if (id !== 'Compound') {
    // Steps of a million keep the rest of the number, by which a new row is paired.
    properties[marker] = sometimes(20, fc.constantFrom({ increment: 1_000_000 }, { increment: 2_000_000 }))
  }
  for (const [name, type] of Object.entries(plain)) {
    const value = plainValue(type)
    const change = type === 'int' ? weighted<unknown>([1, orSet(value)], [1, counting(value)]) : orSet(value)
    properties[name] = sometimes(type === 'date' ? 8 : 15, change)
  }
  return properties
}

/** Scalars of an `updateMany`: without a text marker, which tells records apart. */
export function manyScalars(model: ModelName): Properties {
  const { marker, markerType } = fixtureModels[model]
  const properties = changedScalars(model)
  return Object.fromEntries(
    Object.entries(properties).filter(([name]) => name !== marker || markerType === 'int'),
  )
}

function counting(value: fc.Arbitrary<unknown>): fc.Arbitrary<object> {
  return fc
    .tuple(fc.constantFrom('increment', 'decrement', 'multiply'), value)
    .map(([verb, by]) => ({ [verb]: by }))
}

function changedToOne(relation: FixtureRelation, depth: number): fc.Arbitrary<object> {
  const { model, inverse, required } = relation
  const changed = depth > 0 ? updateData(model, depth - 1, inverse) : fc.constant({})
  return weighted<object>(
    [4, newToOne(relation, depth)],
    [required ? 0 : 2, fc.constant({ disconnect: true })],
    [required ? 0 : 1, fc.constant({ delete: true })],
    [depth > 0 ? 2 : 0, toOneUpdate(changed, model)],
    [
      depth > 0 ? 1 : 0,
      depth > 0
        ? fc.record({ upsert: fc.record({ create: createData(model, depth - 1, inverse), update: changed }) })
        : fc.constant({}),
    ],
  )
}

/** The bare data, or data with a condition. */
function toOneUpdate(data: fc.Arbitrary<object>, model: ModelName): fc.Arbitrary<object> {
  return weighted<object>(
    [2, fc.record({ update: data })],
    [1, fc.record({ update: fc.record({ where: conditions(model, 0), data }) })],
  )
}

/** Prisma ignores a whole list of updates of which one has nothing to write, errors included. */
function withoutEmptyElements(update: object): object {
  if (!Array.isArray(update)) return update
  const filled = (update as readonly { data: object }[]).filter(({ data }) => writesSomething(data))
  return filled.length > 0 ? filled : { ...(update as readonly object[])[0] }
}

function writesSomething(data: object): boolean {
  return Object.values(data).some((value: unknown) => {
    const isObject = typeof value === 'object' && value !== null && !(value instanceof Date)
    return !isObject || Object.keys(value).length > 0
  })
}

/** Nested writes under a record that exists. */
function changedChildren(name: string, relation: FixtureRelation, depth: number): fc.Arbitrary<object> {
  const { model, inverse, kind, required } = relation
  const child = createData(model, depth - 1, inverse)
  const changed = updateData(model, depth - 1, inverse)
  const own = uniqueWhere(model, name)
  if (kind === 'reverseOne') {
    return weighted<object>(
      [2, newChildren(relation, depth)],
      [1, fc.constant({ delete: true })],
      [2, toOneUpdate(changed, model)],
      [2, fc.record({ upsert: fc.record({ create: child, update: changed }) })],
    )
  }
  const flat = sparse(manyScalars(model))
  const verbs: Properties = {
    create: sometimes(25, newList(model, depth - 1, inverse)),
    connect: sometimes(15, oneOrMany(uniqueWhere(model))),
    connectOrCreate: sometimes(12, oneOrMany(fc.record({ where: uniqueWhere(model, name), create: child }))),
    delete: sometimes(10, oneOrMany(own)),
    deleteMany: sometimes(16, oneOrMany(conditions(model, 0))),
    update: sometimes(20, oneOrMany(fc.record({ where: own, data: changed })).map(withoutEmptyElements)),
  }
  if (kind === 'many') {
    verbs['createMany'] = sometimes(10, createMany(model, inverse))
    verbs['updateMany'] = sometimes(16, oneOrMany(fc.record({ where: conditions(model, 0), data: flat })))
  }
  if (!required) {
    verbs['set'] = sometimes(10, weighted<object>([3, fc.array(own, { maxLength: 3 })], [1, fc.constant([])]))
    verbs['disconnect'] = sometimes(22, oneOrMany(own))
  }
  const upsert = fc.record({ where: own, create: child, update: changed })
  verbs['upsert'] = sometimes(15, oneOrMany(upsert))
  return sparse(verbs)
}
