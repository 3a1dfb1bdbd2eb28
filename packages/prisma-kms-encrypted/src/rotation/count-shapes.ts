/** Counts the shapes of a table's rows: in one scan by SQL on PostgreSQL, page by page elsewhere. */
import { delegateOf } from '../extension/prisma-internals.js'
import type { Runtime } from '../extension/runtime.js'
import { columnIdentifier, qualifiedTable } from '../extension/sql.js'
import type { RecordModel, SealedField } from '../records/models.js'
import { readPages } from './pages.js'
import { readLabels, shapeOf, type RowShape, type ShapeColumns, type StoredForm } from './row-shapes.js'

/** A shape and how many rows have it. */
export interface CountedShape {
  readonly shape: RowShape
  readonly rows: number
}

const pageSize = 1000

/**
 * Yields every shape with its rows; the same shape may come several times.
 * @param signal checked between pages; one SQL statement runs to its end
 */
export async function* countShapes(
  runtime: Runtime,
  model: RecordModel,
  columns: ShapeColumns,
  signal: AbortSignal | undefined,
): AsyncGenerator<CountedShape> {
  signal?.throwIfAborted()
  if (runtime.base._activeProvider === 'postgresql') {
    yield* await countBySql(runtime, model, columns)
    return
  }
  const names = [
    ...columns.groups.map((group) => group.column),
    ...columns.fields.map((field) => field.name),
    ...columns.indexes.map((index) => index.column),
  ]
  const delegate = delegateOf(runtime.base, model.delegate)
  const scope = { where: null, columns: names, after: null, upTo: null }
  for await (const { rows } of readPages(delegate, model, scope, pageSize)) {
    for (const row of rows) yield { shape: shapeOf(columns, row), rows: 1 }
    signal?.throwIfAborted()
  }
}

/** Each value is looked at once and only at its beginning, of which PostgreSQL fetches no more than that. */
async function countBySql(
  runtime: Runtime,
  model: RecordModel,
  { groups, fields, indexes }: ShapeColumns,
): Promise<CountedShape[]> {
  const expressions = [
    ...groups.map((group) => labelsExpression(columnIdentifier(model, group.column))),
    ...fields.map((field) => formExpression(field, columnIdentifier(model, field.name))),
    ...indexes.map((index) => `${columnIdentifier(model, index.column)} IS NOT NULL`),
  ]
  const rows = await runtime.base.$queryRawUnsafe(
    `SELECT ${expressions.map((expression, index) => `${expression} AS c${index}`).join(', ')}, count(*) AS n
FROM ${qualifiedTable(model, runtime.schema)} GROUP BY ${expressions.map((_, index) => index + 1).join(', ')}`,
  )
  return rows.map((row) => {
    const values = expressions.map((_, index) => row[`c${index}`])
    return {
      shape: {
        keys: groups.map((_, index) => readLabels(values[index] as string | null)), // of labelsExpression
        fields: fields.map((_, index) => forms[Number(values[groups.length + index])] ?? 'plaintext'),
        indexed: indexes.map((_, index) => values[groups.length + fields.length + index] === true),
      },
      rows: Number(row['n']),
    }
  })
}

/** What the numbers of {@link formExpression} mean. */
const forms: readonly StoredForm[] = ['empty', 'encrypted', 'plaintext']

function labelsExpression(column: string): string {
  return `CASE WHEN ${column} IS NULL THEN NULL WHEN ${column}::text !~ '^v[1-9][0-9]{0,8}:' THEN '?'
WHEN position(' ' IN ${column}::text) = 0 THEN split_part(${column}::text, ':', 1)
ELSE left(regexp_replace(${column}::text, ':[^ ]*', '', 'g'), 1000) END`
}

function formExpression(field: SealedField, column: string): string {
  if (field.type === 'Bytes') {
    return `CASE WHEN ${column} IS NULL THEN 0 WHEN substring(${column} FROM 1 FOR 2) = '\\x4b45'::bytea THEN 1 ELSE 2 END`
  }
  if (field.type === 'String') {
    return `CASE WHEN ${column} IS NULL THEN 0 WHEN left(${column}::text, 3) IN ('S0U', 'S0V', 'S0W', 'S0X') THEN 1 ELSE 2 END`
  }
  const text = `left(ltrim(${column}::text), 4)`
  return `CASE WHEN ${column} IS NULL OR ${text} = 'null' THEN 0 WHEN ${text} IN ('"S0U', '"S0V', '"S0W', '"S0X') THEN 1 ELSE 2 END`
}
