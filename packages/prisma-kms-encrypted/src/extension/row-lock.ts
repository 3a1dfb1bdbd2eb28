/** Locks rows in the transaction of the statement that will change them. */
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { unsupported } from '../records/refusals.js'
import { asWriteConflict } from './prisma-internals.js'
import type { Runtime } from './runtime.js'
import type { Session } from './transactions.js'

/**
 * Locks rows until the transaction ends.
 * @param rows rows with their primary key and what was read of them; those that are gone are ignored
 * @throws KmsEncryptedError `UNSUPPORTED_OPERATION` on databases without a dialect; `WRITE_CONFLICT` where the
 *   transaction's snapshot is older than the lock; Prisma's P2034 for a conflict
 */
export async function lockRows(
  { base, dialect, schema }: Runtime,
  { client }: Session,
  model: RecordModel,
  rows: readonly Row[],
): Promise<void> {
  if (!dialect) {
    throw unsupported(
      model.name,
      `changing several records at once, or inside a transaction, on ${base._activeProvider}`,
      'Update one record at a time, outside transactions.',
    )
  }
  if (rows.length === 0) return
  try {
    await dialect.lockRows(client, model, rows, schema)
  } catch (error) {
    throw asWriteConflict(error)
  }
}
