/** The table of branch keys in PostgreSQL: how it is made, and the check that it is what the store relies on. */
import { KmsEncryptedError } from '../errors.js'

type RunStatement = (text: string, values: readonly string[]) => Promise<readonly object[]>

/** The columns, and the types that PostgreSQL reports for them. */
const columnTypes: Readonly<Record<string, RegExp>> = {
  id: /^text$/,
  scope: /^text$/,
  name: /^text$/,
  generation: /^integer$/,
  wrapped: /^bytea$/,
  created_at: /^timestamp(\(\d\))? with time zone$/,
}

/** What must be unique: with these, servers that start a branch key at the same time end with the same one. */
const uniques: readonly string[] = ['id', 'generation,name,scope']

/** The table as an SQL identifier. */
export function quoteTable(schema: string, table: string): string {
  return `"${schema.replaceAll('"', '""')}"."${table.replaceAll('"', '""')}"`
}

/** What creates the table unless it is there. */
export function tableStatements(schema: string, table: string): readonly string[] {
  return [
    `CREATE TABLE IF NOT EXISTS ${quoteTable(schema, table)} (
  id text NOT NULL PRIMARY KEY,
  scope text NOT NULL,
  name text NOT NULL,
  generation integer NOT NULL,
  wrapped bytea NOT NULL,
  created_at timestamptz NOT NULL,
  UNIQUE (scope, name, generation)
)`,
  ]
}

/**
 * Compares the table with what the store needs.
 * @throws INVALID_CONFIGURATION when it is missing, or lacks a column, a type or a unique constraint
 */
export async function checkBranchKeyTable(run: RunStatement, schema: string, table: string): Promise<void> {
  const name = quoteTable(schema, table)
  const rows = (await run(
    `SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required
     FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped`,
    [name],
  )) as { name: string; type: string; required: boolean }[] // the columns of this statement
  const indexes = (await run(
    `SELECT (SELECT string_agg(a.attname::text, ',' ORDER BY a.attname::text COLLATE "C") FROM pg_attribute a
             WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)) AS columns
     FROM pg_index i
     WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL`,
    [name],
  )) as { columns: string }[] // as above
  if (rows.length === 0) throw unusable(schema, table, 'it does not exist')
  for (const [column, type] of Object.entries(columnTypes)) {
    const found = rows.find((row) => row.name === column)
    if (!found) throw unusable(schema, table, `it has no column ${column}`)
    if (!type.test(found.type)) throw unusable(schema, table, `the type of ${column} is ${found.type}`)
    if (!found.required) throw unusable(schema, table, `${column} may be null`)
  }
  for (const unique of uniques) {
    if (indexes.some(({ columns }) => columns === unique)) continue
    throw unusable(schema, table, `nothing makes (${unique.replaceAll(',', ', ')}) unique`)
  }
}

function unusable(schema: string, table: string, detail: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `postgresBranchKeys: the table ${schema}.${table} cannot be used: ${detail}`,
    why: 'A branch key that is lost, or stored twice, loses every record under it.',
    fix: `Create it in a migration (docs/keys.md, "Branch keys"), or once with createTable():\n${tableStatements(schema, table).join(';\n')}`,
  })
}
