/** Asks PostgreSQL's catalogue once which models' ids can be fetched from their sequence before the insert. */
import type { RecordModel, RecordModels } from '../records/models.js'
import type { SideClient } from './prisma-internals.js'

/** The sequences that may be used, as quoted and schema-qualified names, by model name. */
export type Catalogue = ReadonlyMap<string, string>

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

const nextIdsQuery = `
SELECT x.m AS model, nextval(x.s::regclass)::text AS id
FROM json_to_recordset($1::json) AS x(m text, s text, n integer), generate_series(1, x.n)`

/** The field whose value a sequence makes, if the model's context id is one such field. */
export function sequenceField(model: RecordModel): string | null {
  const sequences = model.definition.contextId.filter((id) => id.default?.kind === 'sequence')
  return sequences.length === 1 ? (sequences[0]?.field ?? null) : null
}

/**
 * Reads the catalogue for all encrypted models whose id comes from a sequence.
 * @param schema the schema of models without `@@schema`
 */
export async function readCatalogue(
  client: SideClient,
  models: RecordModels,
  schema: string | null,
): Promise<Catalogue> {
  const wanted = [...models.values()].flatMap((model) => {
    const field = model.encrypted ? sequenceField(model) : null
    const scalar = field === null ? undefined : model.definition.scalars[field]
    if (!scalar) return []
    const { table } = model.definition
    return [{ m: model.name, s: model.definition.schema ?? schema, t: table, c: scalar.column }]
  })
  if (wanted.length === 0) return new Map()
  const rows = await client.$queryRawUnsafe(catalogueQuery, JSON.stringify(wanted))
  return new Map(rows.map((row) => [String(row['model']), String(row['sequence'])]))
}

/**
 * Takes ids from the sequences of several models in one round trip.
 * @param counts how many ids each model needs
 * @returns per model the ids as decimal text, ascending
 */
export async function fetchIds(
  client: SideClient,
  catalogue: Catalogue,
  counts: ReadonlyMap<RecordModel, number>,
): Promise<ReadonlyMap<RecordModel, string[]>> {
  const wanted = [...counts].map(([model, n]) => ({ m: model.name, s: catalogue.get(model.name), n }))
  const rows = await client.$queryRawUnsafe(nextIdsQuery, JSON.stringify(wanted))
  const ids = new Map<RecordModel, string[]>()
  for (const model of counts.keys()) {
    const own = rows.filter((row) => row['model'] === model.name).map((row) => String(row['id']))
    ids.set(
      model,
      own.sort((a, b) => Number(BigInt(a) - BigInt(b))),
    )
  }
  return ids
}
