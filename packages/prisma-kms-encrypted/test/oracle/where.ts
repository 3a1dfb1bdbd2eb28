/** Arbitrary filters: on plain fields, on relations, and the null comparisons that encrypted fields allow. */
import fc from 'fast-check'
import type { ValuePlaceholder, WherePlaceholder } from './descriptions.js'
import { fixtureModels, type IndexedKind, type ModelName } from './fixture-models.js'
import { isIndexedKind } from './indexed-values.js'
import { weighted } from './sparse.js'
import { index, knownIndexed, secret } from './values.js'

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

/** A `where` of up to `depth` relations and combinations. */
export function conditions(model: ModelName, depth: number): fc.Arbitrary<object> {
  const { relations } = fixtureModels[model]
  const nested =
    depth > 0
      ? Object.entries(relations).map(([name, relation]) => {
          const inner = conditions(relation.model, depth - 1)
          if (relation.kind === 'many' || relation.kind === 'manyToMany') {
            return fc
              .tuple(fc.constantFrom('some', 'every', 'none'), inner)
              .map(([word, where]) => ({ [name]: { [word]: where } }))
          }
          return weighted<object>(
            [2, inner.map((where) => ({ [name]: where }))],
            [
              2,
              fc
                .tuple(fc.constantFrom('is', 'isNot'), inner)
                .map(([word, where]) => ({ [name]: { [word]: where } })),
            ],
            [relation.kind === 'toOne' && relation.required ? 0 : 1, fc.constant({ [name]: null })],
          )
        })
      : []
  const simple = fc.oneof(...comparisons(model))
  const one = nested.length > 0 ? weighted<object>([3, simple], [1, fc.oneof(...nested)]) : simple
  if (depth === 0) return weighted<object>([4, one], [1, fc.constant({})])
  const parts = fc.array(conditions(model, depth - 1), { minLength: 1, maxLength: 2 })
  return weighted<object>(
    [5, one],
    [1, fc.tuple(fc.constantFrom('AND', 'OR', 'NOT'), parts).map(([word, all]) => ({ [word]: all }))],
    [1, fc.tuple(simple, simple).map(([first, second]) => ({ ...first, AND: second }))],
    [1, fc.constant({})],
  )
}

function comparisons(model: ModelName): fc.Arbitrary<object>[] {
  const { marker, plain, secrets } = fixtureModels[model]
  const known = fc.nat(30).map((index): ValuePlaceholder => ({ $valueOf: model, index, field: marker }))
  const all: fc.Arbitrary<object>[] = [
    known.map((value) => ({ [marker]: value })),
    fc.array(known, { maxLength: 4 }).map((list) => ({ [marker]: { in: list } })),
    fc.array(known, { maxLength: 2 }).map((list) => ({ [marker]: { notIn: list } })),
    known.map((value) => ({ [marker]: { gte: value } })),
  ]
  for (const [name, { kind, required }] of Object.entries(secrets)) {
    if (required) continue
    if (isIndexedKind(kind) && kind !== 'city') all.push(search(kind))
    const none = kind === 'json' ? { $null: 'DbNull' } : null
    all.push(fc.constantFrom<object>({ [name]: { equals: none } }, { [name]: { not: none } }))
    if (kind !== 'json') all.push(fc.constantFrom<object>({ [name]: null }, { NOT: { [name]: null } }))
  }
  for (const [name, type] of Object.entries(plain)) {
    if (type === 'role') all.push(fc.constantFrom<object>({ [name]: 'ADMIN' }, { [name]: { not: 'MEMBER' } }))
    if (type === 'boolean') all.push(fc.boolean().map((value) => ({ [name]: value })))
    if (type === 'int') all.push(fc.integer({ min: -2, max: 2 }).map((value) => ({ [name]: { gt: value } })))
    if (type === 'text' || type === 'uniqueText')
      all.push(fc.constantFrom<object>({ [name]: null }, { [name]: { contains: '1' } }))
    if (type === 'date') all.push(fc.constant({ [name]: { lt: new Date('2010-01-01') } }))
  }
  return all
}

/** A search by a blind index; the truncated one of `city` has calls of its own. */
export function search(field: IndexedKind): fc.Arbitrary<object> {
  const value = weighted<unknown>([4, knownIndexed(field)], [1, secret(field)])
  const list = fc.array(value, { maxLength: 3 })
  const exact = fc.oneof(
    value,
    value.map((equals) => ({ equals })),
    list.map((all) => ({ in: all })),
  )
  const condition =
    field === 'city'
      ? exact
      : fc.oneof(
          exact,
          list.map((all) => ({ notIn: all })),
          value.map((not) => ({ not })),
          value.map((equals) => ({ not: { equals } })),
        )
  return condition.map((found) => ({ [field]: { $search: found } }))
}
