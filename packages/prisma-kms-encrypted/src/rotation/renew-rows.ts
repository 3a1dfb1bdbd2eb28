/** Renews the keys of some rows: at first in the open, again where others were faster, and under its lock a row that they never leave alone. */
import { KmsEncryptedError } from '../errors.js'
import type { SideClient } from '../extension/prisma-internals.js'
import type { KmsCall } from '../kms/provider.js'
import { identityOf } from '../records/context.js'
import type { RecordModel } from '../records/models.js'
import { sealedText, type Row } from '../records/rows.js'
import { noAnswers } from './answers.js'
import { cursorOf } from './cursors.js'
import type { WriteOutcome } from './guarded-writes.js'
import { prepareRenewal, renewOnce, type Attempt } from './renew-once.js'
import type { Rotation } from './rotation.js'
import { attemptUnderLock, shortCall, type LockedWork } from './under-lock.js'
import { verifyRows } from './verify-rows.js'
import type { RowFailure } from './walk-options.js'
import type { WorkOutcome } from './table-job.js'

/** Attempts without a lock. */
const maxAttempts = 5

/** Reads rows as they are now, in a transaction if one is given. */
type ReadAgain = (rows: readonly Row[], client?: SideClient) => Promise<readonly Row[]>

/**
 * Renews what is due of some rows.
 * @param readAgain reads rows as they are now
 */
export async function renewRows(
  rotation: Rotation,
  rows: readonly Row[],
  readAgain: ReadAgain,
  call: KmsCall,
): Promise<WorkOutcome> {
  const { runtime, model, groups, verify } = rotation
  const failures: RowFailure[] = []
  const failed = new Set<string>()
  const written: Row[] = []
  const busy: Row[] = []
  const report = (row: Row, key: string, error: KmsEncryptedError): void => {
    failures.push(failureOf(model, key, row, error))
    failed.add(cursorOf(model, row))
  }
  /** Whether the row has lost against another writer, and nothing else is to be said of it. */
  const hasLost = (row: Row, outcome: WriteOutcome): boolean => {
    if (outcome === 'written') written.push(row)
    else if (outcome === 'refused') report(row, groups[0]?.key ?? '', duplicateIndex(model))
    return outcome === 'lost' && !failed.has(cursorOf(model, row))
  }
  const answers = noAnswers()
  let pending = rows
  for (let attempt = 1; attempt <= maxAttempts && pending.length > 0; attempt++) {
    const renewed = await renewOnce(rotation, pending, { answers, call, locked: null, report })
    const lost = renewed.flatMap(({ row, outcome }) => (hasLost(row, outcome) ? [row] : []))
    const before = new Map(lost.map((row) => [cursorOf(model, row), rowText(row)]))
    const now = await readAgain(lost)
    pending = now.filter((row) => rowText(row) !== before.get(cursorOf(model, row)))
    busy.push(...now.filter((row) => !pending.includes(row))) // others hold its lock
  }
  for (const row of pending) {
    const outcome = await renewUnderLock(rotation, row, readAgain, { answers, report }, call)
    if (outcome !== 'settled' && hasLost(row, outcome)) busy.push(row)
  }
  if (verify) {
    for (const { row, group, error } of await verifyRows(runtime, model, groups, written, call))
      report(row, group.key, error)
  }
  const done = written.filter((row) => !failed.has(cursorOf(model, row))).length
  const skipped = rows.length - done - failed.size - busy.length
  return { done, skipped, failed: failed.size, failures, busy }
}

/**
 * Renews a row that others change all the time, while they have to wait. The key services are asked before; only if the
 * keys themselves change every time, the last attempt asks again while it holds the lock, and not for long.
 * @returns `'settled'`: gone or current by now, or reported
 */
async function renewUnderLock(
  rotation: Rotation,
  row: Row,
  readAgain: ReadAgain,
  { answers, report }: Pick<Attempt, 'answers' | 'report'>,
  call: KmsCall,
): Promise<WriteOutcome | 'settled'> {
  const work: LockedWork = {
    async prepare() {
      const [seen] = await readAgain([row])
      return seen !== undefined && prepareRenewal(rotation, seen, { answers, call, report })
    },
    async attempt(locked, reportLater, isLast) {
      const now = await readAgain([row], locked)
      const lastCall = isLast ? shortCall(call) : null
      const attempt = { answers, call: lastCall, locked, report: reportLater }
      const [renewed] = await renewOnce(rotation, now, attempt)
      return renewed?.outcome ?? 'settled'
    },
  }
  return attemptUnderLock(rotation.runtime, rotation.model, row, work, report)
}

/** The report of a row that was left as it is. */
export function failureOf(model: RecordModel, key: string, row: Row, error: KmsEncryptedError): RowFailure {
  return { id: identityOf(model, row)?.id ?? cursorOf(model, row), key, error }
}

function rowText(row: Row): string {
  const names = Object.keys(row).sort()
  return JSON.stringify(
    names.map((name) => [name, row[name]]),
    (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : sealedText(value)),
  )
}

function duplicateIndex(model: RecordModel): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'WRITE_CONFLICT',
    message: `${model.name}: the index that belongs to the row's value is stored in another row already`,
    why: 'Indexes are computed again with new data keys, and a unique index takes each value once.',
    fix: 'Find the two rows, for instance by raw SQL, and change one of them.',
  })
}
