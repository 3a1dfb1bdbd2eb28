/** Turns one operation's arguments into a plan: what to seal, what to select besides, what to refuse. Pure and synchronous. */
import { isAbsent, type Args, type OwnArgs } from './arguments.js'
import type { RecordModel } from './models.js'
import type { ChangedRecord, NestedChange, NewRecord } from './data-plan.js'
import { existingRoot, newRoot, planCreateData, planCreateList, planUpdateData } from './plan-data.js'
import type { IndexKeys, IndexUse } from './index-keys.js'
import { checkAggregation, planCriteria } from './plan-order.js'
import { planSelection, type SelectionContext, type Shape } from './plan-selection.js'
import { unsupported } from './refusals.js'

/** What an operation does, in the terms that the extension acts by. */
export type OperationKind =
  'read' | 'count' | 'create' | 'createMany' | 'update' | 'updateMany' | 'upsert' | 'delete'

/** The plan of one operation. Its arguments are its own; the caller's stay as they are. */
export interface OperationPlan {
  readonly kind: OperationKind
  readonly model: RecordModel
  readonly operation: string
  readonly args: OwnArgs
  /** The caller's arguments, for planning the selection anew. */
  readonly given: Args
  /** What of the result to hide; `null`: nothing was added. */
  readonly shape: Shape | null
  /** The index keys that it was planned with. */
  readonly indexKeys: IndexKeys | null
  /** Whether its `where` names one row. */
  readonly namesOne: boolean
  /** The indexes that the root records are found by. */
  readonly uses: readonly IndexUse[]
  /** Whether the result holds rows (not a count). */
  readonly returnsRows: boolean
  readonly created: readonly NewRecord[]
  /** The root record or records, when they exist already and get encrypted values. */
  readonly changed: ChangedRecord | null
  /** Records in nested writes that exist already and get encrypted values. */
  readonly nested: readonly NestedChange[]
}

const kinds: Readonly<Record<string, OperationKind>> = {
  findUnique: 'read',
  findUniqueOrThrow: 'read',
  findFirst: 'read',
  findFirstOrThrow: 'read',
  findMany: 'read',
  count: 'count',
  aggregate: 'count',
  groupBy: 'count',
  deleteMany: 'count',
  create: 'create',
  createMany: 'createMany',
  createManyAndReturn: 'createMany',
  update: 'update',
  updateMany: 'updateMany',
  updateManyAndReturn: 'updateMany',
  upsert: 'upsert',
  delete: 'delete',
}

/** What planning needs besides the arguments. */
export interface PlanContext extends SelectionContext {
  /** Whether the result's rows will be opened; only then can those be found out that an index found wrongly. */
  readonly opensRows: boolean
}

/** Operations whose `where` has to name one row. */
const namesOne = new Set(['findUnique', 'findUniqueOrThrow', 'update', 'upsert', 'delete'])

/** Operations whose result is a number or an aggregate. */
const rowless = new Set(['count', 'aggregate', 'groupBy', 'deleteMany', 'createMany', 'updateMany'])

/**
 * Plans one operation.
 * @throws KmsEncryptedError every refusal of this library, before anything is sent
 */
export function planOperation(
  model: RecordModel,
  operation: string,
  args: Args,
  context: PlanContext,
): OperationPlan {
  const kind = kinds[operation]
  if (!kind) {
    throw unsupported(model.name, `the operation '${operation}'`, 'Use one of the documented operations.')
  }
  const { indexKeys } = context
  const uses: IndexUse[] = []
  const criteria = planCriteria(model, args, {
    indexKeys,
    removable: context.opensRows && removesRows(operation, args),
    unique: namesOne.has(operation),
    uses,
    named: true,
  })
  if (kind === 'count') checkAggregation(model, args)
  const returnsRows = !rowless.has(operation)
  // The rows that a write returns may have other values than those it found; what it finds is checked before it.
  const selection = returnsRows
    ? planSelection(model, criteria, context, kind === 'read' ? uses : [])
    : { args: criteria, shape: null }
  const own: OwnArgs = { ...selection.args }
  const created: NewRecord[] = []
  const nested: NestedChange[] = []
  let changed: ChangedRecord | null = null
  const plan = { indexKeys, created, nested }
  const existing = existingRoot(model, own['where'])
  if (kind === 'create') own['data'] = planCreateData(model, args['data'], plan)
  else if (kind === 'createMany') {
    const scope = { ...newRoot, optional: Boolean(args['skipDuplicates']) }
    own['data'] = planCreateList(model, args['data'], plan, scope)
  } else if (kind === 'update' || kind === 'updateMany') {
    const data = planUpdateData(model, args['data'], plan, existing)
    own['data'] = data.own
    changed = data.changed
  } else if (kind === 'upsert') {
    const update = planUpdateData(model, args['update'], plan, { ...existing, optional: true })
    own['update'] = update.own
    own['create'] = planCreateData(model, args['create'], plan, { ...newRoot, optional: true })
    changed = update.changed
  }
  return {
    kind,
    model,
    operation,
    args: own,
    given: args,
    shape: selection.shape,
    indexKeys,
    namesOne: namesOne.has(operation),
    uses,
    returnsRows,
    created,
    changed,
    nested,
  }
}

/** Whether rows may be taken out of the result without changing what the others mean. */
function removesRows(operation: string, args: Args): boolean {
  return (
    operation === 'findMany' &&
    ['take', 'skip', 'cursor', 'distinct'].every((clause) => isAbsent(args[clause]))
  )
}
