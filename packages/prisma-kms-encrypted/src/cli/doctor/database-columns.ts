/** Reads from the database's catalogue what columns and unique indexes the tables of the models have. */
import type { Runtime } from '../../extension/runtime.js'
import type { RecordModel } from '../../records/models.js'

/** One column as the database has it. */
export interface DatabaseColumn {
  /** In lower case, without length. */
  readonly type: string
  /** Characters; `null`: no limit. */
  readonly length: number | null
  /** Whether an index begins with this column. */
  readonly indexed: boolean
  /** Whether this column alone is unique. */
  readonly unique: boolean
}

/** The columns of a table by name; empty when there is no such table. */
export type DatabaseColumns = ReadonlyMap<string, DatabaseColumn>

/** Databases whose catalogue is known. */
export function knowsCatalogue({ base }: Runtime): boolean {
  return base._activeProvider in catalogues
}

/** The columns of a model's table. */
export async function readColumns(runtime: Runtime, model: RecordModel): Promise<DatabaseColumns> {
  const { base, schema } = runtime
  const { table } = model.definition
  const read = catalogues[base._activeProvider as keyof typeof catalogues]
  const rows = await read(base.$queryRawUnsafe.bind(base), model.definition.schema ?? schema, table)
  return new Map(
    rows.map((row) => [
      String(row['name']),
      {
        type: String(row['type']).toLowerCase().replace(/\(.*/, '').trim(),
        length: row['length'] === null || row['length'] === undefined ? null : Number(row['length']),
        indexed: Boolean(Number(row['indexed'])),
        unique: Boolean(Number(row['unique'])),
      },
    ]),
  )
}

type Query = Runtime['base']['$queryRawUnsafe']
type Catalogue = (query: Query, schema: string | null, table: string) => ReturnType<Query>

const catalogues: { readonly [provider in 'postgresql' | 'mysql' | 'sqlite']: Catalogue } = {
  postgresql: (query, schema, table) =>
    query(
      `SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type,
  CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4 THEN a.atttypmod - 4 END AS length,
  (EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = r.oid AND i.indisvalid AND i.indkey[0] = a.attnum))::integer AS indexed,
  (EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = r.oid AND i.indisvalid AND i.indisunique AND i.indpred IS NULL
    AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum))::integer AS unique
FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname = $1 AND r.relname = $2 AND r.relkind IN ('r', 'p', 'v', 'f')`,
      schema,
      table,
    ),
  mysql: (query, schema, table) =>
    query(
      `SELECT c.column_name AS name, c.data_type AS type,
  CASE WHEN c.data_type LIKE '%char%' OR c.data_type LIKE '%binary%' THEN c.character_maximum_length END AS length,
  EXISTS (SELECT 1 FROM information_schema.statistics s WHERE s.table_schema = c.table_schema AND s.table_name = c.table_name
    AND s.column_name = c.column_name AND s.seq_in_index = 1) AS indexed,
  EXISTS (SELECT 1 FROM information_schema.statistics s WHERE s.table_schema = c.table_schema AND s.table_name = c.table_name
    AND s.column_name = c.column_name AND s.non_unique = 0 AND NOT EXISTS (SELECT 1 FROM information_schema.statistics o
      WHERE o.table_schema = s.table_schema AND o.table_name = s.table_name AND o.index_name = s.index_name
      AND o.seq_in_index = 2)) AS \`unique\`
FROM information_schema.columns c WHERE c.table_schema = coalesce(?, DATABASE()) AND c.table_name = ?`,
      schema,
      table,
    ),
  sqlite: (query, _schema, table) =>
    query(
      `SELECT c.name AS name, c.type AS type, NULL AS length,
  EXISTS (SELECT 1 FROM pragma_index_list(?) l JOIN pragma_index_info(l.name) i WHERE i.seqno = 0 AND i.name = c.name) AS indexed,
  EXISTS (SELECT 1 FROM pragma_index_list(?) l JOIN pragma_index_info(l.name) i WHERE i.seqno = 0 AND i.name = c.name
    AND l."unique" = 1 AND l.partial = 0 AND (SELECT count(*) FROM pragma_index_info(l.name)) = 1) AS "unique"
FROM pragma_table_info(?) c`,
      table,
      table,
      table,
    ),
}
