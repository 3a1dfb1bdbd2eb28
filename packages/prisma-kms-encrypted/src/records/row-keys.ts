/** Lists the data keys that the rows of a result name, for who unwraps them before anything is opened. */
import { identityOf } from './context.js'
import type { UnwrapRequest } from './data-keys.js'
import type { RecordModel } from './models.js'
import type { Row } from './rows.js'
import { knownEntries } from './stored-entries.js'

/** The requests for every data key that a result's rows name, without opening anything. */
export function keysOf(model: RecordModel, result: unknown): UnwrapRequest[] {
  const requests: UnwrapRequest[] = []
  visitRows(model, result, (rowModel, row) => {
    for (const group of rowModel.groups.values()) {
      const text = row[group.column]
      if (typeof text !== 'string') continue
      const identity = identityOf(rowModel, row)
      if (!identity) continue
      // Which of several entries the fields need, only their headers tell: all of them, there are few.
      for (const entry of knownEntries(group, text)) requests.push({ group, identity, entry })
    }
  })
  return requests
}

function visitRows(model: RecordModel, value: unknown, visit: (model: RecordModel, row: Row) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) visitRows(model, item, visit)
    return
  }
  if (typeof value !== 'object' || value === null) return
  const row = value as Row // results of Prisma are plain objects with string properties
  visit(model, row)
  for (const name of model.relationNames) {
    const relation = model.relation(name)
    if (relation && row[name] !== undefined) visitRows(relation.model, row[name], visit)
  }
}
