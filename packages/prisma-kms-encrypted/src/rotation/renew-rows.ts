/** Renews the keys of some rows: makes new wrappings or new data keys, writes them under guards, and again where others were faster. */
import { parseKeyColumn } from '../envelope/key-column.js'
import { KmsEncryptedError } from '../errors.js'
import type { KmsCall } from '../kms/provider.js'
import { identityOf } from '../records/context.js'
import type { KeyGroup, RecordModel } from '../records/models.js'
import { columnName, sealedText, type Row } from '../records/open-rows.js'
import { cursorOf } from './cursors.js'
import { writeChanges, type RowChange, type WriteOutcome } from './guarded-writes.js'
import { reencryptColumns } from './re-encrypt.js'
import { attemptRenewal, type DueColumn, type Renewal } from './renewal.js'
import { rewrapColumns } from './rewrap.js'
import type { Rotation } from './rotation.js'
import { readStoredRows } from './stored-rows.js'
import { findUnknownValues, refuseForUnknown } from './unknown-values.js'
import { verifyRows } from './verify-rows.js'
import type { RowFailure } from './walk-options.js'
import type { WorkOutcome } from './walk-table.js'

/** A row that others change in every attempt waits for another turn. */
const maxAttempts = 5

/**
 * Renews what is due of some rows.
 * @param readAgain reads rows as they are now
 */
export async function renewRows(
  rotation: Rotation,
  rows: readonly Row[],
  readAgain: (rows: readonly Row[]) => Promise<readonly Row[]>,
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
  let pending = rows
  for (let attempt = 1; pending.length > 0; attempt++) {
    const lost = new Map<string, Row>()
    for (const { row, outcome } of await renewOnce(rotation, pending, report, call)) {
      if (outcome === 'written') written.push(row)
      else if (outcome === 'refused') report(row, groups[0]?.key ?? '', duplicateIndex(model))
      else if (!failed.has(cursorOf(model, row))) lost.set(cursorOf(model, row), row)
    }
    const now = await readAgain([...lost.values()])
    const changed = now.filter((row) => rowText(row) !== rowText(lost.get(cursorOf(model, row)) ?? {}))
    pending = attempt < maxAttempts ? changed : []
    busy.push(...(attempt < maxAttempts ? now.filter((row) => !changed.includes(row)) : now))
  }
  if (verify) {
    for (const { row, group, error } of await verifyRows(runtime, model, groups, written, call))
      report(row, group.key, error)
  }
  const done = written.filter((row) => !failed.has(cursorOf(model, row))).length
  const skipped = rows.length - done - failed.size - busy.length
  return { done, skipped, failed: failed.size, failures, busy }
}

/** One attempt; what cannot be renewed is reported. */
async function renewOnce(
  rotation: Rotation,
  rows: readonly Row[],
  report: (row: Row, key: string, error: KmsEncryptedError) => void,
  call: KmsCall,
): Promise<readonly { readonly row: Row; readonly outcome: WriteOutcome }[]> {
  const { runtime, model, mode, dryRun } = rotation
  const due = rows.flatMap((row) => dueColumns(rotation, row))
  if (mode === 're-encrypt') await runtime.loadIndexKeys()
  const made =
    mode === 're-encrypt'
      ? await reencryptColumns(due, runtime.indexKeys(), call)
      : await rewrapColumns(due, call)
  const surroundings = mode === 're-encrypt' ? await readSurroundings(rotation, due) : null
  const renewals = made.map((renewal, index) => refuseLosses(renewal, due[index], surroundings))
  due.forEach(({ row, group }, index) => {
    const renewal = renewals[index]
    if (renewal?.ok === false) report(row, group.key, renewal.error)
  })
  const changes = combineByRow(due, renewals).map((change) => ({
    ...change,
    ...surroundings?.get(change.row),
  }))
  const outcomes = dryRun ? [] : await writeChanges(runtime, model, changes)
  return changes.map(({ row }, index) => ({ row, outcome: dryRun ? 'written' : (outcomes[index] ?? 'lost') }))
}

type Surroundings = ReadonlyMap<Row, Pick<RowChange, 'version' | 'elsewhere'>>

/**
 * What a row holds besides what is known of it here. A deployment that knows more seals under the stored key without
 * changing the key column, so the whole row is guarded from before it is looked at: after the key service has answered,
 * so that rows that change all the time can be caught.
 */
async function readSurroundings(
  { runtime, model, groups }: Rotation,
  due: readonly DueColumn[],
): Promise<Surroundings> {
  if (model.exclusive) return new Map()
  const rows = [...new Set(due.map(({ row }) => row))]
  const columns = groups.map(({ column }) => column)
  const guarded = runtime.base._activeProvider === 'postgresql' // elsewhere it is looked at again under a lock
  const stored = guarded ? await readStoredRows(runtime, model, rows, columns) : []
  const versions = new Map(stored.map(({ row, version }) => [cursorOf(model, row), version]))
  const values = await findUnknownValues(runtime, runtime.base, model, rows)
  return new Map(
    rows.map((row, index) => {
      const version = versions.get(cursorOf(model, row))
      return [row, { elsewhere: values[index] ?? [], ...(version === undefined ? {} : { version }) }]
    }),
  )
}

/** New data keys must not take the place of one that a value needs which is unknown here. */
function refuseLosses(
  renewal: Renewal,
  due: DueColumn | undefined,
  surroundings: Surroundings | null,
): Renewal {
  const elsewhere = due && surroundings?.get(due.row)?.elsewhere
  if (!renewal.ok || !elsewhere) return renewal
  const checked = attemptRenewal(() => {
    refuseForUnknown(due.group, due.row, elsewhere)
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
