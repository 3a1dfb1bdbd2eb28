/** Turns the rotation of one model into a job for the walk: which rows are due, and what is read of them. */
import { KmsEncryptedError } from '../errors.js'
import { touchedColumns } from '../extension/key-column-writes.js'
import { delegateOf, type SideClient } from '../extension/prisma-internals.js'
import type { Args } from '../records/arguments.js'
import type { KeyGroup, RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { cursorOf } from './cursors.js'
import { readPages, readRows, within, type PageScope } from './pages.js'
import { failureOf, renewRows } from './renew-rows.js'
import type { Rotation } from './rotation.js'
import type { TableJob } from './table-job.js'

/** The job that renews the keys of a model's rows. */
export function createRotationJob(rotation: Rotation): TableJob {
  const { runtime, model, groups, where, after, upTo, force, batchSize } = rotation
  const delegate = delegateOf(runtime.base, model.delegate)
  const columns = columnsOf(rotation)
  const scopeOf = (keys: readonly Args[]): PageScope => ({
    where: { AND: [...(where ? [where] : []), { OR: keys }] },
    columns,
    after,
    upTo,
  })
  const all = scopeOf(groups.map(({ column }) => ({ [column]: { not: null } })))
  const due = force ? all : scopeOf(groups.flatMap(notCurrent))
  const readAgain = (rows: readonly Row[], client: SideClient = runtime.base) =>
    readRows(delegateOf(client, model.delegate), model, rows, columns)
  return {
    async count() {
      const [total, left] = await Promise.all([
        delegate.count({ where: within(model, all) }),
        delegate.count({ where: within(model, due) }),
      ])
      return { total, settled: Math.max(0, total - left) }
    },
    batches: () => readPages(delegate, model, due, batchSize),
    work: (rows, signal) => renewRows(rotation, rows, readAgain, { ...runtime.call, signal }),
    readAgain: (rows) => readAgain(rows),
    cursorOf: (row) => cursorOf(model, row),
    giveUp: (row) => failureOf(model, groups[0]?.key ?? '', row, heldByOthers(model)),
  }
}

/** What must be read of a row: its keys, what contexts are made of, and for new data keys the values themselves. */
function columnsOf({ model, groups, mode }: Rotation): readonly string[] {
  const fields = mode === 're-encrypt' ? groups.flatMap((group) => group.fields.map(({ name }) => name)) : []
  const columns = [...groups.map((group) => group.column), ...model.contextFields, ...touchedColumns(model)]
  return [...new Set([...columns, ...fields])]
}

/** Key columns with an entry of another version, as far as the database can tell: of several, any may be older. */
function notCurrent({ column, config }: KeyGroup): readonly Args[] {
  const newest = { [column]: { startsWith: `v${config.current}:` } }
  return [{ [column]: { not: null }, NOT: newest }, { [column]: { contains: ' ' } }]
}

function heldByOthers(model: RecordModel): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'WRITE_CONFLICT',
    message: `${model.name}: other writers kept the row locked`,
    why: 'A row is changed only if it is still what was read, and its lock is not waited for long.',
    fix: 'Run it again; it does only what is left.',
  })
}
