/** Encrypts some rows: decides over each, writes all under guards, again where others were faster, and under its lock a row that they never leave alone. */
import { KmsEncryptedError } from '../errors.js'
import type { SideClient } from '../extension/prisma-internals.js'
import type { Runtime } from '../extension/runtime.js'
import type { KmsCall } from '../kms/provider.js'
import type { Row } from '../records/rows.js'
import { cursorOf } from './cursors.js'
import { writeChanges, type WriteOutcome } from './guarded-writes.js'
import { failureOf } from './renew-rows.js'
import { readOtherColumns } from './other-columns.js'
import { encryptRow, type Elsewhere, type EncryptionScope } from './row-encryption.js'
import { nothingInHand, type KeysInHand } from './seal-plaintext.js'
import { readStoredRows, type StoredRow } from './stored-rows.js'
import { attemptUnderLock, shortCall, type LockedWork } from './under-lock.js'
import { findUnknownValues } from './unknown-values.js'
import { verifyRows } from './verify-rows.js'
import type { RowFailure } from './walk-options.js'
import type { WorkOutcome } from './table-job.js'

/** Everything that the parts of a run need to know of it. */
export interface Encryption extends EncryptionScope {
  readonly runtime: Runtime
  readonly dryRun: boolean
  readonly verify: boolean
}

/** Attempts without a lock. */
const maxAttempts = 5

const nothing: Elsewhere = { values: [], others: new Map() }

/** How an attempt is made. */
interface Attempt {
  readonly hand: KeysInHand
  readonly call: KmsCall
  /** The client of a transaction that has locked the rows; `null`: none has. */
  readonly locked: SideClient | null
  readonly report: (row: Row, key: string, error: KmsEncryptedError) => void
}

/** @param rows rows with their primary key and the columns of their contexts */
export async function encryptRows(
  encryption: Encryption,
  rows: readonly Row[],
  call: KmsCall,
): Promise<WorkOutcome> {
  const { runtime, model, groups } = encryption
  const failures: RowFailure[] = []
  const failed = new Set<string>()
  const report: Attempt['report'] = (row, key, error) => {
    failures.push(failureOf(model, key, row, error))
    failed.add(cursorOf(model, row))
  }
  const written: Row[] = []
  const busy: Row[] = []
  /** Whether the row has lost against another writer. */
  const hasLost = (row: Row, outcome: WriteOutcome): boolean => {
    if (outcome === 'written') written.push(row)
    else if (outcome === 'refused') report(row, groups[0]?.key ?? '', duplicateIndex(encryption))
    return outcome === 'lost'
  }
  const attempt: Attempt = { hand: nothingInHand(), call, locked: null, report }
  let pending = rows
  for (let number = 1; number <= maxAttempts && pending.length > 0; number++) {
    const lost = (await encryptOnce(encryption, pending, attempt)).filter((one) =>
      hasLost(one.row, one.outcome),
    )
    const versions = new Map(lost.map(({ row, version }) => [cursorOf(model, row), version]))
    const now = await readStoredRows(
      runtime,
      model,
      lost.map(({ row }) => row),
      [],
    )
    const changed = now.filter(({ row, version }) => version !== versions.get(cursorOf(model, row)))
    pending = changed.map(({ row }) => row)
    busy.push(...now.filter((row) => !changed.includes(row)).map(({ row }) => row)) // others hold its lock
  }
  for (const row of pending) {
    const outcome = await encryptUnderLock(encryption, row, attempt)
    if (outcome !== 'settled' && hasLost(row, outcome)) busy.push(row)
  }
  if (encryption.verify && !encryption.dryRun) {
    for (const { row, group, error } of await verifyRows(runtime, model, groups, written, call))
      report(row, group.key, error)
  }
  const done = written.filter((row) => !failed.has(cursorOf(model, row))).length
  const skipped = rows.length - done - failed.size - busy.length
  return { done, skipped, failed: failed.size, failures, busy }
}

/** One row as an attempt found it; nothing is in `set` when nothing is to be done. */
interface Decided {
  readonly row: Row
  readonly version: string
  readonly set: Row
}

/** Decides over some rows as they are stored; what cannot be done is reported. */
async function decideOnce(
  encryption: Encryption,
  rows: readonly Row[],
  { hand, call, locked, report }: Attempt,
): Promise<readonly Decided[]> {
  const { runtime, model, groups } = encryption
  const client = locked ?? runtime.base
  const stored = await readStoredRows(runtime, model, rows, storedFields(encryption), client)
  // After the versions, which guard what is found here too. A row without keys has none to lose.
  const keyed = stored.filter(({ row }) => groups.some(({ column }) => row[column] !== null))
  const keyedRows = keyed.map(({ row }) => row)
  const found = encryption.seals ? await findUnknownValues(runtime, client, model, keyedRows) : []
  const imports = encryption.seals && groups.some((group) => group.imports)
  const others = imports ? await readOtherColumns(runtime, client, model, keyedRows) : []
  const elsewhere = new Map(
    keyed.map((row, index): [StoredRow, Elsewhere] => [
      row,
      { values: found[index]?.values ?? [], others: others[index] ?? nothing.others },
    ]),
  )
  const decided = await Promise.all(
    stored.map((row) => encryptRow(encryption, row, elsewhere.get(row) ?? nothing, hand, call)),
  )
  return stored.flatMap(({ row, version }, index) => {
    const decision = decided[index]
    if (decision?.ok === false) report(row, decision.key, decision.error)
    return decision?.ok ? [{ row, version, set: decision.set }] : []
  })
}

async function encryptOnce(encryption: Encryption, rows: readonly Row[], attempt: Attempt) {
  const { runtime, model, dryRun } = encryption
  const decided = await decideOnce(encryption, rows, attempt)
  const due = decided.filter(({ set }) => Object.keys(set).length > 0)
  const changes = due.map((one) => ({ ...one, newIndexes: true, guards: [] }))
  const outcomes = dryRun ? [] : await writeChanges(runtime, model, changes, attempt.locked)
  return due.map(({ row, version }, index) => ({
    row,
    version,
    outcome: dryRun ? ('written' as const) : (outcomes[index] ?? ('lost' as const)),
  }))
}

/**
 * Encrypts a row that others change all the time, while they have to wait. Everything is decided once before, so that under
 * the lock the keys are in hand; only where the row's own keys have changed since is the key service asked, and not for long.
 * @returns `'settled'`: nothing to do any more, or reported
 */
async function encryptUnderLock(
  encryption: Encryption,
  row: Row,
  attempt: Attempt,
): Promise<WriteOutcome | 'settled'> {
  const work: LockedWork = {
    prepare: async () => (await decideOnce(encryption, [row], attempt)).length > 0,
    async attempt(locked, report) {
      const inside = { ...attempt, locked, call: shortCall(attempt.call), report }
      const [done] = await encryptOnce(encryption, [row], inside)
      return done?.outcome ?? 'settled'
    },
  }
  return attemptUnderLock(encryption.runtime, encryption.model, row, work, attempt.report)
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
