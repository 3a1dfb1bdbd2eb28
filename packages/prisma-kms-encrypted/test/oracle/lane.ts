/** One database with the clients that sequences run on, and everything that is checked after a sequence. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { scanForCanaries } from '../support/canaries.js'
import { createClient, type LoggedQuery } from '../support/client.js'
import { createDatabase } from '../support/database.js'
import { createExtendedClient, plainKeys } from '../support/extended-client.js'
import { delegateOf, type DynamicClient, type Side } from './clients.js'
import type { SequenceDescription } from './descriptions.js'
import { Difference } from './difference.js'
import { firstRows } from './first-rows.js'
import { fixtureModels, modelNames, type ModelName } from './fixture-models.js'
import { compareValues, normalResult } from './outcomes.js'
import type { Mutation } from './mutations.js'
import { SequenceRun } from './run-sequence.js'
import type { Statistics } from './statistics.js'

/** What a lane is made with. */
export interface LaneOptions {
  readonly statistics: Statistics
  /** `plain`: the encrypted models through a plain client, which proves that the comparison itself is right. */
  readonly underTest?: 'extended' | 'plain'
  /** Makes the client under test wrong on purpose. */
  readonly mutation?: Mutation
  /** Every write gets data keys of its own. */
  readonly freshKeys?: boolean
}

/** Runs sequences one after another. */
export interface Lane {
  /** @throws Difference */
  run(sequence: SequenceDescription): Promise<void>
  close(): Promise<void>
}

/** Makes a lane on a database of its own. */
export async function createLane({
  statistics,
  underTest = 'extended',
  mutation,
  freshKeys = false,
}: LaneOptions): Promise<Lane> {
  const database = await createDatabase()
  const { url } = database
  const control = new pg.Client({ connectionString: url })
  await control.connect()
  const oracle = createClient({ url, max: 5 })
  const clients = new Map<string, { client: DynamicClient; close: () => Promise<void> }>()
  let token = ''
  const leaks: string[] = []

  function noteLeak(query: LoggedQuery): void {
    if (underTest === 'plain' || !query.parameters.some((parameter) => holds(parameter, token))) return
    leaks.push(query.sql)
  }

  function clientFor({ pool, setup }: Pick<SequenceDescription, 'pool' | 'setup'>): DynamicClient {
    const name = `${pool} ${setup}`
    const known = clients.get(name)
    if (known) return known.client
    const options = {
      url,
      max: pool === 'one' ? 1 : 5,
      log: noteLeak,
      ...(setup === 'omit-keys' ? { prisma: { omit: omittedKeys() } } : {}),
    }
    const { default: main, phone } = setup === 'after-insert' ? lateKeys : plainKeys
    const keys = { default: { ...main, freshKeys }, phone: { ...phone, freshKeys } }
    const { plain, prisma, queries } = createExtendedClient(options, { keys })
    // The generated types do not fit arguments that are only known at run time.
    const dynamic = (underTest === 'plain' ? plain : prisma) as unknown as DynamicClient
    const client = mutation ? mutation(dynamic, plain as unknown as DynamicClient) : dynamic
    clients.set(name, { client, close: () => plain.$disconnect() })
    setInterval(() => (queries.length = 0), 1_000).unref()
    return client
  }

  async function run(sequence: SequenceDescription): Promise<void> {
    token = `canary${randomBytes(8).toString('hex')}`
    leaks.length = 0
    await control.query(emptyTablesSql)
    const client = clientFor(sequence)
    const sides: readonly [Side, Side] = [
      { index: 0, client, twins: false, fillsIndexes: underTest === 'plain' },
      { index: 1, client: oracle.prisma as unknown as DynamicClient, twins: true, fillsIndexes: true },
    ]
    const keyColumns = sequence.setup !== 'omit-keys'
    const arena = { sides, keyColumns, refuses: underTest === 'extended' && !mutation, statistics }
    const running = new SequenceRun(arena, token)
    if (sequence.start === 'rows') await running.run(firstRows)
    await running.run(sequence.steps)
    oracle.queries.length = 0
    await compareTables(running, [
      { ...sides[0], client: clientFor({ pool: 'many', setup: 'default' }) },
      sides[1],
    ])
    if (leaks.length > 0) throw new Difference('a statement carried plaintext', leaks, [])
    if (underTest === 'extended') {
      const found = await scanForCanaries(url, [token])
      if (found.length > 0) throw new Difference('the tables hold plaintext', found, [])
      const { rows } = await control.query(unsealedSql)
      if (rows.length > 0) throw new Difference('an encrypted column holds what is no ciphertext', rows, [])
    }
    statistics.sequences++
  }

  return {
    run,
    async close() {
      for (const { close } of clients.values()) await close()
      await oracle.prisma.$disconnect()
      await control.end()
      await database.drop()
    },
  }
}

/** Everything that the models hold, read through both clients, in the order of the ids. */
async function compareTables(running: SequenceRun, sides: readonly [Side, Side]): Promise<void> {
  for (const model of modelNames) {
    const ordered = running.idsFollowData && ['Int', 'BigInt'].includes(fixtureModels[model].id)
    const args = ordered ? { orderBy: { id: 'asc' } } : {}
    const [mine, oracle] = await Promise.all(
      sides.map(async (side) => {
        const rows = await delegateOf(side, side.client, model)['findMany']?.(args)
        return normalResult(model, 'findMany', args, rows, {
          ...running.origin(side.index),
          keyColumns: side.index === 0,
        })
      }),
    )
    compareValues(`all of ${model}, afterwards`, mine, oracle)
  }
}

const lateKeys = {
  default: { ...plainKeys.default, eager: 'after-insert' as const },
  phone: { ...plainKeys.phone, eager: 'after-insert' as const },
}

function omittedKeys(): Record<string, Record<string, boolean>> {
  return Object.fromEntries(
    modelNames.flatMap((name: ModelName) => {
      const { keyColumns } = fixtureModels[name]
      const delegate = name.slice(0, 1).toLowerCase() + name.slice(1)
      return keyColumns.length > 0
        ? [[delegate, Object.fromEntries(keyColumns.map((column) => [column, true]))]]
        : []
    }),
  )
}

function holds(parameter: unknown, token: string): boolean {
  if (token === '') return false
  if (typeof parameter === 'string') return parameter.includes(token)
  if (parameter instanceof Uint8Array) return Buffer.from(parameter).includes(token)
  if (Array.isArray(parameter)) return parameter.some((item) => holds(item, token))
  if (typeof parameter === 'object' && parameter !== null)
    return (JSON.stringify(parameter) ?? '').includes(token)
  return false
}

// DELETE is quicker than TRUNCATE on tables of a few rows; children first.
const emptyTablesSql = [
  'DELETE FROM "_PostToTag"; DELETE FROM "_PlainPostToPlainTag"',
  ...[...modelNames].reverse().flatMap((name) => {
    const { schema, table, twinTable } = fixtureModels[name]
    return [table, twinTable].map((one) => `DELETE FROM "${schema}"."${one}"`)
  }),
].join(';')

/** Values of encrypted columns that do not begin as ciphertext does; a JSON null is stored as it is. */
const unsealedSql = modelNames
  .flatMap((name) => {
    const { schema, table, columns, secrets } = fixtureModels[name]
    return Object.entries(secrets).map(([field, { kind }]) => {
      const column = `"${columns[field] ?? field}"`
      const sealed =
        kind === 'bytes'
          ? `substr(${column}, 1, 3) = '\\x4b4501'`
          : kind === 'json'
            ? `(jsonb_typeof(${column}) = 'null' OR ${column} #>> '{}' LIKE 'S0UB%')`
            : `${column} LIKE 'S0UB%'`
      return `SELECT '${name}.${field}' AS field, left(${column}::text, 100) AS value FROM "${schema}"."${table}" WHERE NOT ${sealed}`
    })
  })
  .join(' UNION ALL ')
