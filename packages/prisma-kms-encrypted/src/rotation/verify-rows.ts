/** Opens every encrypted field of rows that were just written, and tells which do not open. */
import { isKmsEncryptedError, type KmsEncryptedError } from '../errors.js'
import { delegateOf } from '../extension/prisma-internals.js'
import type { Runtime } from '../extension/runtime.js'
import type { KmsCall } from '../kms/provider.js'
import { KeyRing } from '../records/data-keys.js'
import type { KeyGroup, RecordModel } from '../records/models.js'
import { openRows } from '../records/open-rows.js'
import type { Row } from '../records/rows.js'
import { readRows } from './pages.js'

/** A row that does not open, and the key that would have to open it. */
export interface ClosedRow {
  readonly row: Row
  readonly group: KeyGroup
  readonly error: KmsEncryptedError
}

/**
 * Reads rows as they are now and opens the fields of some groups.
 * @returns those that do not open; rows that are gone are no matter
 */
export async function verifyRows(
  runtime: Runtime,
  model: RecordModel,
  groups: readonly KeyGroup[],
  rows: readonly Row[],
  call: KmsCall,
): Promise<readonly ClosedRow[]> {
  if (rows.length === 0) return []
  const delegate = delegateOf(runtime.base, model.delegate)
  const closed: ClosedRow[] = []
  for (const group of groups) {
    const columns = [group.column, ...model.contextFields, ...group.fields.map(({ name }) => name)]
    const stored = await readRows(delegate, model, rows, columns)
    const ring = new KeyRing()
    // All at once is one call to the key service; only when something does not open, each row alone tells which.
    if ((await problemOf(model, stored, ring, call)) === null) continue
    for (const row of stored) {
      const error = await problemOf(model, [row], ring, call)
      if (error) closed.push({ row, group, error })
    }
  }
  return closed
}

async function problemOf(
  model: RecordModel,
  rows: readonly Row[],
  ring: KeyRing,
  call: KmsCall,
): Promise<KmsEncryptedError | null> {
  try {
    await openRows(model, rows, null, ring, call)
    return null
  } catch (error) {
    if (isKmsEncryptedError(error) && call.signal?.aborted !== true) return error
    throw error
  }
}
