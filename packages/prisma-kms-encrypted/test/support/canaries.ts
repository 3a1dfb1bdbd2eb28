/** Turns "no plaintext may be stored" into a search of the raw tables for every form that plaintext could take. */
import pg from 'pg'

/** One place where a canary was found. */
export interface CanaryFinding {
  /** The canary; bytes as lower-case hex. */
  readonly canary: string
  /** `plain`, `json` (escaped), `hex`, or `base64+n`: encoded together with `n` other bytes before it. */
  readonly form: string
  /** `schema.table.column`. */
  readonly column: string
  /** The whole row as the database prints it, cut to 300 characters. */
  readonly row: string
}

interface Needle {
  readonly canary: string
  readonly form: string
  readonly bytes: Buffer
}

/**
 * Searches every text, bytea and json column of all tables but the unencrypted twins.
 *
 * @param canaries plaintexts of at least 8 bytes, too unlikely to occur by chance
 * @returns every place found; an empty list is what a test expects
 */
export async function scanForCanaries(
  url: string,
  canaries: readonly (string | Uint8Array)[],
): Promise<CanaryFinding[]> {
  const needles = canaries.flatMap(listForms)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const findings: CanaryFinding[] = []
    for (const { schema, table, column, type } of await listColumns(client)) {
      const name = client.escapeIdentifier(column)
      const { rows } = await client.query<{ value: string | Buffer; row: string }>(
        `SELECT ${type === 'bytea' ? name : `${name}::text`} AS value, left(t::text, 300) AS row
         FROM ${client.escapeIdentifier(schema)}.${client.escapeIdentifier(table)} t WHERE ${name} IS NOT NULL`,
      )
      for (const { value, row } of rows) {
        for (const { canary, form } of findNeedles(Buffer.from(value as string), needles)) {
          findings.push({ canary, form, column: `${schema}.${table}.${column}`, row })
        }
      }
    }
    return findings
  } finally {
    await client.end()
  }
}

function findNeedles(value: Buffer, needles: readonly Needle[]): readonly Needle[] {
  const lowerCase = Buffer.from(value.toString('latin1').toLowerCase(), 'latin1')
  return needles.filter(({ form, bytes }) => (form === 'hex' ? lowerCase : value).includes(bytes))
}

function listForms(canary: string | Uint8Array): Needle[] {
  const plain = Buffer.from(canary as string)
  if (plain.length < 8) throw new Error('a canary of under 8 bytes may occur by chance')
  const name = typeof canary === 'string' ? canary : plain.toString('hex')
  const forms: [form: string, bytes: Buffer][] = [
    ['plain', plain],
    ['hex', Buffer.from(plain.toString('hex'))],
    ...[0, 1, 2].flatMap((before): [string, Buffer][] => {
      // Only the characters that depend on the canary alone: not those that share bits with its neighbours.
      const skip = Math.ceil((before * 8) / 6)
      const take = Math.floor(((before + plain.length) * 8) / 6) - skip
      const padded = Buffer.concat([Buffer.alloc(before), plain])
      const core = padded.toString('base64').slice(skip, skip + take)
      const urlSafe = core.replaceAll('+', '-').replaceAll('/', '_')
      return [...new Set([core, urlSafe])].map((text) => [`base64+${before}`, Buffer.from(text)])
    }),
  ]
  if (typeof canary === 'string') {
    const escaped = JSON.stringify(canary).slice(1, -1)
    if (escaped !== canary) forms.push(['json', Buffer.from(escaped)])
  }
  return forms.map(([form, bytes]) => ({ canary: name, form, bytes }))
}

interface Column {
  readonly schema: string
  readonly table: string
  readonly column: string
  readonly type: string
}

async function listColumns(client: pg.Client): Promise<Column[]> {
  const { rows } = await client.query<Column>(`
    SELECT table_schema AS schema, table_name AS table, column_name AS column, data_type AS type
    FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
      AND data_type IN ('text', 'character varying', 'character', 'bytea', 'json', 'jsonb')
      AND table_name !~ '^_?[Pp]lain'
    ORDER BY 1, 2, 3`)
  return rows
}
