/** Names the one record that an operation finds by an encrypted field of a migrating model, whichever way it is stored. */
import type { Args } from '../records/arguments.js'
import { primaryKeyOf } from '../records/place-changes.js'
import { plainWhere } from '../records/row-filter.js'
import type { Operation } from './operation.js'
import { delegateOf } from './prisma-internals.js'

const searches: Readonly<Record<string, string>> = {
  findUnique: 'findFirst',
  findUniqueOrThrow: 'findFirstOrThrow',
}

/** Whether an operation's `where` names a record by an encrypted field that may be stored as plaintext. */
export function namesMigrating({ plan }: Operation): boolean {
  return plan.model.migrating !== null && plan.namesOne && plan.uses.length > 0
}

/**
 * No unique column finds both kinds of rows, so a read becomes a search, and a write names the record by its primary key
 * with the condition beside it: that it is encrypted meanwhile makes no difference.
 */
export async function nameMigrating(operation: Operation): Promise<Operation> {
  const { plan, session } = operation
  const { model, given } = plan
  const condition = plainWhere(model, given['where'])
  const search = searches[plan.operation]
  if (search !== undefined) return operation.again(search, { ...given, where: condition })
  const { where } = operation.again('findFirst', { where: condition }).plan.args
  const select = Object.fromEntries(model.definition.primaryKey.map((field) => [field, true]))
  const query = { where, select, take: 1 }
  const [row] = await delegateOf(session.client, model.delegate).findMany(query)
  return row ? operation.again(undefined, { ...given, where: namedBy(operation, row, condition) }) : operation
}

function namedBy({ plan }: Operation, row: Args, condition: Args): Args {
  const { primaryKey } = plan.model.definition
  const key = primaryKeyOf(plan.model, row)
  if (primaryKey.length === 1) return { ...key, AND: [condition] }
  const compound = plan.model.definition.uniques.find(
    ({ fields }) =>
      fields.length === primaryKey.length && fields.every((field) => primaryKey.includes(field)),
  )
  return { [compound?.name ?? primaryKey.join('_')]: key, AND: [condition] }
}
