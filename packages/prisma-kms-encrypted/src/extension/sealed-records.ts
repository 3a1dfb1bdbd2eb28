/** Seals the changes of each existing record together, and fits their keys to the record as it is under the lock. */
import { dropsEntries, sealChanges, type SealedChange } from '../records/change-keys.js'
import type { ChangedRecord } from '../records/data-plan.js'
import { groupBy } from '../records/group-by.js'
import type { UnknownValues } from '../records/kept-entries.js'
import type { RecordModel } from '../records/models.js'
import { sealedText, type Row } from '../records/rows.js'
import type { RowChange } from '../records/place-changes.js'
import type { Target } from './locked-targets.js'
import type { Operation } from './operation.js'
import { asWriteConflict } from './prisma-internals.js'

/** One record with all the changes that the operation makes to it. */
export interface SealedRecord {
  readonly model: RecordModel
  readonly changes: readonly ChangedRecord[]
  /** The same for every target that the record is in. */
  readonly name: string
  readonly sealed: SealedChange
}

/** Seals the changes; several of one record share its data keys, since the last of them would replace the others' keys. */
export async function sealRecords(
  { ring, call }: Operation,
  changes: readonly RowChange[],
): Promise<readonly SealedRecord[]> {
  const sealing = changes.filter(({ changed }) => changed.groups.size > 0) // not an update side that seals nothing
  const records = groupBy(sealing, ({ changed, row }) => recordName(changed.model, row))
  return Promise.all(
    [...records].map(async ([name, ofRecord]) => {
      const own = ofRecord.map(({ changed }) => changed)
      const row = ofRecord.reduce<Row>((merged, change) => Object.assign(merged, change.row), {})
      return { model: modelOf(own), changes: own, name, sealed: await sealChanges(own, row, ring, call) }
    }),
  )
}

/**
 * Fits the key columns to the rows as they are now.
 * @param now the same rows, read again under their locks
 * @returns `false` when values would be under a key that is no longer the stored one
 */
export async function settleRecords(
  operation: Operation,
  records: readonly SealedRecord[],
  now: readonly Target[],
): Promise<boolean> {
  const rows = new Map<string, Row>()
  for (const { changed, rows: found } of now) {
    for (const row of found) {
      const name = recordName(changed.model, row)
      rows.set(name, { ...rows.get(name), ...row })
    }
  }
  const elsewhere = await findUnknownValues(operation, records, rows)
  return records.every(({ name, sealed }) => sealed.settle(rows.get(name) ?? {}, elsewhere.get(name) ?? []))
}

/** Looks into the other columns of rows of which entries are about to be dropped; by record name. */
async function findUnknownValues(
  { runtime, session }: Operation,
  records: readonly SealedRecord[],
  rows: ReadonlyMap<string, Row>,
): Promise<ReadonlyMap<string, UnknownValues>> {
  const found = new Map<string, UnknownValues>()
  const dropping = records.filter(({ name, changes }) =>
    changes.some((changed) => dropsEntries(changed, rows.get(name) ?? {})),
  )
  for (const [model, own] of groupBy(dropping, (record) => record.model)) {
    const keys = own.map(({ name }) => rows.get(name) ?? {})
    try {
      const values = await runtime.dialect?.findSealed(session.client, model, keys, runtime.schema)
      own.forEach(({ name }, index) => found.set(name, values?.[index]?.values ?? []))
    } catch (error) {
      throw asWriteConflict(error)
    }
  }
  return found
}

function recordName(model: RecordModel, row: Row): string {
  return [model.name, ...model.definition.primaryKey.map((field) => sealedText(row[field]))].join('\n')
}

function modelOf([first]: readonly ChangedRecord[]): RecordModel {
  if (!first) throw new TypeError('a record is there because of a change')
  return first.model
}
