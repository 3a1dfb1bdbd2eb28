/** SQLite: one writer at a time, and ids counted in the table `sqlite_sequence`. */
import type { RecordModel } from '../../records/models.js'
import { asWriteConflict, type SideClient } from '../prisma-internals.js'
import { columnIdentifier, findSealedInRows, qualifiedTable, quoted } from '../sql.js'
import type { Catalogue, CountedColumn, Dialect } from './dialect.js'

/** SQLite's ways. */
export const sqlite: Dialect = {
  defaultSchema: 'main',
  isolationLevel: null, // always serializable; drivers refuse other levels
  reportsLostUpdates: true,
  sequences: { read: readSequences, fetchIds },

  /**
   * There are no row locks. A statement that may write takes the database's write lock, also if it changes nothing; in a
   * transaction whose snapshot is no longer the newest it fails (SQLITE_BUSY_SNAPSHOT), so nothing stale is written.
   */
  async lockRows(client, model, _rows, schema) {
    const column = columnIdentifier(model, model.definition.primaryKey[0] ?? '')
    await client.$executeRawUnsafe(
      `UPDATE ${qualifiedTable(model, schema)} SET ${column} = ${column} WHERE FALSE`,
    )
  },

  limitLockWaits: null,

  findSealed: (client, model, rows, schema) => findSealedInRows(client, model, rows, schema),
}

/** `AUTOINCREMENT` may stand nowhere else (SQLite, "CREATE TABLE", column constraints). */
const countsIds = /\bPRIMARY\s+KEY(\s+ASC)?(\s+ON\s+CONFLICT\s+\w+)?\s+AUTOINCREMENT\b/i

/** Without `AUTOINCREMENT`, an id may be given away again after its row was deleted: such tables are left alone. */
async function readSequences(client: SideClient, columns: readonly CountedColumn[]): Promise<Catalogue> {
  const rows = await client.$queryRawUnsafe(
    `SELECT "name", "sql" FROM "main"."sqlite_master" WHERE "type" = 'table'`,
  )
  const counted = new Set(rows.filter((row) => countsIds.test(String(row['sql']))).map((row) => row['name']))
  return new Map(
    columns
      .filter(({ table, schema }) => schema === 'main' && counted.has(table))
      .map(({ model, table, column }) => [
        model.name,
        // A table may hold ids above the counter only if somebody has set that back; then its highest id counts.
        `UPDATE "main"."sqlite_sequence" SET "seq" = max("seq", ` +
          `coalesce((SELECT max(${quoted(column)}) FROM "main".${quoted(table)}), 0)) + ? WHERE "name" = ? RETURNING "seq"`,
      ]),
  )
}

/**
 * Moves the counters on, in one statement a model, which is atomic by itself. Inside the caller's transaction a rollback
 * moves them back, together with the rows that use the ids.
 */
async function fetchIds(
  client: SideClient,
  catalogue: Catalogue,
  counts: ReadonlyMap<RecordModel, number>,
): Promise<ReadonlyMap<RecordModel, string[]>> {
  const ids = new Map<RecordModel, string[]>()
  for (const [model, count] of counts) {
    const { table } = model.definition
    const advance = async (): Promise<unknown> => {
      const [row] = await client.$queryRawUnsafe(catalogue.get(model.name) ?? '', count, table)
      return row?.['seq']
    }
    let last = await advance().catch((error: unknown) => {
      throw asWriteConflict(error)
    })
    if (last === undefined) {
      await client.$executeRawUnsafe(startCounter, table, table)
      last = await advance()
    }
    const end = BigInt(last as number | bigint) // an integer column
    ids.set(
      model,
      Array.from({ length: count }, (_, index) => String(end - BigInt(count - 1 - index))),
    )
  }
  return ids
}

/** The counter's row comes with a table's first insert. */
const startCounter = `INSERT INTO "main"."sqlite_sequence" ("name", "seq") SELECT ?, 0
WHERE NOT EXISTS (SELECT 1 FROM "main"."sqlite_sequence" WHERE "name" = ?)`
