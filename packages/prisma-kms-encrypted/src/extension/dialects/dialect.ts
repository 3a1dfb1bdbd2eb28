/** What differs between databases in our own statements; one file beside this one for each. */
import type { RecordModel } from '../../records/models.js'
import type { Row } from '../../records/rows.js'
import type { SideClient } from '../prisma-internals.js'

/** One database's ways. */
export interface Dialect {
  /** The schema of models without `@@schema`, as in Prisma's own statements; `null`: tables are named without one. */
  readonly defaultSchema: string | null
  /** Isolation of the transactions that we open; `null`: the server's own. */
  readonly isolationLevel: string | null
  /**
   * Whether an `update` whose `where` no longer matches fails with P2025 also when another writer changed the record in
   * that very moment. Where it does not, records are updated under locks.
   */
  readonly reportsLostUpdates: boolean
  /** How ids are taken before the insert; `null`: the database has no way. */
  readonly sequences: Sequences | null
  /**
   * Locks rows until the transaction ends; those that are gone are ignored.
   * @param rows rows with their primary key and what was read of them; not empty
   * @param schema the connection's schema
   * @throws KmsEncryptedError `WRITE_CONFLICT` when the transaction cannot see what it has locked
   */
  lockRows(client: SideClient, model: RecordModel, rows: readonly Row[], schema: string | null): Promise<void>
  /**
   * Bounds how long any lock is waited for in the transaction of `client`, below the time after which the database looks
   * for deadlocks, so that whoever else waits is never their victim. `null`: it finds deadlocks at once, or has no locks of
   * single rows.
   */
  readonly limitLockWaits: ((client: SideClient) => Promise<void>) | null
  /**
   * Finds what looks encrypted in columns that are no encrypted fields of the model: another deployment may know more of
   * them, as during a rolling deploy.
   * @param rows rows with their primary key; not empty
   * @param versioned whether to read each row's version too, in the same moment, where the database has one (of a view none)
   */
  findSealed(
    client: SideClient,
    model: RecordModel,
    rows: readonly Row[],
    schema: string | null,
    versioned?: boolean,
  ): Promise<readonly FoundValues[]>
}

/** What looks encrypted in the columns of one row that are no encrypted fields. */
export interface FoundValues {
  /** The values, or their beginnings. */
  readonly values: readonly unknown[]
  /** PostgreSQL's `xmin` of the row; left out when it was not asked for, or the row is gone. */
  readonly version?: string
}

/** The column of an id that the database counts. */
export interface CountedColumn {
  readonly model: RecordModel
  readonly schema: string | null
  readonly table: string
  readonly column: string
}

/** What ids can be taken from, by model name, in words that only its dialect understands. */
export type Catalogue = ReadonlyMap<string, string>

/** A database's way to take ids before the insert. */
export interface Sequences {
  /** Which of the columns can be served. Raises no error for what is missing: it may run in the caller's transaction. */
  read(client: SideClient, columns: readonly CountedColumn[]): Promise<Catalogue>
  /**
   * Takes ids that nobody else will get.
   * @param counts how many ids each model needs; all are in the catalogue
   * @returns per model the ids as decimal text, ascending
   */
  fetchIds(
    client: SideClient,
    catalogue: Catalogue,
    counts: ReadonlyMap<RecordModel, number>,
  ): Promise<ReadonlyMap<RecordModel, string[]>>
}
