/** Inserts records whose id only the database can give: sealed fields first, then their wrapped keys, in one transaction. */
import { isArgs, type Args, type OwnArgs } from '../records/arguments.js'
import { groupBy } from '../records/group-by.js'
import type { RecordModel } from '../records/models.js'
import { noLateKeys, sealedText, type Row } from '../records/rows.js'
import { primaryKeyOf } from '../records/place-changes.js'
import type { PathStep } from '../records/data-plan.js'
import { planSelection, type Shape } from '../records/plan-selection.js'
import { atomically } from './atomically.js'
import { sequenceField } from './catalogue.js'
import { lateColumns, setLateKeys, type LateRecord } from './new-records.js'
import type { Operation, SentResult } from './operation.js'
import { delegateOf } from './prisma-internals.js'

interface FoundRow {
  readonly model: RecordModel
  readonly row: Row
}

/**
 * Sends an operation that creates late records, and sets their keys.
 * @throws KmsEncryptedError `UNSUPPORTED_IN_BATCH`
 */
export function sendWithLateKeys(operation: Operation, late: readonly LateRecord[]): Promise<SentResult> {
  return atomically(operation, 'a record whose id only the insert tells', (inside) =>
    inside.plan.kind === 'createMany'
      ? insertMany(inside, late)
      : sendAndSetKeys(inside, late, inside.plan.args),
  )
}

/** Sends an operation on one root record, already inside a transaction, and sets the keys of its late records. */
export async function sendAndSetKeys(
  operation: Operation,
  late: readonly LateRecord[],
  args: Args,
): Promise<SentResult> {
  const { model } = operation.plan
  const rootIsLate = late.some(({ record }) => record.path.length === 0)
  const extra = rootIsLate ? lateColumns(model) : model.definition.primaryKey
  const selection = selectMore(operation, extra)
  const result = await operation.send({ ...args, ...selection.clauses })
  const rows: FoundRow[] = []
  if (isArgs(result)) {
    if (rootIsLate) rows.push({ model, row: result })
    rows.push(...(await findNested(operation, late, result)))
  }
  rows.push(...(await findElsewhere(operation, late, rows)))
  const lateKeys = await setLateKeys(operation, late, distinct(rows))
  return { result, shape: selection.shape, lateKeys }
}

/** A record may be at the end of several ways, the root among them. */
function distinct(rows: readonly FoundRow[]): FoundRow[] {
  const name = ({ model, row }: FoundRow): string =>
    [model.name, ...model.definition.primaryKey.map((field) => sealedText(row[field]))].join('\n')
  return [...new Map(rows.map((found) => [name(found), found])).values()]
}

async function insertMany(operation: Operation, late: readonly LateRecord[]): Promise<SentResult> {
  const { plan } = operation
  const { model } = plan
  if (plan.returnsRows) {
    const selection = selectMore(operation, lateColumns(model))
    const result = await operation.send({ ...plan.args, ...selection.clauses })
    const lateKeys = await setLateKeys(operation, late, rowsOf(model, result))
    return { result, shape: selection.shape, lateKeys }
  }
  const select = trueFor(lateColumns(model))
  if (operation.runtime.base._activeProvider === 'mysql') {
    const last = await lastId(operation)
    const result = await operation.send(plan.args)
    await setLateKeys(operation, late, await findInserted(operation, late, { where: last, select }))
    return { result, shape: null, lateKeys: noLateKeys }
  }
  const rows = await operation.send({ ...plan.args, select }, 'createManyAndReturn')
  await setLateKeys(operation, late, rowsOf(model, rows))
  return {
    result: Array.isArray(rows) ? { count: rows.length } : rows,
    shape: null,
    lateKeys: noLateKeys,
  }
}

/** What ids of a later insert exceed, so that looking for its rows need not read the whole table. */
async function lastId({ plan, session }: Operation): Promise<Args> {
  const { model } = plan
  const counted = sequenceField(model)
  const [field] = model.definition.primaryKey
  if (field === undefined || field !== counted || model.definition.primaryKey.length > 1) return {}
  const query = { select: { [field]: true }, orderBy: { [field]: 'desc' }, take: 1 }
  const [row] = await delegateOf(session.client, model.delegate).findMany(query)
  return row ? { [field]: { gt: row[field] } } : {}
}

/** Records a statement: their sealed values are its parameters. */
const chunkSize = 500

/** Finds inserted rows where the database does not return them. */
async function findInserted(
  { plan, session }: Operation,
  late: readonly LateRecord[],
  { where, select }: { readonly where: Args; readonly select: Args },
): Promise<FoundRow[]> {
  const rows: FoundRow[] = []
  for (let start = 0; start < late.length; start += chunkSize) {
    const sealed = sealedFilter(late.slice(start, start + chunkSize))
    const query = { where: { AND: [where, sealed] }, select }
    rows.push(...rowsOf(plan.model, await delegateOf(session.client, plan.model.delegate).findMany(query)))
  }
  return rows
}

/** Plans the caller's selection again, with columns that must come back besides. */
function selectMore(
  { plan, runtime }: Operation,
  extra: readonly string[],
): { readonly clauses: Args; readonly shape: Shape | null } {
  const { args, shape } = planSelection(
    plan.model,
    plan.given,
    { globalOmit: runtime.globalOmit, indexKeys: plan.indexKeys },
    [],
    extra,
  )
  const clauses: OwnArgs = {}
  for (const name of ['select', 'include', 'omit']) if (args[name] !== undefined) clauses[name] = args[name]
  return { clauses, shape }
}

/** Finds nested late records by the values they were sealed with, which no other row can hold. */
async function findNested(operation: Operation, late: readonly LateRecord[], root: Row): Promise<FoundRow[]> {
  const { model } = operation.plan
  const nestedLate = late.filter(({ record }) => record.path.length > 0)
  const byPath = groupBy(nestedLate, ({ record }) => record.path.map((step) => step.relation).join('.'))
  const rows: FoundRow[] = []
  for (const entries of byPath.values()) {
    const [first] = entries
    if (!first) continue
    const { path, model: nested } = first.record
    const found = await delegateOf(operation.session.client, model.delegate).findMany({
      where: primaryKeyOf(model, root),
      select: selectAlong(path, { where: sealedFilter(entries), select: trueFor(lateColumns(nested)) }),
    })
    rows.push(...leavesOf(found, path).map((row) => ({ model: nested, row })))
  }
  return rows
}

/**
 * Looks in the tables themselves for records that were not where they were expected: whether they exist must
 * not remain open.
 */
async function findElsewhere(
  { session }: Operation,
  late: readonly LateRecord[],
  found: readonly FoundRow[],
): Promise<FoundRow[]> {
  const known = new Set(
    found.flatMap(({ model, row }) => [...model.fields.keys()].map((name) => sealedText(row[name]))),
  )
  const rows: FoundRow[] = []
  for (const entry of late) {
    const { model, groups } = entry.record
    const seen = [...groups.values()].some((slots) =>
      slots.some(({ field, data }) => known.has(sealedText(data[field.name]))),
    )
    if (seen) continue
    const query = { where: sealedFilter([entry]), select: trueFor(lateColumns(model)) }
    rows.push(...rowsOf(model, await delegateOf(session.client, model.delegate).findMany(query)))
  }
  return rows
}

/** `{ posts: { select: { comments: leaf } } }` */
function selectAlong(path: readonly PathStep[], leaf: { where: Args; select: Args }): Args {
  const [step, ...rest] = path
  if (!step) return leaf.select
  if (rest.length > 0) return { [step.relation]: { select: selectAlong(rest, leaf) } }
  return { [step.relation]: step.list ? leaf : { select: leaf.select } }
}

function leavesOf(rows: unknown, path: readonly PathStep[]): Row[] {
  const [step, ...rest] = path
  const list = (Array.isArray(rows) ? rows : [rows]).filter(isArgs)
  return step ? list.flatMap((row) => leavesOf(row[step.relation], rest)) : list
}

/** Any of its sealed values tells a record: others may have been cleared by the same operation. */
function sealedFilter(late: readonly LateRecord[]): Args {
  const slots = late.flatMap(({ record }) => [...record.groups.values()].flat())
  return { OR: slots.map(({ field, data }) => ({ [field.name]: { equals: data[field.name] } })) }
}

function rowsOf(model: RecordModel, rows: unknown): FoundRow[] {
  return Array.isArray(rows) ? rows.filter(isArgs).map((row) => ({ model, row })) : []
}

function trueFor(names: readonly string[]): Args {
  return Object.fromEntries(names.map((name) => [name, true]))
}
