/** PostgreSQL: sequences, and row locks by primary key with every column's own type. */
import { OVERHEAD_BYTES } from '../../envelope/field-format.js'
import { groupBy } from '../../records/group-by.js'
import type { RecordModel } from '../../records/models.js'
import type { SideClient } from '../prisma-internals.js'
import { columnIdentifier, encryptedColumns, jsonRow, qualifiedTable } from '../sql.js'
import type { Catalogue, CountedColumn, Dialect } from './dialect.js'

/** PostgreSQL's ways. */
export const postgresql: Dialect = {
  defaultSchema: 'public',
  isolationLevel: null,
  reportsLostUpdates: true,
  sequences: { read: readSequences, fetchIds },

  /** In the order of the primary key, so that two of our own operations never deadlock. */
  async lockRows(client, model, rows, schema) {
    const { primaryKey } = model.definition
    const columns = primaryKey.map((field) => columnIdentifier(model, field))
    const table = qualifiedTable(model, schema)
    const sql = `SELECT 1 FROM ${table} t
JOIN json_populate_recordset(NULL::${table}, $1::json) v ON ${columns.map((column) => `t.${column} = v.${column}`).join(' AND ')}
ORDER BY ${columns.map((column) => `t.${column}`).join(', ')} FOR UPDATE OF t`
    await client.$queryRawUnsafe(sql, JSON.stringify(rows.map((row) => jsonRow(model, primaryKey, row))))
  },

  /** `deadlock_timeout` is a second unless an administrator has changed it. */
  async limitLockWaits(client) {
    await client.$executeRawUnsafe(`SET LOCAL lock_timeout = '500ms'`)
  },

  /** The database itself looks through the columns, whatever their types, and gives only the beginnings of what it finds. */
  async findSealed(client, model, rows, schema, versioned = false) {
    const { primaryKey } = model.definition
    const table = qualifiedTable(model, schema)
    const sameRow = primaryKey
      .map((field) => columnIdentifier(model, field))
      .map((column) => `t.${column} = v.${column}`)
    const sql = `SELECT e.ordinality::integer AS n, ${versioned ? 't.xmin::text' : 'NULL'} AS version, left(c.value, ${4 * OVERHEAD_BYTES}) AS value
FROM json_array_elements($1::json) WITH ORDINALITY e
CROSS JOIN LATERAL json_populate_record(NULL::${table}, e.value) v
JOIN ${table} t ON ${sameRow.join(' AND ')}
${versioned ? 'LEFT' : 'INNER'} JOIN LATERAL json_each_text(row_to_json(t)) c
ON (left(c.value, 4) IN ('S0UB', '\\x4b') OR left(c.value, 6) = 'KE\\001') AND c.key NOT IN (SELECT json_array_elements_text($2::json))`
    const found = await client.$queryRawUnsafe(
      sql,
      JSON.stringify(rows.map((row) => jsonRow(model, primaryKey, row))),
      JSON.stringify(encryptedColumns(model)),
    )
    const byPosition = groupBy(found, (row) => row['n'])
    return rows.map((_, index) => {
      const own = byPosition.get(index + 1) ?? []
      const values = own.flatMap(({ value }) => (value === null ? [] : [fromText(value)]))
      const version = own[0]?.['version']
      return typeof version === 'string' ? { values, version } : { values }
    })
  },
}

/** PostgreSQL gives bytes as `\\x` and hexadecimal digits, or under `bytea_output = 'escape'` as text with octal numbers. */
function fromText(value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (value.startsWith('\\x')) return Buffer.from(value.slice(2), 'hex')
  if (!value.startsWith('KE\\001')) return value
  const byte = (_: string, code: string) => (code === '\\' ? code : String.fromCharCode(parseInt(code, 8)))
  return Buffer.from(value.replaceAll(/\\([0-7]{3}|\\)/g, byte), 'latin1')
}

/**
 * A sequence serves when the id column's own default takes from it (`serial`, or identity BY DEFAULT), nobody forces
 * the database's value (identity ALWAYS), and this role may use it. Nothing here raises an error for what is missing:
 * one error would ruin the transaction that this may have to run in (so the CASE: the function fails on what is no sequence,
 * and the planner may ask it first).
 */
const catalogueQuery = `
SELECT x.m AS model, quote_ident(n.nspname) || '.' || quote_ident(s.relname) AS sequence
FROM json_to_recordset($1::json) AS x(m text, s text, t text, c text)
JOIN pg_namespace q ON q.nspname = x.s
JOIN pg_class r ON r.relnamespace = q.oid AND r.relname = x.t
JOIN pg_attribute a ON a.attrelid = r.oid AND a.attname = x.c AND NOT a.attisdropped
JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid AND d.refobjsubid = a.attnum
  AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
JOIN pg_namespace n ON n.oid = s.relnamespace
WHERE (a.attidentity = 'd' OR EXISTS (
    SELECT 1 FROM pg_attrdef f
    JOIN pg_depend u ON u.classid = 'pg_attrdef'::regclass AND u.objid = f.oid AND u.refobjid = s.oid
    WHERE f.adrelid = r.oid AND f.adnum = a.attnum))
  AND has_schema_privilege(n.oid, 'USAGE')
  AND CASE WHEN s.relkind = 'S' THEN has_sequence_privilege(s.oid, 'USAGE') END`

async function readSequences(client: SideClient, columns: readonly CountedColumn[]): Promise<Catalogue> {
  const wanted = columns.map(({ model, schema, table, column }) => ({
    m: model.name,
    s: schema,
    t: table,
    c: column,
  }))
  const rows = await client.$queryRawUnsafe(catalogueQuery, JSON.stringify(wanted))
  return new Map(rows.map((row) => [String(row['model']), String(row['sequence'])]))
}

/** One round trip for all models, and one row: reading a row for each id would cost more than taking it. */
async function fetchIds(
  client: SideClient,
  catalogue: Catalogue,
  counts: ReadonlyMap<RecordModel, number>,
): Promise<ReadonlyMap<RecordModel, string[]>> {
  const columns: string[] = []
  const parameters: unknown[] = []
  for (const [model, count] of counts) {
    const next = `nextval($${parameters.push(catalogue.get(model.name))}::regclass)`
    columns.push(
      count === 1
        ? `${next}::text AS i${columns.length}`
        : `array_to_string(ARRAY(SELECT ${next} FROM generate_series(1, $${parameters.push(count)}::integer)), ' ') AS i${columns.length}`,
    )
  }
  const [row] = await client.$queryRawUnsafe(`SELECT ${columns.join(', ')}`, ...parameters)
  return new Map([...counts.keys()].map((model, index) => [model, inOrder(row?.[`i${index}`])]))
}

function inOrder(ids: unknown): string[] {
  return String(ids)
    .split(' ')
    .sort((a, b) => Number(BigInt(a) - BigInt(b)))
}
