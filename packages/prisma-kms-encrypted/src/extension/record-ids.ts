/** Gives new records the ids that their encryption contexts need, before the insert wherever that is possible. */
import { isAbsent } from '../records/arguments.js'
import { identityOf, type RecordIdentity } from '../records/context.js'
import type { RecordModel } from '../records/models.js'
import type { NewRecord } from '../records/data-plan.js'
import { sequenceField } from './catalogue.js'
import { applyRewrites, isChecked, namesForeignKeys, planRewrite, type Rewrite } from './connect-rewrite.js'
import { idGenerator, type IdGenerator } from './id-generators.js'
import type { Operation } from './operation.js'

/** The identities of new records, in their order; `null`: only the insert tells it, and the record gets its keys after it. */
export type KnownIdentities = readonly (RecordIdentity | null)[]

/**
 * Assigns ids into the plan's own data: generated here, or taken from sequences in one round trip for all records.
 * Records whose id only the insert can tell stay without.
 * @returns a promise only where something has to be waited for
 */
export function assignIds(
  operation: Operation,
  created: readonly NewRecord[],
): KnownIdentities | Promise<KnownIdentities> {
  const unknown = new Set(created.map(({ model }) => model).filter((model) => !generatedFields.has(model)))
  if (unknown.size > 0)
    return Promise.all([...unknown].map(findGenerators)).then(() => assignIds(operation, created))
  for (const { model, data } of created)
    for (const { field, generate } of generatedFields.get(model) ?? [])
      if (isAbsent(data[field])) data[field] = generate()
  const wanted = wantingSequences(created)
  if (wanted.length === 0 || takeFromBlocks(operation, wanted)) return created.map(knownIdentity)
  return fetchSequenceIds(operation, wanted).then(() => created.map(knownIdentity))
}

/** A field whose value is made here. */
interface GeneratedField {
  readonly field: string
  readonly generate: IdGenerator
}

/** The id fields of each model that are made here, once what makes them has been loaded. */
const generatedFields = new WeakMap<RecordModel, readonly GeneratedField[]>()

async function findGenerators(model: RecordModel): Promise<void> {
  const own: GeneratedField[] = []
  for (const { field, default: made } of model.definition.contextId) {
    const generate = made && (await idGenerator(made))
    if (generate) own.push({ field, generate })
  }
  generatedFields.set(model, own)
}

/**
 * The records that take ids from sequences. If some key of a new record wants one before the insert, all new records of its
 * model get theirs together, so that ids keep the order of the data.
 */
function wantingSequences(created: readonly NewRecord[]): readonly NewRecord[] {
  const fetching = new Set(created.filter(wantsFetching).map(({ model }) => model))
  return created.filter((record) => fetching.has(record.model) && missesSequence(record))
}

/** Whether a sequence's next value is all that the id is missing. */
function missesSequence({ model, data }: NewRecord): boolean {
  const field = sequenceField(model)
  return (
    field !== null &&
    isAbsent(data[field]) &&
    !model.definition.contextId.some((id) => id.field !== field && isAbsent(data[id.field]))
  )
}

/** Whether some key of a new record wants a sequence's id before the insert. */
function wantsFetching({ groups }: NewRecord): boolean {
  for (const { config } of groups.keys())
    if (config.eager === null || config.eager === 'fetch-id') return true
  return false
}

/** New records of one list, and what has to be rewritten so that they take ids. */
interface RecordList {
  readonly records: readonly NewRecord[]
  readonly rewrites: readonly Rewrite[]
}

/**
 * Takes ids that were fetched ahead. Blocks outlive a transaction, which may have made or set back the sequence and may
 * yet roll back: none are taken inside one.
 * @returns whether all records are served
 */
function takeFromBlocks({ runtime, session }: Operation, wanted: readonly NewRecord[]): boolean {
  const catalogue = runtime.knownCatalogue()
  if (session.transaction !== null || !runtime.idBlocks || !catalogue) return false
  if (wanted.some((record) => !catalogue.has(record.model.name) || takesIdUnchecked(record))) return false
  const ids = runtime.idBlocks.takeAtHand(countByModel(wanted))
  if (ids) setIds(wanted, ids)
  return ids !== null
}

async function fetchSequenceIds(
  { runtime, session }: Operation,
  wanted: readonly NewRecord[],
): Promise<void> {
  const catalogue = await runtime.catalogue(session)
  const servable = wanted.filter(({ model }) => catalogue.has(model.name))
  const records = servable.some(takesIdUnchecked) ? await makeUnchecked(session, servable) : servable
  if (records.length === 0) return
  const counts = countByModel(records)
  const blocks = session.transaction === null ? runtime.idBlocks : null
  const ids = blocks
    ? await blocks.take(session.client, catalogue, counts)
    : await runtime.dialect?.sequences?.fetchIds(session.client, catalogue, counts)
  if (ids) setIds(records, ids)
}

function countByModel(records: readonly NewRecord[]): ReadonlyMap<RecordModel, number> {
  const counts = new Map<RecordModel, number>()
  for (const { model } of records) counts.set(model, (counts.get(model) ?? 0) + 1)
  return counts
}

/** Gives the records their ids, in the order of the data. */
function setIds(records: readonly NewRecord[], ids: ReadonlyMap<RecordModel, readonly string[]>): void {
  const taken = new Map<RecordModel, number>()
  for (const { model, data } of records) {
    const field = sequenceField(model)
    const position = taken.get(model) ?? 0
    const id = ids.get(model)?.[position]
    taken.set(model, position + 1)
    if (field === null || id === undefined) continue
    data[field] = model.definition.scalars[field]?.type === 'BigInt' ? BigInt(id) : Number(id)
  }
}

/** Whether the record's data has to be rewritten before Prisma takes an id with it. */
function takesIdUnchecked({ model, data }: NewRecord): boolean {
  return !model.definition.checkedCreateTakesId && isChecked(model, data)
}

/** Rewrites records where needed, and gives those that take ids then, in the order of the data. */
async function makeUnchecked(
  { client }: Operation['session'],
  records: readonly NewRecord[],
): Promise<readonly NewRecord[]> {
  const lists = await applyRewrites(client, recordLists(records))
  const served = new Set(lists.flatMap((list) => list.records))
  return records.filter((record) => served.has(record))
}

/** The lists whose records all take ids, or all will after rewriting; Prisma refuses a mixture. */
function recordLists(records: readonly NewRecord[]): readonly RecordList[] {
  const lists = new Map<object, NewRecord[]>()
  for (const record of records) {
    const list = lists.get(record.list)
    if (list) list.push(record)
    else lists.set(record.list, [record])
  }
  return [...lists.values()].flatMap((list) => {
    const checked = list.filter(takesIdUnchecked)
    if (checked.length === 0) return [{ records: list, rewrites: [] }]
    const rewrites = checked.map(planRewrite).filter((rewrite) => rewrite !== null)
    const mixed = rewrites.length < checked.length || list.some(namesForeignKeys)
    return mixed ? [] : [{ records: list, rewrites }]
  })
}

/** The identity as far as the record's contexts need it. */
function knownIdentity({ model, data, groups }: NewRecord): RecordIdentity | null {
  const configs = [...groups.keys()].map((group) => group.config)
  const columnsKnown = configs.every((config) =>
    config.contextColumns.every((column) => !isAbsent(data[column])),
  )
  if (!columnsKnown) return null
  if (configs.every((config) => config.eager === 'context-free')) return { id: null, columns: data }
  return identityOf(model, data)
}
