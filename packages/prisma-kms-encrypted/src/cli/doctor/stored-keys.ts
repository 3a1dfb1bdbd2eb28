/** Finds one stored key of each version, among the oldest and the newest records: a whole table may be too long to search. */
import { parseKeyColumn, type KeyEntry } from '../../envelope/key-column.js'
import { delegateOf } from '../../extension/prisma-internals.js'
import type { Runtime } from '../../extension/runtime.js'
import type { KeyGroup, RecordModel } from '../../records/models.js'
import type { Row } from '../../records/rows.js'
import { columnName } from '../../records/stored-entries.js'

/** A key as it is stored, with what its context is made of. */
export interface StoredKey {
  readonly group: KeyGroup
  readonly entry: KeyEntry
  readonly row: Row
}

const recordsAtEachEnd = 500

/** One key of each version that the sample holds, for every key of every model. Nothing of a table that cannot be read. */
export async function sampleKeys({ base, models }: Runtime): Promise<readonly StoredKey[]> {
  const found: StoredKey[] = []
  for (const model of models.values()) {
    if (!model.encrypted) continue
    const rows = await readEnds(delegateOf(base, model.delegate), model).catch(() => []) // checked elsewhere
    for (const group of model.groups.values()) found.push(...versionsIn(group, rows))
  }
  return found
}

async function readEnds(delegate: ReturnType<typeof delegateOf>, model: RecordModel): Promise<Row[]> {
  const { primaryKey } = model.definition
  const columns = [
    ...primaryKey,
    ...model.contextFields,
    ...[...model.groups.values()].map((group) => group.column),
  ]
  const select = Object.fromEntries(columns.map((name) => [name, true]))
  const read = (direction: 'asc' | 'desc') => {
    const orderBy = primaryKey.map((field) => ({ [field]: direction }))
    return delegate.findMany({ select, orderBy, take: recordsAtEachEnd })
  }
  return [...(await read('desc')), ...(await read('asc'))]
}

function versionsIn(group: KeyGroup, rows: readonly Row[]): readonly StoredKey[] {
  const byVersion = new Map<number, StoredKey>()
  for (const row of rows) {
    const text = row[group.column]
    if (typeof text !== 'string') continue
    for (const entry of readEntries(text, columnName(group))) {
      if (!byVersion.has(entry.version)) byVersion.set(entry.version, { group, entry, row })
    }
  }
  return [...byVersion.values()]
}

/** Whether key columns are readable is what `status` counts. */
function readEntries(text: string, where: string): readonly KeyEntry[] {
  try {
    return parseKeyColumn(text, where)
  } catch {
    return []
  }
}
