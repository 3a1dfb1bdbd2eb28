/** Encrypts some rows: decides over each, writes all under guards, and again where other writers were faster. */
import { KmsEncryptedError } from '../errors.js'
import type { Runtime } from '../extension/runtime.js'
import type { KmsCall } from '../kms/provider.js'
import { KeyRing } from '../records/data-keys.js'
import type { Row } from '../records/open-rows.js'
import { cursorOf } from './cursors.js'
import { writeChanges } from './guarded-writes.js'
import { failureOf } from './renew-rows.js'
import { encryptRow, type EncryptionScope } from './row-encryption.js'
import { readStoredRows } from './stored-rows.js'
import { findUnknownValues } from './unknown-values.js'
import { verifyRows } from './verify-rows.js'
import type { RowFailure } from './walk-options.js'
import type { WorkOutcome } from './walk-table.js'

/** Everything that the parts of a run need to know of it. */
export interface Encryption extends EncryptionScope {
  readonly runtime: Runtime
  readonly dryRun: boolean
  readonly verify: boolean
}

/** A row that others change in every attempt waits for another turn. */
const maxAttempts = 5

/** @param rows rows with their primary key and the columns of their contexts */
export async function encryptRows(
  encryption: Encryption,
  rows: readonly Row[],
  call: KmsCall,
): Promise<WorkOutcome> {
  const { runtime, model, groups } = encryption
  const failures: RowFailure[] = []
  const failed = new Set<string>()
  const report = (row: Row, key: string, error: KmsEncryptedError): void => {
    failures.push(failureOf(model, key, row, error))
    failed.add(cursorOf(model, row))
  }
  const written: Row[] = []
  let pending = rows
  for (let attempt = 1; pending.length > 0 && attempt <= maxAttempts; attempt++) {
    const lost: Row[] = []
    for (const { row, outcome } of await encryptOnce(encryption, pending, report, call)) {
      if (outcome === 'written') written.push(row)
      else if (outcome === 'refused') report(row, groups[0]?.key ?? '', duplicateIndex(encryption))
      else lost.push(row)
    }
    pending = lost
  }
  if (encryption.verify && !encryption.dryRun) {
    for (const { row, group, error } of await verifyRows(runtime, model, groups, written, call))
      report(row, group.key, error)
  }
  const done = written.filter((row) => !failed.has(cursorOf(model, row))).length
  const skipped = rows.length - done - failed.size - pending.length
  return { done, skipped, failed: failed.size, failures, busy: pending }
}

async function encryptOnce(
  encryption: Encryption,
  rows: readonly Row[],
  report: (row: Row, key: string, error: KmsEncryptedError) => void,
  call: KmsCall,
) {
  const { runtime, model, groups, dryRun } = encryption
  const stored = await readStoredRows(runtime, model, rows, storedFields(encryption))
  // After the versions, which guard what is found here too. A row without keys has none to lose.
  const keyed = stored.filter(({ row }) => groups.some(({ column }) => row[column] !== null))
  const keyedRows = keyed.map(({ row }) => row)
  const found = encryption.seals ? await findUnknownValues(runtime, runtime.base, model, keyedRows) : []
  const elsewhere = new Map(keyed.map((row, index) => [row, found[index] ?? []]))
  const ring = new KeyRing()
  const decided = await Promise.all(
    stored.map((row) => encryptRow(encryption, row, elsewhere.get(row) ?? [], ring, call)),
  )
  const changes = stored.flatMap(({ row, version }, index) => {
    const decision = decided[index]
    if (decision?.ok === false) report(row, decision.key, decision.error)
    if (!decision?.ok || Object.keys(decision.set).length === 0) return []
    return [{ row, version, newIndexes: true, guards: [], set: decision.set }]
  })
  const outcomes = dryRun ? [] : await writeChanges(runtime, model, changes)
  return changes.map(({ row }, index) => ({
    row,
    outcome: dryRun ? ('written' as const) : (outcomes[index] ?? ('lost' as const)),
  }))
}

/** Whatever a decision rests on. */
function storedFields({ model, groups }: EncryptionScope): readonly string[] {
  return groups.flatMap((group) => [
    group.column,
    ...group.contextFields.filter((field) => !model.contextFields.has(field)), // other libraries' columns
    ...group.fields.flatMap(({ name }) => [name, ...model.indexesOf(name).map(({ column }) => column)]),
  ])
}

function duplicateIndex({ model }: EncryptionScope): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'WRITE_CONFLICT',
    message: `${model.name}: the index that belongs to the row's value is stored in another row already`,
    why: 'The values of the two rows are equal once they are normalised, and a unique index takes each value once.',
    fix: 'Find the other row by its value, change or delete one of the two, and run encryptAll() again.',
  })
}
