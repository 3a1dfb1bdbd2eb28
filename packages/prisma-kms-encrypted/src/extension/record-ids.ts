/** Gives new records the ids that their encryption contexts need, before the insert wherever that is possible. */
import { isAbsent } from '../records/arguments.js'
import { identityOf, type RecordIdentity } from '../records/context.js'
import type { RecordModel } from '../records/models.js'
import type { NewRecord } from '../records/data-plan.js'
import { sequenceField } from './catalogue.js'
import { applyRewrites, isChecked, namesForeignKeys, planRewrite, type Rewrite } from './connect-rewrite.js'
import { idGenerator } from './id-generators.js'
import type { Operation } from './operation.js'

/** Whose identity is known before the insert; a record that is missing here gets its keys after it. */
export type KnownIdentities = ReadonlyMap<NewRecord, RecordIdentity>

/**
 * Assigns ids into the plan's own data: generated here, or taken from sequences in one round trip for all records.
 * Records whose id only the insert can tell stay without.
 */
export async function assignIds(
  operation: Operation,
  created: readonly NewRecord[],
): Promise<KnownIdentities> {
  for (const record of created) await generateIds(record)
  const wanted = created.filter((record) => wantsSequence(record, created))
  if (wanted.length > 0) await fetchSequenceIds(operation, wanted)
  const known = new Map<NewRecord, RecordIdentity>()
  for (const record of created) {
    const identity = knownIdentity(record)
    if (identity) known.set(record, identity)
  }
  return known
}

async function generateIds({ model, data }: NewRecord): Promise<void> {
  for (const { field, default: made } of model.definition.contextId) {
    if (!isAbsent(data[field]) || !made) continue
    const generate = await idGenerator(made)
    if (generate) data[field] = generate()
  }
}

/**
 * Whether a sequence's next value is all that the id is missing, and some key of this model wants it before the insert.
 * Then all new records of the model get theirs together, so that ids keep the order of the data.
 */
function wantsSequence({ model, data }: NewRecord, created: readonly NewRecord[]): boolean {
  const field = sequenceField(model)
  if (field === null || !isAbsent(data[field])) return false
  if (model.definition.contextId.some((id) => id.field !== field && isAbsent(data[id.field]))) return false
  return created.some((record) => record.model === model && wantsFetching(record))
}

function wantsFetching({ groups }: NewRecord): boolean {
  return [...groups.keys()].some(({ config }) => config.eager === null || config.eager === 'fetch-id')
}

/** New records of one list, and what has to be rewritten so that they take ids. */
interface RecordList {
  readonly records: readonly NewRecord[]
  readonly rewrites: readonly Rewrite[]
}

async function fetchSequenceIds(
  { runtime, session }: Operation,
  wanted: readonly NewRecord[],
): Promise<void> {
  const catalogue = await runtime.catalogue(session)
  const lists = recordLists(wanted.filter(({ model }) => catalogue.has(model.name)))
  const served = new Set((await applyRewrites(session.client, lists)).flatMap(({ records }) => records))
  const records = wanted.filter((record) => served.has(record))
  if (records.length === 0) return
  const counts = new Map<RecordModel, number>()
  for (const { model } of records) counts.set(model, (counts.get(model) ?? 0) + 1)
  // Blocks outlive a transaction, which may have made or set back the sequence and may yet roll back.
  const blocks = session.transaction === null ? runtime.idBlocks : null
  const ids = blocks
    ? await blocks.take(session.client, catalogue, counts)
    : await runtime.dialect?.sequences?.fetchIds(session.client, catalogue, counts)
  for (const { model, data } of records) {
    const field = sequenceField(model)
    const id = ids?.get(model)?.shift()
    if (field === null || id === undefined) continue
    data[field] = model.definition.scalars[field]?.type === 'BigInt' ? BigInt(id) : Number(id)
  }
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
    const checked = list.filter(
      ({ model, data }) => !model.definition.checkedCreateTakesId && isChecked(model, data),
    )
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
