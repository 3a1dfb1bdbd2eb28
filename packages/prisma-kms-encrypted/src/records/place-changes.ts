/** Puts the changes of existing records into the plan's arguments, once it is known which rows they are for. */
import { asList, isAbsent, isArgs, type Args, type OwnArgs } from './arguments.js'
import type { RecordModel } from './models.js'
import { refuseShiftingRows, replaceUpsert } from './nested-order.js'
import type { Row } from './rows.js'
import type { Branch, ChangedRecord, NestedChange } from './data-plan.js'
import { unsupported } from './refusals.js'
import { noRow } from './row-filter.js'

/** A row and the change of it, with data of its own. */
export interface RowChange {
  readonly row: Row
  readonly changed: ChangedRecord
}

/** The same change with data of its own, so that each row's values are sealed under its own key. */
export function copyChange(changed: ChangedRecord): ChangedRecord {
  const data: OwnArgs = { ...changed.data }
  const groups = new Map(
    [...changed.groups].map(([group, { slots, cleared }]) => [
      group,
      { slots: slots.map((slot) => ({ ...slot, data })), cleared },
    ]),
  )
  return { model: changed.model, data, groups }
}

/**
 * The data of a root change without any value to seal, for a statement whose unique `where` finds no row. It is never
 * empty: for empty data Prisma sends no statement, ignores the conditions and answers with the record.
 */
export function withoutValues(changed: ChangedRecord): OwnArgs {
  const data: OwnArgs = { ...changed.data }
  for (const [group, { slots }] of changed.groups) {
    data[group.column] = null
    for (const { field } of slots) Reflect.deleteProperty(data, field.name)
  }
  return data
}

/** A `where` with further conditions. */
export function withConditions(where: unknown, conditions: readonly Args[]): Args {
  const own = isArgs(where) ? where : {}
  return { ...own, AND: [...asList(own['AND']), ...conditions] }
}

/** The filter for exactly this row. */
export function primaryKeyOf(model: RecordModel, row: Row): Args {
  return Object.fromEntries(model.definition.primaryKey.map((field) => [field, row[field]]))
}

/**
 * Writes the rows' own data into a nested write.
 * @returns the side that a nested upsert takes; `null` for other writes
 * @throws KmsEncryptedError `UNSUPPORTED_OPERATION` where the rows depend on what the same write adds to the relation
 */
export function placeNested(nested: NestedChange, rows: readonly RowChange[]): Branch['side'] | null {
  const { changed, site } = nested
  const { verb, verbs, item, list } = site
  const { model } = changed
  const [only] = rows
  if (verb === 'updateMany') {
    refuseAdditions(nested)
    refuseShiftingRows(model, site, changedField(changed))
    const perRow = rows.map(({ row, changed: own }) => ({
      where: { AND: [...asList(item['where']), primaryKeyOf(model, row)] },
      data: own.data,
    }))
    verbs[verb] = asList(verbs[verb]).flatMap((given) => (given === item ? perRow : [given]))
    return null
  }
  if (verb === 'update') {
    if (!only) throw new TypeError('a nested update without its record is reported before')
    item['where'] = withConditions(item['where'], [primaryKeyOf(model, only.row)])
    item['data'] = only.changed.data
    return null
  }
  if (only) refuseRemovals(nested)
  else refuseAdditions(nested)
  const field = changedField(changed)
  if (only) {
    const where = withConditions(list ? item['where'] : {}, [primaryKeyOf(model, only.row)])
    replaceUpsert(model, site, field, 'update', { where, data: only.changed.data })
  } else if (list) {
    // Each element has a form of its own there, other than in a list of creates; the `where` finds nothing.
    const where = withConditions(item['where'], [noRow(model)])
    replaceUpsert(model, site, field, 'connectOrCreate', { where, create: item['create'] })
  } else replaceUpsert(model, site, field, 'create', item['create'] as Args) // what Prisma's grammar asks for
  return only ? 'update' : 'create'
}

/** Whether another upsert of the same list names the same record, which the first of them would create. */
function isRepeated({ verb, given, item }: NestedChange['site']): boolean {
  const { where: criterion, create } = item
  if (verb !== 'upsert' || !isArgs(criterion) || !isArgs(create)) return false
  const creates = Object.entries(criterion).every(
    ([name, value]) => comparable(create[name]) === comparable(value),
  )
  if (!creates) return false
  const where = comparable(criterion)
  const same = asList(given['upsert']).filter(
    (other) => isArgs(other) && comparable(other['where']) === where,
  )
  return same.length > 1
}

function comparable(where: unknown): string | undefined {
  return JSON.stringify(where, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value))
}

const additions = ['create', 'createMany', 'connect', 'connectOrCreate', 'set']

/**
 * Rows that come into a relation on the way by this very operation cannot be looked for before it.
 * @throws KmsEncryptedError `UNSUPPORTED_OPERATION`
 */
export function refuseAdditions({ changed, site }: NestedChange): void {
  const adding =
    additions.find((verb) => site.above.some((verbs) => !isAbsent(verbs[verb]))) ??
    (isRepeated(site) ? 'upsert' : undefined)
  if (adding === undefined && !site.joinsItself) return
  throw unsupported(
    changedField(changed),
    `a nested '${site.verb}' beside ${adding === undefined ? 'a change of the other end' : `'${adding}'`} of a relation on the way, which may add the records that it changes,`,
    'Use two operations, in a transaction if both must take effect or none.',
  )
}

const removals = ['delete', 'deleteMany', 'disconnect', 'set']

/** A record that the same write may take out of the relation first would be created anew by Prisma's upsert. */
function refuseRemovals({ changed, site }: NestedChange): void {
  const removing = removals.find((verb) => !isAbsent(site.given[verb]) && site.given[verb] !== false)
  if (removing === undefined) return
  throw unsupported(
    changedField(changed),
    `a nested 'upsert' beside '${removing}' of the same relation, which may take away the record that it changes,`,
    'Use two operations, in a transaction if both must take effect or none.',
  )
}

function changedField({ model, groups }: ChangedRecord): string {
  const [change] = groups.values()
  const field = change?.slots[0]?.field.name ?? change?.cleared[0]?.name
  return field === undefined ? model.name : `${model.name}.${field}`
}
