/** Arbitrary `data` of new records, with nested writes of every kind. */
import fc from 'fast-check'
import type { IdPlaceholder } from './descriptions.js'
import { fixtureModels, type FixtureRelation, type ModelName } from './fixture-models.js'
import { always, sometimes, sparse, weighted, type SparseProperty } from './sparse.js'
import { freshMarker, index, optionalSecret, plainValue, secret } from './values.js'
import { uniqueWhere } from './where.js'

type Properties = Record<string, SparseProperty>

const memo = new Map<string, fc.Arbitrary<object>>()

/** The arbitraries refer to each other at every depth; each is built once. */
export function memoized(key: string, build: () => fc.Arbitrary<object>): fc.Arbitrary<object> {
  const known = memo.get(key)
  if (known) return known
  const built = build()
  memo.set(key, built)
  return built
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

/** Writes of a relation to one record, from a record that is new or changes. */
export function newToOne({ model, inverse }: FixtureRelation, depth: number): fc.Arbitrary<object> {
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
export function newChildren({ model, inverse, kind }: FixtureRelation, depth: number): fc.Arbitrary<object> {
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
export function newList(model: ModelName, depth: number, from: string): fc.Arbitrary<object> {
  return memoized(`list ${model} ${depth} ${from}`, () =>
    weighted<object>(
      [1, oneOrMany(createDataIn('checked', model, depth, from))],
      [1, oneOrMany(createDataIn('unchecked', model, depth, from))],
    ),
  )
}

/** A nested `createMany`. */
export function createMany(model: ModelName, from: string): fc.Arbitrary<object> {
  return sparse({
    data: always(fc.array(flatData(model, from), { minLength: 1, maxLength: 3 })),
    skipDuplicates: sometimes(30, fc.boolean()),
  })
}

/** One or a short list, as Prisma accepts both. */
export function oneOrMany(value: fc.Arbitrary<object>): fc.Arbitrary<object> {
  return weighted<object>([3, value], [2, fc.array(value, { minLength: 1, maxLength: 3 })])
}
