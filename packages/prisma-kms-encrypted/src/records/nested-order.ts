/**
 * Keeps the nested writes of one relation in the order in which Prisma runs them, which is the order of their names in
 * the arguments, and refuses those whose outcome depends on what an earlier one of them does.
 */
import { asList, isAbsent, isArgs, type Args, type OwnArgs } from './arguments.js'
import type { ChangeSite } from './data-plan.js'
import type { RecordModel } from './models.js'
import { unsupported } from './refusals.js'

/** Writes that stand in the place of upserts. */
const moved = new WeakSet<object>()

/** Where the write that an upsert comes to goes. */
type Target = 'update' | 'updateMany' | 'connectOrCreate' | 'create'

/**
 * Puts the write that an upsert comes to in the upsert's place among the relation's nested writes.
 * @param field `Model.field` for errors
 * @throws KmsEncryptedError `UNSUPPORTED_OPERATION` where Prisma's grammar has no room for it in that place
 */
export function replaceUpsert(
  model: RecordModel,
  site: ChangeSite,
  field: string,
  wanted: Exclude<Target, 'updateMany'>,
  write: Args,
): void {
  const { verbs, given, item, list } = site
  const target = wanted === 'update' ? updateTarget(model, site, field) : wanted
  const rest = asList(verbs['upsert']).filter((other) => other !== item)
  // For a list of updates with empty data in it Prisma sends nothing at all, so those of the caller's may as well go,
  // and of ours none must come into it.
  const present = asList(verbs[target])
  const others =
    target === 'update' && asList(given[target]).some(hasEmptyData) ? present.filter(isMoved) : present
  const own = hasEmptyData(write) ? [] : [write]
  moved.add(write)
  const earlier = comesBefore(given, target, 'upsert') ? others.length : others.filter(isMoved).length
  const written = list ? [...others.slice(0, earlier), ...own, ...others.slice(earlier)] : own[0]
  const here: [string, unknown][] = written === undefined ? [] : [[target, written]]
  const entries = Object.entries(verbs).flatMap(([verb, value]): [string, unknown][] => {
    if (verb === target) return given[target] === undefined ? [] : here
    if (verb !== 'upsert') return [[verb, value]]
    const left: [string, unknown][] = rest.length > 0 ? [['upsert', rest]] : []
    return given[target] === undefined ? [...here, ...left] : left
  })
  refill(verbs, entries)
}

/** An update would run on the other side of an `updateMany` where the caller has updates there; then it becomes one of its elements. */
function updateTarget(
  model: RecordModel,
  { given, item, list }: ChangeSite,
  field: string,
): 'update' | 'updateMany' {
  if (asList(given['update']).length === 0) return 'update'
  if (!list) throw outOfOrder(field)
  if (!between(given, 'upsert', 'update').includes('updateMany')) return 'update'
  const { definition } = model
  const names = (value: unknown) => (isArgs(value) ? Object.keys(value) : [])
  const related = names(item['update']).some((name) => name in definition.relations)
  // An updateMany passes over a record that a further condition rules out, where an upsert would create another one.
  const conditional = !definition.uniques.some(({ name }) => names(item['where']).join() === name)
  if (related || conditional) throw outOfOrder(field)
  return 'updateMany'
}

/** The order of properties is the order of the writes, so they are all taken out and put in again. */
function refill(verbs: OwnArgs, entries: readonly (readonly [string, unknown])[]): void {
  for (const verb of Object.keys(verbs)) Reflect.deleteProperty(verbs, verb)
  for (const [verb, value] of entries) verbs[verb] = value
}

/**
 * Refuses a nested `updateMany` before which the same operation may make other records match its `where`: its records
 * are looked for, and their values sealed, before anything is sent. Records that cease to match are no matter, since
 * the statement carries the `where` too.
 * @param field `Model.field` for errors
 * @throws KmsEncryptedError `UNSUPPORTED_OPERATION`
 */
export function refuseShiftingRows(model: RecordModel, site: ChangeSite, field: string): void {
  const { verbs, given, at } = site
  if (asList(verbs['connectOrCreate']).some(isMoved)) {
    if (comesBefore(given, 'upsert', 'updateMany')) throw shifting(field, 'an upsert that creates a record')
  }
  // As the caller wrote it: indexes still go by the names of their fields.
  const own = asList(given['updateMany'])[at]
  const read = new Set(fieldsIn(model, isArgs(own) ? own['where'] : undefined))
  if (read.size === 0) return
  const earlier = Object.keys(given).slice(0, Object.keys(given).indexOf('updateMany'))
  const writes = [
    ...earlier.flatMap((verb) => asList(given[verb])),
    ...asList(given['updateMany']).slice(0, at),
  ]
  const changed = writes.flatMap((write) => fieldsIn(model, dataOf(write))).find((name) => read.has(name))
  if (changed !== undefined) throw shifting(field, `an earlier change of '${changed}', which its where reads`)
}

/** The data of a nested write that changes a record: of an update, or the update side of an upsert. */
function dataOf(write: unknown): unknown {
  if (!isArgs(write)) return undefined
  return write['data'] ?? write['update'] ?? write
}

/** The fields that a filter or data names, at any depth of logical operators; a relation stands for its foreign keys too. */
function fieldsIn(model: RecordModel, value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((element) => fieldsIn(model, element))
  if (!isArgs(value)) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    if (isAbsent(inner)) return []
    if (name === 'AND' || name === 'OR' || name === 'NOT') return fieldsIn(model, inner)
    return [name, ...(model.definition.relations[name]?.fields ?? [])]
  })
}

function comesBefore(given: Args, first: string, second: string): boolean {
  const verbs = Object.keys(given)
  return verbs.includes(first) && verbs.indexOf(first) < verbs.indexOf(second)
}

/** The verbs that stand between two others in the caller's arguments. */
function between(given: Args, one: string, other: string): readonly string[] {
  const verbs = Object.keys(given).filter((verb) => !isAbsent(given[verb]))
  const [start = 0, end = 0] = [verbs.indexOf(one), verbs.indexOf(other)].sort((a, b) => a - b)
  return start < 0 ? [] : verbs.slice(start + 1, end)
}

function isMoved(write: unknown): boolean {
  return isArgs(write) && moved.has(write)
}

function hasEmptyData(item: unknown): boolean {
  const data = isArgs(item) ? item['data'] : undefined
  return isArgs(data) && Object.values(data).every(isAbsent)
}

function outOfOrder(field: string) {
  return unsupported(
    field,
    "a nested 'upsert' beside 'update' of the same relation, whose order cannot be kept,",
    'Use two operations, in a transaction if both must take effect or none.',
  )
}

function shifting(field: string, what: string) {
  return unsupported(
    field,
    `a nested 'updateMany' after ${what},`,
    'Use two operations, in a transaction if both must take effect or none.',
  )
}
