/** Arbitrary `select`, `include` and `omit`, with nested criteria; and the criteria of reads themselves. */
import fc from 'fast-check'
import { fixtureModels, type FixtureRelation, type ModelName } from './fixture-models.js'
import { always, sometimes, sparse, weighted, type SparseProperty } from './sparse.js'
import { conditions, uniqueWhere } from './where.js'

/** An order on plain fields that leaves no two rows equal, so that results compare in order. */
export function totalOrder(model: ModelName): fc.Arbitrary<object> {
  const { marker, plain } = fixtureModels[model]
  const direction = fc.constantFrom('asc', 'desc')
  const last = direction.map((word) => ({ [marker]: word }))
  const before = Object.entries(plain).flatMap(([name, type]) =>
    type === 'role' || type === 'boolean' || type === 'int'
      ? [direction.map((word) => ({ [name]: word }))]
      : [],
  )
  const relations = Object.entries(fixtureModels[model].relations).flatMap(([name, relation]) =>
    relation.kind === 'many' ? [direction.map((word) => ({ [name]: { _count: word } }))] : [],
  )
  const first = [...before, ...relations]
  if (first.length === 0) return last
  return weighted<object>([2, last], [1, fc.tuple(fc.oneof(...first), last).map((all): object => all)])
}

/** The criteria of a list: `where`, and pages only together with a total order. */
export function criteria(model: ModelName, depth: number, relation?: string): fc.Arbitrary<object> {
  const page = sparse({
    orderBy: always(totalOrder(model)),
    where: sometimes(40, conditions(model, depth)),
    take: sometimes(50, fc.constantFrom(1, 2, 5, -1, -2, 0)),
    skip: sometimes(30, fc.nat(2)),
    cursor: sometimes(20, uniqueWhere(model, relation)),
    distinct: sometimes(15, fc.constantFrom(...distinctNames(model))),
  })
  return weighted<object>([3, page], [3, sparse({ where: sometimes(70, conditions(model, depth)) })])
}

function distinctNames(model: ModelName): readonly (string | readonly string[])[] {
  const { marker, plain } = fixtureModels[model]
  const names = Object.entries(plain).flatMap(([name, type]) => (type === 'date' ? [] : [name]))
  return [marker, ...names, [marker, ...names]]
}

/** `select`, `include` or `omit` of a result, or none of them. */
export function selection(model: ModelName, depth: number): fc.Arbitrary<object> {
  return weighted<object>(
    [3, fc.constant({})],
    [3, select(model, depth).map((chosen) => ({ select: chosen }))],
    [depth > 0 ? 3 : 0, depth > 0 ? include(model, depth) : fc.constant({})],
    [1, omit(model).map((chosen) => ({ omit: chosen }))],
  )
}

function select(model: ModelName, depth: number): fc.Arbitrary<object> {
  const properties: Record<string, SparseProperty> = {}
  for (const name of scalarNames(model)) properties[name] = sometimes(35, fc.constant(true))
  if (depth > 0) Object.assign(properties, nested(model, depth, 20))
  const { marker } = fixtureModels[model]
  // An empty selection is Prisma's own error, once in a while.
  return weighted<object>(
    [12, sparse(properties).map((chosen) => (Object.keys(chosen).length > 0 ? chosen : { [marker]: true }))],
    [1, sparse(properties)],
  )
}

function include(model: ModelName, depth: number): fc.Arbitrary<object> {
  return fc
    .tuple(
      sparse(nested(model, depth, 40)),
      weighted<object | null>([4, fc.constant(null)], [1, omit(model)]),
    )
    .map(([chosen, omitted]) => ({ include: chosen, ...(omitted ? { omit: omitted } : {}) }))
}

/** Never every field: the key columns, which the twins lack, would remain on one side only. */
function omit(model: ModelName): fc.Arbitrary<object> {
  const names = scalarNames(model).filter((name) => name !== fixtureModels[model].marker)
  return sparse(Object.fromEntries(names.map((name) => [name, sometimes(25, fc.constant(true))])))
}

function nested(model: ModelName, depth: number, percent: number): Record<string, SparseProperty> {
  const properties: Record<string, SparseProperty> = {}
  const { relations } = fixtureModels[model]
  for (const [name, relation] of Object.entries(relations)) {
    properties[name] = sometimes(percent, nestedRead(name, relation, depth))
  }
  const lists = Object.entries(relations).filter(([, { kind }]) => kind === 'many' || kind === 'manyToMany')
  if (lists.length > 0) {
    const counted = sparse(
      Object.fromEntries(
        lists.map(([name, relation]) => [
          name,
          sometimes(
            60,
            weighted<unknown>(
              [2, fc.constant(true)],
              [1, fc.record({ where: conditions(relation.model, 0) })],
            ),
          ),
        ]),
      ),
    ).map((chosen) => (Object.keys(chosen).length > 0 ? { select: chosen } : true))
    properties['_count'] = sometimes(20, weighted<unknown>([1, fc.constant(true)], [1, counted]))
  }
  return properties
}

function nestedRead(name: string, relation: FixtureRelation, depth: number): fc.Arbitrary<unknown> {
  const { model, kind } = relation
  const chosen = selection(model, depth - 1)
  if (kind === 'toOne' || kind === 'reverseOne') return weighted<unknown>([1, fc.constant(true)], [1, chosen])
  const args = fc.tuple(criteria(model, 0, name), chosen).map(([first, second]) => ({ ...first, ...second }))
  return weighted<unknown>([1, fc.constant(true)], [2, args])
}

function scalarNames(model: ModelName): readonly string[] {
  const { marker, secrets, plain, relations, id } = fixtureModels[model]
  const keys = Object.values(relations).flatMap(({ kind, foreignKey }) =>
    kind === 'toOne' && foreignKey !== undefined ? [foreignKey] : [],
  )
  return [
    ...new Set([
      ...(id === 'Compound' ? [] : ['id']),
      marker,
      ...Object.keys(secrets),
      ...Object.keys(plain),
      ...keys,
    ]),
  ]
}
