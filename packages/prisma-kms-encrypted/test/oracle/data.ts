/** Arbitrary `data` of new and of existing records, with nested writes of every kind. */
import fc from 'fast-check'
import type { IdPlaceholder, WherePlaceholder } from './descriptions.js'
import { avoided, landed } from './features.js'
import { fixtureModels, foreignKeysOf, type FixtureRelation, type ModelName } from './fixture-models.js'
import { always, sometimes, sparse, weighted, type SparseProperty } from './sparse.js'
import { freshMarker, index, optionalSecret, plainValue, secret } from './values.js'
import { conditions } from './where.js'

type Properties = Record<string, SparseProperty>

const memo = new Map<string, fc.Arbitrary<object>>()

/** The arbitraries refer to each other at every depth; each is built once. */
function memoized(key: string, build: () => fc.Arbitrary<object>): fc.Arbitrary<object> {
  const known = memo.get(key)
  if (known) return known
  const built = build()
  memo.set(key, built)
  return built
}

/** A `where` that names one row; through `relation` preferably one that the record at hand is related to. */
export function uniqueWhere(model: ModelName, relation?: string): fc.Arbitrary<WherePlaceholder> {
  const { uniques, indexedUniques = [] } = fixtureModels[model]
  const names = [undefined, ...uniques, ...indexedUniques]
  return fc
    .record({
      index: index(),
      by: weighted(...names.map((name, at) => [at === 0 ? 4 : 1, fc.constant(name)] as const)),
      near: weighted([5, fc.constant(true)], [1, fc.constant(false)]),
    })
    .map(({ index: at, by, near }) => ({
      $where: model,
      index: at,
      ...(by === undefined ? {} : { by }),
      ...(relation !== undefined && near ? { relation } : {}),
    }))
}

/** Data of a new record. `from`: the relation of this model that its parent record fills. */
export function createData(model: ModelName, depth: number, from?: string): fc.Arbitrary<object> {
  return memoized(`create ${model} ${depth} ${from ?? ''}`, () =>
    weighted(
      [1, createDataIn('checked', model, depth, from)],
      [1, createDataIn('unchecked', model, depth, from)],
    ),
  )
}

function createDataIn(mode: 'checked' | 'unchecked', model: ModelName, depth: number, from?: string) {
  const { relations, id } = fixtureModels[model]
  const properties: Properties = newScalars(model)
  if (id === 'Uuid') properties['id'] = sometimes(10, fc.constant({ $fresh: 'uuid' }))
  if (id === 'Int' && mode === 'unchecked') properties['id'] = sometimes(4, fc.constant({ $fresh: 'id' }))
  if (id === 'BigInt' && mode === 'unchecked')
    properties['id'] = sometimes(4, fc.constant({ $fresh: 'bigId' }))
  for (const [name, relation] of Object.entries(relations)) {
    if (name === from) continue
    if (relation.kind === 'toOne') {
      if (mode === 'unchecked') foreignKey(properties, relation)
      else {
        const verbs = newToOne(relation, depth)
        properties[name] = relation.required ? always(verbs) : sometimes(35, verbs)
      }
    } else if (depth > 0) properties[name] = sometimes(25, newChildren(relation, depth))
  }
  return sparse(properties)
}

/** Data of one row of `createMany`: no relations. */
export function flatData(model: ModelName, from?: string): fc.Arbitrary<object> {
  return memoized(`flat ${model} ${from ?? ''}`, () => {
    const properties = newScalars(model)
    for (const [name, relation] of Object.entries(fixtureModels[model].relations)) {
      if (relation.kind === 'toOne' && name !== from) foreignKey(properties, relation)
    }
    return sparse(properties)
  })
}

function newScalars(model: ModelName): Properties {
  const { marker, secrets, plain } = fixtureModels[model]
  const properties: Properties = { [marker]: always(fc.constant(freshMarker(model))) }
  for (const [name, { kind, required }] of Object.entries(secrets)) {
    properties[name] = required ? always(secret(kind)) : sometimes(60, optionalSecret(kind))
  }
  for (const [name, type] of Object.entries(plain)) {
    properties[name] = sometimes(type === 'date' ? 10 : 40, plainValue(type))
  }
  return properties
}

function foreignKey(properties: Properties, relation: FixtureRelation): void {
  if (relation.foreignKey === undefined) return
  const value = index().map((at): IdPlaceholder => ({ $id: relation.model, index: at }))
  properties[relation.foreignKey] = relation.required
    ? always(value)
    : sometimes(40, weighted<unknown>([9, value], [1, fc.constant(null)]))
}

function newToOne({ model, inverse }: FixtureRelation, depth: number): fc.Arbitrary<object> {
  const where = uniqueWhere(model)
  return weighted<object>(
    [5, fc.record({ connect: where })],
    [
      depth > 0 ? 3 : 0,
      depth > 0 ? fc.record({ create: createData(model, depth - 1, inverse) }) : fc.constant({}),
    ],
    [depth > 0 ? 2 : 0, depth > 0 ? connectOrCreate(model, depth, inverse) : fc.constant({})],
  )
}

function connectOrCreate(model: ModelName, depth: number, inverse: string): fc.Arbitrary<object> {
  const one = fc.record({ where: uniqueWhere(model), create: createData(model, depth - 1, inverse) })
  return fc.record({ connectOrCreate: one })
}

/** Nested writes under a record that is new itself. */
function newChildren({ model, inverse, kind }: FixtureRelation, depth: number): fc.Arbitrary<object> {
  const child = createData(model, depth - 1, inverse)
  const one = fc.record({ where: uniqueWhere(model), create: child })
  if (kind === 'reverseOne') {
    return weighted<object>(
      [4, fc.record({ create: child })],
      [1, fc.record({ connect: uniqueWhere(model) })],
      [1, fc.record({ connectOrCreate: one })],
    )
  }
  const verbs: Properties = {
    create: sometimes(60, newList(model, depth - 1, inverse)),
    connect: sometimes(25, oneOrMany(uniqueWhere(model))),
    connectOrCreate: sometimes(20, oneOrMany(one)),
  }
  if (kind === 'many') verbs['createMany'] = sometimes(25, createMany(model, inverse))
  return sparse(verbs)
}

/** One new record or several; Prisma accepts no list that mixes checked and unchecked data. */
function newList(model: ModelName, depth: number, from: string): fc.Arbitrary<object> {
  return memoized(`list ${model} ${depth} ${from}`, () =>
    weighted<object>(
      [1, oneOrMany(createDataIn('checked', model, depth, from))],
      [1, oneOrMany(createDataIn('unchecked', model, depth, from))],
    ),
  )
}

function createMany(model: ModelName, from: string): fc.Arbitrary<object> {
  return sparse({
    data: always(fc.array(flatData(model, from), { minLength: 1, maxLength: 3 })),
    skipDuplicates: sometimes(30, fc.boolean()),
  })
}

function oneOrMany(value: fc.Arbitrary<object>): fc.Arbitrary<object> {
  return weighted<object>([3, value], [2, fc.array(value, { minLength: 1, maxLength: 3 })])
}

/** Data of a record that exists. `nested`: it is written through a relation. */
export function updateData(
  model: ModelName,
  depth: number,
  from?: string,
  nested = false,
): fc.Arbitrary<object> {
  return memoized(`update ${model} ${depth} ${from ?? ''} ${nested}`, () =>
    weighted(
      [1, updateDataIn('checked', model, depth, from, nested)],
      [1, updateDataIn('unchecked', model, depth, from, nested)],
    ),
  )
}

function updateDataIn(
  mode: 'checked' | 'unchecked',
  model: ModelName,
  depth: number,
  from: string | undefined,
  nested: boolean,
): fc.Arbitrary<object> {
  const properties = changedScalars(model, !nested || landed.nestedUpdateOfSecrets)
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
  const data = sparse(properties)
  return avoided.selfMoves ? data.map(withoutSelfMoves) : data
}

function withoutSelfMoves(data: Readonly<Record<string, unknown>>): object {
  const { replies: _, referrals: __, ...rest } = data
  return ['parent', 'parentId', 'referrer', 'referrerId'].some((name) => name in data) ? rest : data
}

/** A context column never changes; that is a refusal of its own. */
function isPartOfId(model: ModelName, { foreignKey: field }: FixtureRelation): boolean {
  return fixtureModels[model].id === 'Compound' && foreignKeysOf(model).some((key) => key.field === field)
}

/** Scalars of an `update`; bare values and `{ set }`, on Json only bare ones (`{ set }` is content there). */
export function changedScalars(model: ModelName, withSecrets: boolean): Properties {
  const { marker, markerType, secrets, plain, id } = fixtureModels[model]
  const properties: Properties = {}
  const orSet = (value: fc.Arbitrary<unknown>) =>
    weighted<unknown>([3, value], [1, value.map((set) => ({ set }))])
  if (withSecrets) {
    for (const [name, { kind, required }] of Object.entries(secrets)) {
      const value = required ? secret(kind) : optionalSecret(kind)
      properties[name] = sometimes(35, kind === 'json' ? value : orSet(value))
    }
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
export function manyScalars(model: ModelName, withSecrets: boolean): Properties {
  const { marker, markerType } = fixtureModels[model]
  const properties = changedScalars(model, withSecrets)
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
  const changed = depth > 0 ? updateData(model, depth - 1, inverse, true) : fc.constant({})
  return weighted<object>(
    [4, newToOne(relation, depth)],
    [required ? 0 : 2, fc.constant({ disconnect: true })],
    [required ? 0 : 1, fc.constant({ delete: true })],
    [depth > 0 ? 2 : 0, toOneUpdate(changed, model)],
    [
      depth > 0 && (landed.nestedUpdateOfSecrets || Object.keys(fixtureModels[model].secrets).length === 0)
        ? 1
        : 0,
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

function withoutEmptyUpdates(verbs: Readonly<Record<string, unknown>>): object {
  const { update, ...rest } = verbs
  if (update === undefined || rest['upsert'] === undefined) return verbs
  const filled = [update].flat().filter((one) => Object.keys((one as { data: object }).data).length > 0)
  return filled.length > 0 ? { ...rest, update: filled } : rest
}

/** Nested writes under a record that exists. */
function changedChildren(name: string, relation: FixtureRelation, depth: number): fc.Arbitrary<object> {
  const { model, inverse, kind, required } = relation
  const child = createData(model, depth - 1, inverse)
  const changed = updateData(model, depth - 1, inverse, true)
  const own = uniqueWhere(model, name)
  const withUpsert = landed.nestedUpdateOfSecrets || Object.keys(fixtureModels[model].secrets).length === 0
  if (kind === 'reverseOne') {
    return weighted<object>(
      [2, newChildren(relation, depth)],
      [1, fc.constant({ delete: true })],
      [2, toOneUpdate(changed, model)],
      [withUpsert ? 2 : 0, fc.record({ upsert: fc.record({ create: child, update: changed }) })],
    )
  }
  const flat = sparse(manyScalars(model, landed.nestedUpdateOfSecrets))
  const verbs: Properties = {
    create: sometimes(25, newList(model, depth - 1, inverse)),
    connect: sometimes(15, oneOrMany(uniqueWhere(model))),
    connectOrCreate: sometimes(12, oneOrMany(fc.record({ where: uniqueWhere(model, name), create: child }))),
    delete: sometimes(10, oneOrMany(own)),
    deleteMany: sometimes(10, oneOrMany(conditions(model, 0))),
    update: sometimes(20, oneOrMany(fc.record({ where: own, data: changed }))),
  }
  if (kind === 'many') {
    verbs['createMany'] = sometimes(10, createMany(model, inverse))
    verbs['updateMany'] = sometimes(10, oneOrMany(fc.record({ where: conditions(model, 0), data: flat })))
  }
  if (!required) {
    verbs['set'] = sometimes(10, weighted<object>([3, fc.array(own, { maxLength: 3 })], [1, fc.constant([])]))
    verbs['disconnect'] = sometimes(15, oneOrMany(own))
  }
  if (withUpsert) {
    const upsert = fc.record({ where: own, create: child, update: changed })
    verbs['upsert'] = sometimes(15, oneOrMany(upsert))
  }
  return avoided.emptyUpdates ? sparse(verbs).map(withoutEmptyUpdates) : sparse(verbs)
}
