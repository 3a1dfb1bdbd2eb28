/** The records of both sides, how they are put back before each write, and how both sides are compared after it. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { createDatabase } from '../support/database.js'
import { createExtendedClient } from '../support/extended-client.js'
import type { LoggedQuery } from '../support/client.js'
import { Prisma } from '../generated/prisma/client.js'
import type { Args, ModelName } from './cell.js'

/** Any of the clients, for arguments that are known at run time only. */
export type DynamicClient = Record<string, Record<string, (args: object) => Promise<unknown>>> & {
  $transaction(work: unknown): Promise<unknown>
}

/** The table's database with all that cells need. */
export interface Fixture {
  readonly encrypted: DynamicClient
  /** Without the extension. */
  readonly plain: DynamicClient
  /** Statements of both sides since the last reset. */
  readonly queries: LoggedQuery[]
  /** Puts all records back if anything was written. */
  reset(): Promise<void>
  /** All records of one side, in comparable form. */
  state(side: 'encrypted' | 'twin'): Promise<unknown>
  close(): Promise<void>
}

const models: readonly ModelName[] = ['Org', 'Tag', 'User', 'Profile', 'Post', 'Account', 'Membership']

const seeds: Readonly<Record<string, readonly Args[]>> = {
  Org: [
    { id: 1, name: 'one' },
    { id: 2, name: 'two' },
  ],
  Tag: [{ id: 1, label: 'old' }],
  User: [
    {
      id: 1,
      handle: 'ada',
      name: 'Ada',
      email: 'ada@x.org',
      notes: { a: 1 },
      phone: '+1',
      nickname: 'a',
      orgId: 1,
    },
    { id: 2, handle: 'bob', name: 'Bob', email: null, nickname: 'b', orgId: 1 },
    {
      id: 3,
      handle: 'cyd',
      name: 'Cyd',
      email: 'cyd@x.org',
      notes: Prisma.JsonNull,
      nickname: 'b',
      orgId: 2,
    },
  ],
  Profile: [{ id: '11111111-1111-4111-8111-111111111111', bio: 'bio of Ada', userId: 1 }],
  Post: [
    { id: 1, title: 'first', body: 'one', authorId: 1 },
    { id: 2, title: 'second', body: 'two', authorId: 1, editorId: 2 },
  ],
  Account: [
    {
      id: 1,
      label: 'a',
      email: 'ada@x.org',
      phone: '111',
      city: 'paris',
      taxId: 'T1',
      badge: 'B1',
      orgId: 1,
      ownerId: 1,
    },
    {
      id: 2,
      label: 'b',
      email: 'bob@x.org',
      phone: '222',
      city: 'rome',
      taxId: 'T2',
      badge: 'B2',
      orgId: 1,
      ownerId: 1,
      referrerId: 1,
    },
    { id: 3, label: 'b', orgId: 2, ownerId: 2, referrerId: 1 },
    {
      id: 4,
      label: 'd',
      email: 'dan@x.org',
      phone: '111',
      city: 'oslo',
      taxId: 'T1',
      badge: 'B4',
      orgId: 2,
      referrerId: 2,
    },
  ],
  Membership: [{ orgId: 1, userNo: 1, level: 'gold', secret: 's' }],
}

/** Delegate of a model, on either side: `User` → `user`, `plainUser`. */
export function delegateName(model: string, side: 'encrypted' | 'twin'): string {
  return side === 'twin' ? `plain${model}` : model.slice(0, 1).toLowerCase() + model.slice(1)
}

/** Makes the database and fills both sides with the same records. */
export async function createFixture(): Promise<Fixture> {
  const database = await createDatabase()
  const { plain, prisma, queries } = createExtendedClient({ url: database.url })
  const encrypted = prisma as unknown as DynamicClient
  const twins = plain as unknown as DynamicClient
  for (const [model, rows] of Object.entries(seeds)) {
    for (const row of rows) {
      await encrypted[delegateName(model, 'encrypted')]?.['create']?.({ data: row })
      await twins[delegateName(model, 'twin')]?.['create']?.({ data: row })
    }
    if (model !== 'Post') continue
    const tags = { where: { id: 1 }, data: { tags: { connect: { id: 1 } } } }
    await encrypted['post']?.['update']?.(tags)
    await twins['plainPost']?.['update']?.(tags)
  }
  const control = new pg.Client({ connectionString: database.url })
  await control.connect()
  const reset = await copyTables(control)

  return {
    encrypted,
    plain: twins,
    queries,
    reset: async () => {
      const changed = queries.some(({ sql }) => /^(INSERT|UPDATE|DELETE)/.test(sql))
      queries.length = 0
      if (changed) await control.query(reset)
    },
    async state(side) {
      const client = side === 'encrypted' ? encrypted : twins
      const tables = models.map(async (model) => {
        const include = model === 'Post' ? { include: { tags: true } } : {}
        const rows = await client[delegateName(model, side)]?.['findMany']?.({ ...include })
        return [model, sorted(comparable(rows, {}))]
      })
      return Object.fromEntries((await Promise.all(tables)) as [string, unknown][]) as unknown
    },
    async close() {
      await control.end()
      await plain.$disconnect()
      await database.drop()
    },
  }
}

/** Keeps a copy of every filled table. @returns the statements that put the copies back */
async function copyTables(control: pg.Client): Promise<string> {
  const copies = `copies_${randomBytes(4).toString('hex')}`
  const { rows } = await control.query<{ name: string; filled: boolean }>(`
    SELECT tablename AS name, (xpath('/row/c/text()', query_to_xml(
      format('SELECT count(*) AS c FROM %I.%I', schemaname, tablename), false, true, '')))[1]::text::int > 0 AS filled
    FROM pg_tables WHERE schemaname = 'public'`)
  await control.query(`CREATE SCHEMA ${copies}`)
  for (const { name } of rows)
    await control.query(`CREATE TABLE ${copies}."${name}" AS TABLE public."${name}"`)
  const { rows: sequences } = await control.query<{ name: string }>(
    `SELECT sequencename AS name FROM pg_sequences WHERE schemaname = 'public'`,
  )
  await control.query('SET session_replication_role = replica') // foreign keys are right again at the end
  return [
    ...rows.map(({ name }) => `DELETE FROM public."${name}"`),
    ...rows
      .filter(({ filled }) => filled)
      .map(({ name }) => `INSERT INTO public."${name}" SELECT * FROM ${copies}."${name}"`),
    ...sequences.map(({ name }) => `SELECT setval('public."${name}"', 1000)`),
  ].join(';')
}

const managed = /^encryptedKmsKey|Bidx$/
const times = /^(updatedAt|createdAt)$/

/**
 * A result without what the sides must differ in: columns that only one of them has (where they were not asked for),
 * times, and the ids of new records.
 */
export function comparable(value: unknown, args: Args): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => comparable(item, args))
  if (value instanceof Date || value instanceof Uint8Array || typeof value !== 'object' || value === null)
    return value
  const selection = (args['select'] ?? args['include'] ?? {}) as Args // an argument object
  const named = args['select'] !== undefined
  const entries = Object.entries(value).flatMap(([name, inner]: [string, unknown]): [string, unknown][] => {
    if (times.test(name)) return [[name, inner === null ? null : 'time']]
    if (!named && managed.test(name)) return []
    if (/id$/i.test(name) && (isNew(inner) || name === 'id')) return [[name, isNew(inner) ? 'new' : inner]]
    const nested = selection[name]
    return [[name, comparable(inner, typeof nested === 'object' && nested !== null ? (nested as Args) : {})]]
  })
  return Object.fromEntries(entries)
}

/** Sequences start at 1,000; new text ids are none of the known ones. */
function isNew(id: unknown): boolean {
  return typeof id === 'number'
    ? id >= 1000
    : typeof id === 'string' && id.length === 36 && !id.startsWith('1111')
}

/** Rows in one order, whatever order they came in. */
export function sorted(rows: unknown): unknown {
  if (!Array.isArray(rows)) return rows
  const texts = rows.map((row: unknown) => [JSON.stringify(row), row] as const)
  return texts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, row]) => row)
}
