/** One attempt to renew the keys of some rows: new wrappings or new data keys, written where the rows are still as they were read. */
import { parseKeyColumn } from '../envelope/key-column.js'
import type { KmsEncryptedError } from '../errors.js'
import type { FoundValues } from '../extension/dialects/dialect.js'
import type { SideClient } from '../extension/prisma-internals.js'
import type { KmsCall } from '../kms/provider.js'
import type { KeyGroup } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { columnName } from '../records/stored-entries.js'
import type { RenewalAnswers } from './answers.js'
import { writeChanges, type RowChange, type WriteOutcome } from './guarded-writes.js'
import { reencryptColumns } from './re-encrypt.js'
import { attemptRenewal, type DueColumn, type Renewal } from './renewal.js'
import { rewrapColumns } from './rewrap.js'
import type { Rotation } from './rotation.js'
import { findUnknownValues, refuseForUnknown } from './unknown-values.js'
import { refuseWrongLabels } from './wrong-labels.js'

/** How an attempt is made. */
export interface Attempt {
  readonly answers: RenewalAnswers
  /** `null`: the key services are not asked; what is not among the answers fails with `WRITE_CONFLICT`. */
  readonly call: KmsCall | null
  /** The client of a transaction that has locked the rows; `null`: none has. */
  readonly locked: SideClient | null
  /** Takes what cannot be renewed. */
  readonly report: (row: Row, key: string, error: KmsEncryptedError) => void
}

/** What came of the rows that needed something and could be renewed. */
export type RenewedRows = readonly { readonly row: Row; readonly outcome: WriteOutcome }[]

/** One attempt; it writes nothing in a dry run. */
export async function renewOnce(
  rotation: Rotation,
  rows: readonly Row[],
  { answers, call, locked, report }: Attempt,
): Promise<RenewedRows> {
  const { runtime, model, mode, dryRun } = rotation
  const due = rows.flatMap((row) => dueColumns(rotation, row))
  const made = await refuseWrongLabels(
    rotation,
    due,
    await makeRenewals(rotation, due, answers, call),
    locked,
  )
  const surroundings = mode === 're-encrypt' ? await readSurroundings(rotation, due, locked) : null
  const renewals = made.map((renewal, index) => refuseLosses(renewal, due[index], surroundings))
  due.forEach(({ row, group }, index) => {
    const renewal = renewals[index]
    if (renewal?.ok === false) report(row, group.key, renewal.error)
  })
  const changes = combineByRow(due, renewals).map((change): RowChange => {
    const found = surroundings?.get(change.row)
    return found ? { ...change, ...versionOf(found), elsewhere: found.values } : change
  })
  const outcomes = dryRun ? [] : await writeChanges(runtime, model, changes, locked)
  return changes.map(({ row }, index) => ({ row, outcome: dryRun ? 'written' : (outcomes[index] ?? 'lost') }))
}

/**
 * Asks for everything that the renewal of a row as it is now needs, so that it is among the answers.
 * @returns `false` when it cannot be renewed, which was reported
 */
export async function prepareRenewal(
  rotation: Rotation,
  row: Row,
  { answers, call, report }: Omit<Attempt, 'locked'>,
): Promise<boolean> {
  const due = dueColumns(rotation, row)
  const made = await makeRenewals(rotation, due, answers, call)
  made.forEach((renewal, index) => {
    if (!renewal.ok) report(row, due[index]?.group.key ?? '', renewal.error)
  })
  return made.every(({ ok }) => ok)
}

async function makeRenewals(
  { runtime, mode }: Rotation,
  due: readonly DueColumn[],
  answers: RenewalAnswers,
  call: KmsCall | null,
): Promise<Renewal[]> {
  if (mode === 'rewrap') return rewrapColumns(due, answers, call)
  await runtime.loadIndexKeys()
  return reencryptColumns(due, runtime.indexKeys(), answers, call)
}

type Surroundings = ReadonlyMap<Row, FoundValues>

/**
 * What a row holds besides what is known of it here. A deployment that knows more seals under the stored key without
 * changing the key column, so the whole row is guarded by its version (elsewhere than on PostgreSQL it is looked at again
 * under a lock). Read after the key services have answered, so that rows that change all the time can be caught.
 */
async function readSurroundings(
  { runtime, model }: Rotation,
  due: readonly DueColumn[],
  locked: SideClient | null,
): Promise<Surroundings> {
  if (model.exclusive) return new Map()
  const rows = [...new Set(due.map(({ row }) => row))]
  const found = await findUnknownValues(runtime, locked ?? runtime.base, model, rows, true)
  return new Map(rows.map((row, index) => [row, found[index] ?? { values: [] }]))
}

function versionOf({ version }: FoundValues): Pick<RowChange, 'version'> {
  return version === undefined ? {} : { version }
}

/** New data keys must not take the place of one that a value needs which is unknown here. */
function refuseLosses(
  renewal: Renewal,
  due: DueColumn | undefined,
  surroundings: Surroundings | null,
): Renewal {
  const found = due && surroundings?.get(due.row)
  if (!renewal.ok || !found) return renewal
  const checked = attemptRenewal(() => {
    refuseForUnknown(due.group, due.row, found.values)
  })
  return checked.ok ? renewal : checked
}

function dueColumns({ groups, force }: Rotation, row: Row): readonly DueColumn[] {
  return groups.flatMap((group) => {
    const before = row[group.column]
    return typeof before === 'string' && (force || !isCurrent(group, before)) ? [{ group, row, before }] : []
  })
}

/** Whether every entry is of the current version. What cannot be read is due, so that its renewal reports why. */
function isCurrent(group: KeyGroup, text: string): boolean {
  const entries = attemptRenewal(() => parseKeyColumn(text, columnName(group)))
  return entries.ok && entries.value.every((entry) => entry.version === group.config.current)
}

/** The columns of a row that could be renewed change together. */
function combineByRow(due: readonly DueColumn[], renewals: readonly Renewal[]): readonly RowChange[] {
  const changes = new Map<Row, RowChange>()
  due.forEach(({ row }, index) => {
    const renewal = renewals[index]
    if (!renewal?.ok) return
    const others = changes.get(row)
    changes.set(row, {
      row,
      guards: [...(others?.guards ?? []), ...renewal.guards],
      set: { ...others?.set, ...renewal.set },
    })
  })
  return [...changes.values()]
}
