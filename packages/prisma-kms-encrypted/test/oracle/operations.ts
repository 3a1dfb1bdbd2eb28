/** Arbitrary calls of every kind, and the sequences of steps that run them in and outside transactions. */
import fc from 'fast-check'
import { manyScalars, updateData } from './changed-data.js'
import { createData, flatData } from './new-data.js'
import type { CallDescription, SequenceDescription, StepDescription } from './descriptions.js'
import { fixtureModels, modelNames, type ModelName } from './fixture-models.js'
import { refusedCall } from './refusals.js'
import { criteria, selection, totalOrder } from './selections.js'
import { always, sometimes, sparse, weighted } from './sparse.js'
import { conditions, search, uniqueWhere } from './where.js'

const nestedDepth = 2

/** How often a model is called; users are at the centre of the fixture. */
const modelWeights: Readonly<Record<ModelName, number>> = {
  Org: 2,
  Tag: 1,
  User: 8,
  Profile: 2,
  Post: 5,
  Comment: 4,
  Device: 2,
  Membership: 2,
  AuditEntry: 3,
  Account: 6,
}

function overModels(
  build: (model: ModelName) => fc.Arbitrary<CallDescription>,
): fc.Arbitrary<CallDescription> {
  return weighted(...modelNames.map((model) => [modelWeights[model], build(model)] as const))
}

function call(
  model: ModelName,
  operation: string,
  ...parts: readonly fc.Arbitrary<object>[]
): fc.Arbitrary<CallDescription> {
  return fc.tuple(...parts).map((all) => ({
    model,
    operation,
    args: all.reduce<object>((args, part) => ({ ...args, ...part }), {}),
  }))
}

function oneOf(names: readonly string[], build: (name: string) => fc.Arbitrary<CallDescription>) {
  return fc.oneof(...names.map(build))
}

/** A `where` that names one row, sometimes with plain or null conditions beside it. */
function rowWhere(model: ModelName): fc.Arbitrary<object> {
  return weighted<object>(
    [6, uniqueWhere(model)],
    [1, fc.tuple(uniqueWhere(model), conditions(model, 0)).map(([where, also]) => ({ ...where, also }))],
  )
}

const result = (model: ModelName) => selection(model, 2)

const create = overModels((model) =>
  call(model, 'create', fc.record({ data: createData(model, nestedDepth) }), result(model)),
)

/** @param empty whether the list may be empty; in a batch Prisma itself fails on that with a TypeError */
const createMany = (empty: boolean) =>
  overModels((model) => {
    const list = weighted<object>(
      [6, fc.array(flatData(model), { minLength: 1, maxLength: 4 })],
      [1, flatData(model)],
      [empty ? 1 : 0, fc.constant([])],
    )
    const args = sparse({ data: always(list), skipDuplicates: sometimes(40, fc.boolean()) })
    return weighted(
      [1, call(model, 'createMany', args)],
      [1, call(model, 'createManyAndReturn', args, flatSelection(model))],
    )
  })

/** `createManyAndReturn` and `updateManyAndReturn` can only include to-one relations. */
function flatSelection(model: ModelName): fc.Arbitrary<object> {
  const parents = Object.entries(fixtureModels[model].relations).filter(([, { kind }]) => kind === 'toOne')
  const include = sparse(
    Object.fromEntries(parents.map(([name]) => [name, sometimes(60, fc.constant(true))])),
  )
  return weighted<object>(
    [3, selection(model, 0)],
    [parents.length > 0 ? 1 : 0, include.map((chosen) => ({ include: chosen }))],
  )
}

const update = overModels((model) =>
  call(
    model,
    'update',
    fc.record({ where: rowWhere(model), data: updateData(model, nestedDepth) }),
    result(model),
  ),
)

const remove = overModels((model) =>
  call(model, 'delete', fc.record({ where: rowWhere(model) }), result(model)),
)

const upsert = overModels((model) => {
  const args = fc.record({
    where: rowWhere(model),
    create: createData(model, 1),
    update: updateData(model, 1),
  })
  return call(model, 'upsert', args, result(model))
})

const updateMany = overModels((model) => {
  const data = sparse(manyScalars(model))
  const args = fc.record({ where: conditions(model, 1), data })
  return weighted(
    [2, call(model, 'updateMany', args)],
    [1, call(model, 'updateManyAndReturn', args, flatSelection(model))],
  )
})

const deleteMany = overModels((model) =>
  call(model, 'deleteMany', fc.record({ where: conditions(model, 1) })),
)

const findUnique = overModels((model) =>
  oneOf(['findUnique', 'findUniqueOrThrow'], (name) =>
    call(model, name, fc.record({ where: rowWhere(model) }), result(model)),
  ),
)

const find = overModels((model) =>
  weighted(
    [3, call(model, 'findMany', criteria(model, 2), result(model))],
    [
      1,
      oneOf(['findFirst', 'findFirstOrThrow'], (name) =>
        call(
          model,
          name,
          fc.record({ orderBy: totalOrder(model), where: conditions(model, 1) }),
          result(model),
        ),
      ),
    ],
  ),
)

/** The truncated index serves this only: a `findMany` without pages. */
const findTruncated = call('Account', 'findMany', fc.record({ where: search('city') }), result('Account'))

const count = overModels((model) => {
  const { secrets, plain, marker } = fixtureModels[model]
  const names = ['_all', marker, ...Object.keys(secrets), ...Object.keys(plain)]
  const chosen = sparse(Object.fromEntries(names.map((name) => [name, sometimes(50, fc.constant(true))])))
  const numbers = Object.entries(plain).flatMap(([name, type]) => (type === 'int' ? [name] : []))
  const sums = Object.fromEntries(numbers.map((name) => [name, true]))
  return weighted(
    [3, call(model, 'count', fc.record({ where: conditions(model, 1) }))],
    [1, call(model, 'count', fc.record({ where: conditions(model, 0), select: always(chosen).value }))],
    [
      2,
      call(
        model,
        'aggregate',
        fc.record({ where: conditions(model, 1), _count: chosen }),
        fc.constant(numbers.length > 0 ? { _sum: sums, _min: sums, _max: sums } : {}),
      ),
    ],
    [2, groupBy(model)],
  )
})

function groupBy(model: ModelName): fc.Arbitrary<CallDescription> {
  const { plain, marker } = fixtureModels[model]
  const by = Object.entries(plain).flatMap(([name, type]) => (type === 'date' ? [] : [name]))
  const names = by.length > 0 ? by : [marker]
  return fc
    .constantFrom(...names)
    .chain((name) =>
      call(
        model,
        'groupBy',
        fc.record({ where: conditions(model, 1) }),
        fc.constantFrom<object>(
          { by: [name], orderBy: { [name]: 'asc' }, _count: true },
          { by: [name], orderBy: { [name]: 'desc' }, _count: { _all: true } },
        ),
      ),
    )
}

/** Reads through a relation: `user.findUnique(…).posts(…)`. */
const fluent: fc.Arbitrary<CallDescription> = overModels((model) =>
  fc.oneof(
    ...Object.entries(fixtureModels[model].relations).map(([name, { model: target, kind }]) => {
      const list = kind === 'many' || kind === 'manyToMany'
      const args = list
        ? fc
            .tuple(criteria(target, 0, name), selection(target, 1))
            .map(([one, two]): object => ({ ...one, ...two }))
        : selection(target, 1)
      return fc.tuple(uniqueWhere(model), args).map(([where, chosen]): CallDescription => ({
        model,
        operation: 'findUnique',
        args: { where },
        fluent: [{ relation: name, args: chosen }],
      }))
    }),
  ),
)

const anyCall = weighted<CallDescription>(
  [10, create],
  [4, createMany(true)],
  [13, update],
  [2, upsert],
  [2, updateMany],
  [2, remove],
  [1, deleteMany],
  [5, findUnique],
  [7, find],
  [3, count],
  [1, findTruncated],
  [2, fluent],
  [2, refusedCall],
)

const reads = weighted<CallDescription>([4, findUnique], [1, find], [1, count], [1, fluent])

/** In a batch every call is described before any has run. */
const batched = weighted<CallDescription>(
  [4, create],
  [2, createMany(false)],
  [4, update],
  [1, remove],
  [2, findUnique],
  [2, find],
  [1, count],
)

const step: fc.Arbitrary<StepDescription> = weighted<StepDescription>(
  [12, anyCall.map((one): StepDescription => ({ step: 'call', call: one }))],
  [
    2,
    fc
      .tuple(
        fc.array(anyCall, { minLength: 1, maxLength: 5 }),
        weighted([2, fc.constant(false)], [1, fc.constant(true)]),
      )
      .map(([calls, rollback]): StepDescription => ({ step: 'interactive', calls, rollback })),
  ],
  [
    2,
    fc
      .array(batched, { minLength: 1, maxLength: 4 })
      .map((calls): StepDescription => ({ step: 'batch', calls })),
  ],
  [
    1,
    fc
      .array(reads, { minLength: 2, maxLength: 4 })
      .map((calls): StepDescription => ({ step: 'together', calls })),
  ],
)

/** A sequence of up to `length` operations; most start from a few records. */
export function sequences(length: number): fc.Arbitrary<SequenceDescription> {
  return fc.record({
    pool: weighted<'one' | 'many'>([1, fc.constant('many' as const)], [1, fc.constant('one' as const)]),
    setup: weighted<SequenceDescription['setup']>(
      [3, fc.constant('default' as const)],
      [1, fc.constant('after-insert' as const)],
      [1, fc.constant('omit-keys' as const)],
    ),
    start: weighted<SequenceDescription['start']>(
      [9, fc.constant('rows' as const)],
      [1, fc.constant('empty' as const)],
    ),
    steps: fc
      .array(step, { minLength: 1, maxLength: length, size: 'max' })
      .map((steps) => upTo(length, steps)),
  })
}

/** Counts the calls of all steps, so that no sequence has more than `length`. */
function upTo(length: number, steps: readonly StepDescription[]): StepDescription[] {
  let calls = 0
  return steps.filter((one) => (calls += one.step === 'call' ? 1 : one.calls.length) <= length)
}
