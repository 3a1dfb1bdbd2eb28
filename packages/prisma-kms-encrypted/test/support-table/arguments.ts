/** Builds the arguments of every operation around one clause. */
import type { Args, Call, Column, ModelName } from './cell.js'

/** The parts that a clause may have a word in. */
export interface Clause {
  readonly where?: Args
  /** `where` of the operations that take a unique criterion, instead of `{ id, …where }`. */
  readonly unique?: Args
  /** Id of the record that `where` is true for. */
  readonly id?: number
  /** Beside `where` and `data`: `orderBy`, `select` … */
  readonly top?: Args
  readonly data?: Args
  /** `null`: the twin has no such column. */
  readonly twin?: null
}

const single = new Set(['findUnique', 'findUniqueOrThrow', 'update', 'upsert', 'delete'])
const unfiltered = new Set(['create', 'createMany', 'createManyAndReturn'])
const rowless = new Set(['count', 'aggregate', 'groupBy', 'deleteMany', 'createMany', 'updateMany'])
const listing = new Set(['findFirst', 'findFirstOrThrow', 'findMany'])
const writing = new Set([...unfiltered, 'update', 'updateMany', 'updateManyAndReturn', 'upsert'])

/** Something plain that can be grouped by and changed. */
const plainField: Partial<Record<ModelName, string>> = { User: 'nickname', Account: 'label' }

/** The call of a clause by an operation; `null` when the operation has no place for it. */
export function callOf(
  model: ModelName,
  operation: string,
  clause: Clause,
  side: Column['side'] = 'update',
): Call | null {
  const { where, unique, id = 1, top, data, twin } = clause
  const field = plainField[model] ?? 'name'
  if ((where ?? unique) && unfiltered.has(operation)) return null
  if (data && !writing.has(operation)) return null
  if (top && rowless.has(operation) && ('select' in top || 'include' in top || 'omit' in top)) return null
  if (unique && !single.has(operation)) return null
  const args: Record<string, unknown> = { ...top }
  if (single.has(operation)) args['where'] = unique ?? { id: side === 'create' ? 90 : id, ...where }
  else if (!unfiltered.has(operation)) args['where'] = where ?? {}
  if (listing.has(operation)) args['orderBy'] ??= { id: 'asc' }
  // Prisma's checked input, which relation writes ask for, does not take such an id.
  const checked = data && 'org' in data
  const created = {
    ...(checked ? {} : { id: 90 }),
    [field]: 'new',
    ...(model === 'User' ? { name: 'New' } : {}),
  }
  switch (operation) {
    case 'create':
      args['data'] = { ...created, ...data }
      break
    case 'createMany':
    case 'createManyAndReturn':
      args['data'] = [
        { ...created, ...data },
        { ...created, id: 91 },
      ]
      break
    case 'update':
    case 'updateMany':
    case 'updateManyAndReturn':
      args['data'] = data ?? { [field]: 'changed' }
      if (!where && operation !== 'update') args['where'] = { id } // unique columns take a value once
      break
    case 'upsert':
      args['create'] = { ...created, ...(side === 'create' ? data : {}) }
      args['update'] = side === 'update' && data ? data : { [field]: 'changed' }
      break
    case 'groupBy':
      args['by'] ??= [field]
      args['_count'] ??= { _all: true }
      args['orderBy'] ??= { [field]: 'asc' }
      break
    case 'aggregate':
      args['_count'] ??= { _all: true }
      args['_max'] ??= { id: true }
  }
  return { model, operation, args, ...(twin === null ? { twin } : {}) }
}
