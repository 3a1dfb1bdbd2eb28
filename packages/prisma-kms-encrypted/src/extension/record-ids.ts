/** Gives new records the ids that their encryption contexts need, before the insert wherever that is possible. */
import { isAbsent } from '../records/arguments.js'
import { identityOf, type RecordIdentity } from '../records/context.js'
import type { RecordModel } from '../records/models.js'
import type { NewRecord } from '../records/plan-data.js'
import { fetchIds, sequenceField } from './catalogue.js'
import { applyRewrites, isChecked, planRewrite, type Rewrite } from './connect-rewrite.js'
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
  const sequenced: NewRecord[] = []
  const rewrites: Rewrite[] = []
  for (const record of created) {
    await generateIds(record)
    if (!lacksOnlySequence(record)) continue
    const { model, data } = record
    if (model.definition.checkedCreateTakesId || !isChecked(model, data)) sequenced.push(record)
    else {
      const rewrite = planRewrite(record)
      if (rewrite) rewrites.push(rewrite)
    }
  }
  if (sequenced.length + rewrites.length > 0) await fetchSequenceIds(operation, sequenced, rewrites)
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

/** Whether a sequence's next value is all that is missing, and the keys want the id before the insert. */
function lacksOnlySequence({ model, data, groups }: NewRecord): boolean {
  const field = sequenceField(model)
  if (field === null || !isAbsent(data[field])) return false
  if (model.definition.contextId.some((id) => id.field !== field && isAbsent(data[id.field]))) return false
  return [...groups.keys()].some(({ config }) => config.eager === null || config.eager === 'fetch-id')
}

async function fetchSequenceIds(
  { runtime, session }: Operation,
  sequenced: readonly NewRecord[],
  rewrites: readonly Rewrite[],
): Promise<void> {
  const catalogue = await runtime.catalogue(session)
  const servable = rewrites.filter(({ record }) => catalogue.has(record.model.name))
  const rewritten = await applyRewrites(session.client, servable)
  const records = [...sequenced.filter(({ model }) => catalogue.has(model.name)), ...rewritten]
  if (records.length === 0) return
  const counts = new Map<RecordModel, number>()
  for (const { model } of records) counts.set(model, (counts.get(model) ?? 0) + 1)
  const ids = await fetchIds(session.client, catalogue, counts)
  for (const { model, data } of records) {
    const field = sequenceField(model)
    const id = ids.get(model)?.shift()
    if (field === null || id === undefined) continue
    data[field] = model.definition.scalars[field]?.type === 'BigInt' ? BigInt(id) : Number(id)
  }
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
