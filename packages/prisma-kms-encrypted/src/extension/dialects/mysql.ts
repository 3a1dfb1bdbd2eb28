/** MySQL and MariaDB: ids only by the insert itself; row locks beside snapshots that do not show what is locked. */
import { KmsEncryptedError } from '../../errors.js'
import type { RecordModel } from '../../records/models.js'
import type { Row } from '../../records/rows.js'
import { columnIdentifier, findSealedInRows, qualifiedTable } from '../sql.js'
import type { Dialect } from './dialect.js'

/** MySQL's and MariaDB's ways. */
export const mysql: Dialect = {
  defaultSchema: null, // a schema is a database there, and the connection's own is the default
  // Under the default, REPEATABLE READ, rows would be read after the lock as they were before it.
  isolationLevel: 'ReadCommitted',
  // Prisma finds the record in one statement and changes it in the next, and does not count what that has changed.
  reportsLostUpdates: false,
  sequences: null,

  async lockRows(client, model, rows, schema) {
    const { primaryKey } = model.definition
    const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].map((field) =>
      identifier(model, field),
    )
    const keys = primaryKey.map((field) => identifier(model, field))
    const one = `(${keys.map((key) => `${key} = ?`).join(' AND ')})`
    // By the primary key alone, whatever the planner thinks of a small table: a scan would wait for rows of others.
    const sql = `SELECT ${columns.join(', ')} FROM ${qualifiedTable(model, schema, '`')} FORCE INDEX (PRIMARY)
WHERE ${rows.map(() => one).join(' OR ')} ORDER BY ${keys.join(', ')}`
    const values = rows.flatMap((row) => primaryKey.map((field) => row[field]))
    const locked = await client.$queryRawUnsafe(`${sql} FOR UPDATE`, ...values)
    const seen = await client.$queryRawUnsafe(sql, ...values)
    if (asText(locked) !== asText(seen)) throw staleSnapshot(model)
  },

  limitLockWaits: null,

  findSealed: (client, model, rows, schema) => findSealedInRows(client, model, rows, schema, '`'),
}

function identifier(model: RecordModel, field: string): string {
  return columnIdentifier(model, field, '`')
}

function asText(rows: readonly Row[]): string {
  return JSON.stringify(rows, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
}

function staleSnapshot(model: RecordModel): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'WRITE_CONFLICT',
    message: `${model.name}: another writer has changed a record's key since this transaction began to read`,
    why: 'Under REPEATABLE READ, the default of MySQL and MariaDB, a transaction goes on reading what was there before, and would seal under a key that is no longer stored.',
    fix: 'Run the transaction again, or give it isolationLevel: ReadCommitted.',
  })
}
