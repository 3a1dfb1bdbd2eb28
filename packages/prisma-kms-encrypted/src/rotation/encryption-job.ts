/** Turns the encryption of one model's rows into a job for the walk: which rows are due, and what is read of them. */
import { KmsEncryptedError } from '../errors.js'
import { delegateOf } from '../extension/prisma-internals.js'
import { anyNull, type Args } from '../records/arguments.js'
import type { RecordModel, SealedField } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { primaryKeyOf } from '../records/place-changes.js'
import { cursorOf } from './cursors.js'
import { encryptRows, type Encryption } from './encrypt-rows.js'
import { orderOf, readPages, selectColumns, within, type PageScope } from './pages.js'
import { failureOf } from './renew-rows.js'
import type { TableJob } from './table-job.js'

/** Which rows of the table are walked. */
export interface EncryptedRows {
  /** Planned: encrypted fields are named by their indexes. `null`: all. */
  readonly where: Args | null
  /** Primary key of the row before the first one; `null`: from the beginning. */
  readonly after: Row | null
  /** Primary key of the last row; `null`: to the end. */
  readonly upTo: Row | null
  readonly batchSize: number
}

/** The job that encrypts what is plaintext and fills what is not indexed. */
export function createEncryptionJob(
  encryption: Encryption,
  { where, after, upTo, batchSize }: EncryptedRows,
): TableJob {
  const { runtime, model, groups } = encryption
  const delegate = delegateOf(runtime.base, model.delegate)
  const columns = [...new Set(groups.flatMap((group) => group.contextFields))]
  const scopeOf = (conditions: readonly Args[]): PageScope => ({
    where: { AND: [...(where ? [where] : []), ...conditions] },
    columns,
    after,
    upTo,
  })
  const fields = groups.flatMap((group) => group.fields)
  const all = scopeOf([])
  const conditions = fields.flatMap((field) => dueRows(encryption, field))
  // Prisma takes an empty condition among others for none, where it means every row.
  const everyRow = conditions.some((condition) => Object.keys(condition).length === 0)
  const due = everyRow ? all : scopeOf([{ OR: conditions }])
  const readAgain = (rows: readonly Row[]): Promise<readonly Row[]> =>
    rows.length === 0
      ? Promise.resolve([])
      : delegate.findMany({
          where: { OR: rows.map((row) => primaryKeyOf(model, row)) },
          select: selectColumns(model, columns),
          orderBy: orderOf(model),
        })
  return {
    async count() {
      const [total, left] = await Promise.all([
        delegate.count({ where: within(model, all) }),
        delegate.count({ where: within(model, due) }),
      ])
      return { total, settled: Math.max(0, total - left) }
    },
    batches: () => readPages(delegate, model, due, batchSize),
    work: (rows, signal) => encryptRows(encryption, rows, { ...runtime.call, signal }),
    readAgain,
    cursorOf: (row) => cursorOf(model, row),
    giveUp: (row) => failureOf(model, groups[0]?.key ?? '', row, heldByOthers(model)),
  }
}

/** The rows in which a field may need something, as far as the database can tell. */
function dueRows({ model, openSealed }: Encryption, field: SealedField): readonly Args[] {
  const { name, required, type } = field
  // Prisma refuses to compare a required field with null, which it cannot be.
  const present = required ? {} : { NOT: { [name]: type === 'Json' ? { equals: anyNull } : null } }
  const prefix = field.codec.sealedPrefix
  const plain =
    prefix === null || openSealed ? present : { AND: [present, { NOT: { [name]: { startsWith: prefix } } }] }
  const indexes = model
    .indexesOf(name)
    .flatMap(({ column }): Args[] => [
      { AND: [present, { [column]: null }] },
      ...(required ? [] : [{ [name]: null, [column]: { not: null } }]),
    ])
  return [plain, ...indexes]
}

function heldByOthers(model: RecordModel): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'WRITE_CONFLICT',
    message: `${model.name}: other writers kept the row locked`,
    why: 'A row is changed only if it is still what was read, and its lock is not waited for long.',
    fix: 'Run it again; it does only what is left.',
  })
}
