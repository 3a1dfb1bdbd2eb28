/** Sets the key columns of rows that were just inserted in the same transaction. */
import { KmsEncryptedError } from '../errors.js'
import type { Args } from '../records/arguments.js'
import type { KeyGroup, RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { columnName } from '../records/stored-entries.js'
import { primaryKeyOf } from '../records/place-changes.js'
import { delegateOf, type SideClient } from './prisma-internals.js'

/** One key column to set, of one row. */
export interface KeyColumnUpdate {
  readonly model: RecordModel
  readonly group: KeyGroup
  /** The row, with its primary key and the columns that Prisma would touch by itself. */
  readonly row: Row
  readonly text: string
}

/**
 * Sets null key columns; `@updatedAt` columns keep their values.
 * @throws KmsEncryptedError `WRITE_CONFLICT` when a row is gone or already has a key
 */
export async function setKeyColumns(client: SideClient, updates: readonly KeyColumnUpdate[]): Promise<void> {
  for (const { model, group, row, text } of updates) {
    const { count } = await delegateOf(client, model.delegate).updateMany({
      where: { ...primaryKeyOf(model, row), [group.column]: null },
      data: { [group.column]: text, ...untouched(model, row) },
    })
    if (count !== 1) throw keyNotSet(group)
  }
}

/** Prisma sets `@updatedAt` columns unless data does. */
export function untouched(model: RecordModel, row: Row): Args {
  return Object.fromEntries(touchedColumns(model).map((name) => [name, row[name]]))
}

/** The columns that Prisma sets with every update. */
export function touchedColumns(model: RecordModel): readonly string[] {
  return Object.entries(model.definition.scalars).flatMap(([name, scalar]) =>
    scalar.updatedAt ? [name] : [],
  )
}

function keyNotSet(group: KeyGroup): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'WRITE_CONFLICT',
    message: `${columnName(group)}: the new row changed before its key was set`,
    why: 'A trigger or another writer touched the row inside its own transaction.',
    fix: 'Run the operation again; nothing was written.',
  })
}
