/** `rotateAll(prisma.user)` and `rotate(prisma.user, { where })`: new keys for the records of a table, or for one of them. */
import { KmsEncryptedError } from '../errors.js'
import { delegateOf } from '../extension/prisma-internals.js'
import { runtimeOf } from '../extension/registry.js'
import type { RecordModel } from '../records/models.js'
import { primaryKeyOf } from '../records/place-changes.js'
import { checkRotationMode } from './check-mode.js'
import { chosenGroups, plannedWhere } from './chosen-rows.js'
import { readCursor } from './cursors.js'
import { selectColumns } from './pages.js'
import { checkOptions, rotateOneOptions, rotateOptions } from './option-forms.js'
import type { RotateOneOptions, RotateOptions, RowRotation } from './rotate-options.js'
import { createRotationJob } from './rotation-job.js'
import type { Rotation } from './rotation.js'
import { checkCanLook } from './unknown-values.js'
import type { WalkOptions, WalkProgress, WalkResult } from './walk-options.js'
import { walkTable } from './walk-table.js'

/** How far a rotation is. */
export type RotateProgress = WalkProgress
/** What a rotation did. */
export type RotateResult = WalkResult

/** Renews the keys of all records of a model; its contract is in `on-demand.ts`. */
export async function rotateAll<D>(delegate: D, options: RotateOptions<D> = {}): Promise<RotateResult> {
  const caller = 'rotateAll()'
  const { runtime, model } = runtimeOf(delegate, caller)
  checkOptions(rotateOptions, options, caller)
  const { where, key, range, cursor } = options
  const start = cursor ?? range?.after ?? null
  const upTo = range?.upTo ?? null
  const groups = chosenGroups(model, key, caller)
  checkRotationMode(groups, options)
  if (options.mode === 're-encrypt') checkCanLook(runtime, model)
  return runRotation(options, {
    runtime,
    model,
    groups,
    where: where === undefined ? null : await plannedWhere(runtime, model, where),
    after: start === null ? null : readCursor(model, start, caller),
    upTo: upTo === null ? null : readCursor(model, upTo, caller),
  })
}

/** Renews the keys of one record; its contract is in `on-demand.ts`. */
export async function rotate<D>(delegate: D, options: RotateOneOptions<D>): Promise<boolean> {
  const caller = 'rotate()'
  const { runtime, model } = runtimeOf(delegate, caller)
  checkOptions(rotateOneOptions, options, caller)
  const groups = chosenGroups(model, options.key, caller)
  checkRotationMode(groups, options)
  if (options.mode === 're-encrypt') checkCanLook(runtime, model)
  const [record, another] = await delegateOf(runtime.base, model.delegate).findMany({
    where: await plannedWhere(runtime, model, options.where),
    select: selectColumns(model, []),
    take: 2,
  })
  if (!record || another) throw notOneRecord(model, record ? 'more than one record' : 'no record')
  const where = primaryKeyOf(model, record)
  const one = { runtime, model, groups, where, after: null, upTo: null }
  const { done } = await runRotation({ ...options, onError: 'stop' }, one)
  return done > 0
}

function runRotation(
  options: RowRotation & WalkOptions,
  scope: Omit<Rotation, keyof RowRotation | 'batchSize'>,
): Promise<RotateResult> {
  const { mode = 'rewrap', force = false, dryRun = false, verify = false, batchSize = 500 } = options
  return walkTable(createRotationJob({ ...scope, mode, force, dryRun, verify, batchSize }), options)
}

function notOneRecord(model: RecordModel, found: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `rotate(): where finds ${found} of ${model.name}`,
    why: 'It renews the keys of exactly one record.',
    fix: 'Name the record by its id or another unique criterion; for several use rotateAll().',
  })
}
