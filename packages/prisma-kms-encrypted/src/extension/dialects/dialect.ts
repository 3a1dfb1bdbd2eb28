/** What differs between databases in our own statements; one file beside this one for each. */
import type { RecordModel } from '../../records/models.js'
import type { Row } from '../../records/open-rows.js'
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
   * Finds what looks encrypted in columns that are no encrypted fields of the model: another deployment may know more of
   * them, as during a rolling deploy.
   * @param rows rows with their primary key; not empty
   * @returns per row the values, or their beginnings
   */
  findSealed(
    client: SideClient,
    model: RecordModel,
    rows: readonly Row[],
    schema: string | null,
  ): Promise<readonly (readonly unknown[])[]>
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
