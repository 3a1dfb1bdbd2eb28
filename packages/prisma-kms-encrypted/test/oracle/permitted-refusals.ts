/** The refusals that depend on the data: calls that the library may refuse, or carry out as plain Prisma would. */
import { inspect } from 'node:util'
import { fixtureModels, type ModelName } from './fixture-models.js'

type Args = Readonly<Record<string, unknown>>

/** A relation's writes that change encrypted values of records which the same call may add to the relation. */
const changing = ['update', 'updateMany', 'upsert']
const adding = ['create', 'createMany', 'connect', 'connectOrCreate', 'set']

/** Writes that may take away the record that an upsert of the same relation changes. */
const removing = ['delete', 'deleteMany', 'disconnect', 'set']

/** Writes that would move a record whose foreign key is part of its id, and so of its encryption context. */
const moving = ['connect', 'connectOrCreate', 'set', 'disconnect']

/** @returns the codes with which a call with these arguments may be refused; none: it has to be carried out */
export function permittedRefusals(model: ModelName, args: Args): ReadonlySet<string> {
  const all = [args['data'], args['update'], args['create']]
  const codes = new Set<string>()
  if (all.some((data) => mixesAdditions(model, data))) codes.add('KMS:UNSUPPORTED_OPERATION')
  if (all.some((data) => movesIds(model, data))) codes.add('KMS:CONTEXT_COLUMN_IMMUTABLE')
  return codes
}

function movesIds(model: ModelName, data: unknown): boolean {
  return someVerbs(model, data, (target, verbs) => {
    return fixtureModels[target].id === 'Compound' && moving.some((verb) => verb in verbs)
  })
}

function mixesAdditions(model: ModelName, data: unknown): boolean {
  return someVerbs(model, data, (target, verbs, moved) => {
    const removes = removing.some((verb) => verb in verbs) || namesTwice(verbs['upsert'])
    if (removes && writesSecrets(target, verbs['upsert'])) return true
    if (dependsOnOrder(target, verbs)) return true
    const adds = moved || adding.some((verb) => verb in verbs)
    return adds && changing.some((verb) => writesSecrets(target, verbs[verb]))
  })
}

/** Whether an earlier write decides which records an `updateMany` changes, or an upsert cannot keep its place as an update. */
function dependsOnOrder(target: ModelName, verbs: Args): boolean {
  const names = Object.keys(verbs)
  const at = (verb: string) => names.indexOf(verb)
  if (!('updateMany' in verbs)) return false
  if ('upsert' in verbs && writesSecrets(target, verbs['upsert'])) {
    const [start = 0, end = 0] = [at('update'), at('upsert')].sort((a, b) => a - b)
    if ('update' in verbs && start < at('updateMany') && at('updateMany') < end) return true
    if (at('upsert') < at('updateMany')) return true
  }
  const earlier = names.slice(0, at('updateMany')).flatMap((verb) => nestedData(verbs[verb]))
  return [verbs['updateMany']].flat().some((item) => {
    const read = isArgs(item) ? fieldsIn(item['where']) : []
    const decided = earlier.flatMap(fieldsIn).some((field) => read.includes(field))
    earlier.push(...nestedData(item))
    return decided && writesSecrets(target, item)
  })
}

function fieldsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(fieldsIn)
  if (!isArgs(value)) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    ['AND', 'OR', 'NOT'].includes(name) ? fieldsIn(inner) : [name, `${name}Id`],
  )
}

/** Whether two upserts of a list are for the same record, which the first of them may create. */
function namesTwice(upserts: unknown): boolean {
  const wheres = [upserts].flat().map((item) => (isArgs(item) ? inspect(item['where']) : ''))
  return new Set(wheres).size < wheres.length
}

/** Whether the writes of some relation, at any depth, fulfil the condition. */
function someVerbs(
  model: ModelName,
  data: unknown,
  found: (target: ModelName, verbs: Args, moved: boolean) => boolean,
): boolean {
  if (Array.isArray(data)) return data.some((item) => someVerbs(model, item, found))
  if (!isArgs(data)) return false
  return Object.entries(fixtureModels[model].relations).some(
    ([name, { model: target, inverse, foreignKey = '' }]) => {
      const verbs = data[name]
      if (!isArgs(verbs)) return false
      // A record of a self relation can join its own children.
      const moved = target === model && (inverse in data || foreignKey in data)
      if (found(target, verbs, moved)) return true
      return Object.values(verbs).some((value) =>
        nestedData(value).some((one) => someVerbs(target, one, found)),
      )
    },
  )
}

/** Whether a nested update or upsert sets encrypted fields, at any depth. */
function writesSecrets(model: ModelName, value: unknown): boolean {
  return nestedData(value).some((data) => {
    if (!isArgs(data)) return false
    const { secrets, relations } = fixtureModels[model]
    return Object.entries(data).some(([name, inner]) => {
      if (name in secrets) return true
      const relation = relations[name]
      return relation && isArgs(inner) && changing.some((verb) => writesSecrets(relation.model, inner[verb]))
    })
  })
}

/** The data in a nested write, whatever its form. */
function nestedData(value: unknown): unknown[] {
  if (Array.isArray(value)) return value.flatMap(nestedData)
  if (!isArgs(value)) return []
  const inside = ['data', 'update', 'create'].flatMap((name) => (name in value ? [value[name]] : []))
  return inside.length > 0 ? inside.flat() : [value]
}

function isArgs(value: unknown): value is Args {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}
