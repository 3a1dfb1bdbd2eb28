/** Runs the oracle's random sequences on another database: the extended client on one, plain twins on one like it. */
import { randomBytes } from 'node:crypto'
import { ColumnTypeEnum } from '@prisma/driver-adapter-utils'
import fc from 'fast-check'
import { delegateOf, type DynamicClient, type Side } from '../oracle/clients.js'
import type { CallDescription, SequenceDescription, StepDescription } from '../oracle/descriptions.js'
import { Difference } from '../oracle/difference.js'
import { firstRows } from '../oracle/first-rows.js'
import { fixtureModels, modelNames } from '../oracle/fixture-models.js'
import { sequences } from '../oracle/operations.js'
import { compareValues, normalResult } from '../oracle/outcomes.js'
import { SequenceRun } from '../oracle/run-sequence.js'
import { Statistics } from '../oracle/statistics.js'
import { plainKeys } from '../support/extended-client.js'
import { connectTo, type OtherClient, type OtherConfig, type OtherDatabase } from './other-database.js'
import type { Rewrite } from './recording-adapter.js'

const runs = Number(process.env['ORACLE_RUNS'] ?? 25)
/** Fixed, so that a change is judged by itself; `ORACLE_SEED` gives another. */
const seeds = { mysql: 7, sqlite: 148_391_201 }
const length = 20

const setups: Readonly<Record<SequenceDescription['setup'], { config?: OtherConfig; options?: object }>> = {
  default: {},
  'after-insert': {
    config: {
      keys: {
        default: { ...plainKeys.default, eager: 'after-insert' },
        phone: { ...plainKeys.phone, eager: 'after-insert' },
      },
    },
  },
  'omit-keys': { options: { omit: omittedKeys() } },
}

/** The test that no sequence differs from plain Prisma and none leaves plaintext behind. */
export function compareWithPlainPrisma(kind: OtherDatabase): void {
  const seed = Number(process.env['ORACLE_SEED'] ?? seeds[kind.name])
  test(`${runs} sequences give what plain Prisma gives (ORACLE_SEED=${seed})`, async () => {
    const statistics = new Statistics()
    const lane = await createLane(kind, statistics)
    try {
      await fc.assert(
        fc.asyncProperty(sequences(length), (sequence) => lane.run(sequence)),
        { seed, numRuns: runs },
      )
    } finally {
      console.info(`Oracle on ${kind.name}, ORACLE_SEED=${seed}: ${statistics.toString()}`)
      await lane.close()
    }
  }, 600_000)
}

async function createLane(kind: OtherDatabase, statistics: Statistics) {
  // SQLite has one writer at a time, so both sides need databases of their own to be in transactions at once.
  const [database, twins] = [await kind.createDatabase(true), await kind.createDatabase(true)]
  const oracle = connectTo(kind, twins, {}, {}, snapshotRewrite(kind))
  const clients = new Map<string, OtherClient>()
  const clientFor = (setup: SequenceDescription['setup']): OtherClient => {
    const { config, options } = setups[setup]
    const client = clients.get(setup) ?? connectTo(kind, database, config, options, snapshotRewrite(kind))
    clients.set(setup, client)
    return client
  }

  async function run(sequence: SequenceDescription): Promise<void> {
    const token = `canary${randomBytes(8).toString('hex')}`
    const { prisma, statements } = clientFor(sequence.setup)
    // The generated types do not fit arguments that are only known at run time.
    const dynamic = (client: object) => client as DynamicClient
    const sides: readonly [Side, Side] = [
      { index: 0, client: dynamic(prisma), twins: false, fillsIndexes: false },
      { index: 1, client: dynamic(oracle.plain), twins: true, fillsIndexes: true },
    ]
    const plain = dynamic(clientFor('default').plain)
    for (const model of [...modelNames].reverse()) {
      await delegateOf(sides[0], plain, model)['deleteMany']?.({})
      await delegateOf(sides[1], sides[1].client, model)['deleteMany']?.({})
    }
    statements.length = 0
    const keyColumns = sequence.setup !== 'omit-keys'
    const running = new SequenceRun({ sides, keyColumns, refuses: true, statistics }, token)
    try {
      if (sequence.start === 'rows') await running.run(firstRows)
      await running.run(possibleSteps(kind, sequence.steps))
    } catch (error) {
      if (!isFaultOfPrisma(kind, error)) throw error
      statistics.countStep('sequences ended by a fault of Prisma itself')
      return
    }
    const leaks = statements.filter(({ parameters }) => parameters.some((value) => holds(value, token)))
    if (leaks.length > 0) throw new Difference('a statement carried plaintext', leaks, [])
    await compareTables(running, [{ ...sides[0], client: dynamic(clientFor('default').prisma) }, sides[1]])
    for (const model of modelNames) {
      const rows = await delegateOf(sides[0], plain, model)['findMany']?.({})
      if (holds(rows, token)) throw new Difference(`the table of ${model} holds plaintext`, rows, [])
    }
    statistics.sequences++
  }

  return {
    run,
    async close() {
      for (const client of [...clients.values(), oracle]) await client.close()
      await database.drop()
      await twins.drop()
    },
  }
}

/** The oracle reads what exists by one statement in PostgreSQL's words (oracle/known-rows.ts). */
function snapshotRewrite({ name }: OtherDatabase): Rewrite {
  const text = name === 'mysql' ? 'CHAR' : 'TEXT'
  return async (query, send) => {
    if (!query.sql.includes('json_build_object')) return send(query)
    const standard = query.sql
      .replaceAll(/"(public|audit)"\./g, '')
      .replaceAll('json_build_object', 'JSON_OBJECT')
      .replaceAll(/("\w+")::text/g, `CAST($1 AS ${text})`)
    const sql =
      name === 'mysql'
        ? standard.replaceAll(/("\w+") \|\| '\/' \|\| ("\w+")/g, "CONCAT($1, '/', $2)").replaceAll('"', '`')
        : standard
    const result = await send({ ...query, sql })
    return { ...result, columnTypes: [ColumnTypeEnum.Text, ColumnTypeEnum.Json] }
  }
}

/**
 * On MySQL, Prisma's `updateMany` and `deleteMany` filter by relations in a form in which the server does not find the
 * columns (P2022); the library's own statements find the rows first.
 */
function isFaultOfPrisma({ name }: OtherDatabase, error: unknown): boolean {
  return name === 'mysql' && error instanceof Difference && error.message.includes('instead of P2022')
}

/** The same steps, without what the database does not know. */
function possibleSteps({ name }: OtherDatabase, steps: readonly StepDescription[]): StepDescription[] {
  // SQLite's columns have no length, and MySQL's are those of mariadb.database.ts.
  const known = ({ refusal }: CallDescription) => refusal !== 'VALUE_TOO_LONG'
  const adapt = name === 'mysql' ? withoutReturned : withoutSkipping
  return steps.flatMap((step): StepDescription[] => {
    if (step.step === 'call') return known(step.call) ? [{ ...step, call: adapt(step.call) }] : []
    return [{ ...step, calls: step.calls.filter(known).map(adapt) }]
  })
}

/** SQLite has no `skipDuplicates`; the library leaves out branches that are not taken, and so what is invalid in them. */
function withoutSkipping<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutSkipping) as T
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype)
    return value
  const entries = Object.entries(value).filter(([name]) => name !== 'skipDuplicates')
  return Object.fromEntries(entries.map(([name, inner]) => [name, withoutSkipping(inner as unknown)])) as T
}

/** MySQL has no `createManyAndReturn` and no `updateManyAndReturn`. */
function withoutReturned(call: CallDescription): CallDescription {
  if (!call.operation.endsWith('AndReturn')) return call
  const { select: _, include: __, omit: ___, ...args } = call.args as Record<string, unknown>
  return { ...call, operation: call.operation.replace('AndReturn', ''), args }
}

/** Everything that the models hold, read through both clients. */
async function compareTables(running: SequenceRun, sides: readonly [Side, Side]): Promise<void> {
  for (const model of modelNames) {
    const ordered = running.idsFollowData && ['Int', 'BigInt'].includes(fixtureModels[model].id)
    const args = ordered ? { orderBy: { id: 'asc' } } : {}
    const [mine, oracle] = await Promise.all(
      sides.map(async (side) =>
        normalResult(
          model,
          'findMany',
          args,
          await delegateOf(side, side.client, model)['findMany']?.(args),
          { ...running.origin(side.index), keyColumns: side.index === 0 },
        ),
      ),
    )
    compareValues(`all of ${model}, afterwards`, mine, oracle)
  }
}

function omittedKeys(): Record<string, Record<string, boolean>> {
  return Object.fromEntries(
    modelNames.flatMap((name) => {
      const { keyColumns } = fixtureModels[name]
      const delegate = name.slice(0, 1).toLowerCase() + name.slice(1)
      return keyColumns.length > 0
        ? [[delegate, Object.fromEntries(keyColumns.map((column) => [column, true]))]]
        : []
    }),
  )
}

function holds(value: unknown, token: string): boolean {
  if (typeof value === 'string') return value.includes(token)
  if (value instanceof Uint8Array) return Buffer.from(value).includes(token)
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).some((inner) => holds(inner, token))
}
