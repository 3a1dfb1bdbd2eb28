import { createClient } from './client.js'
import { createDatabase, runSql, type TestDatabase } from './database.js'

let database: TestDatabase

beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

test('each database starts empty, with all tables', async () => {
  const other = await createDatabase()
  await runSql(database.url, `INSERT INTO "Org" (name) VALUES ('a')`)
  expect(await runSql(other.url, 'SELECT * FROM "Org"')).toEqual([])
  expect(await runSql(other.url, 'SELECT * FROM audit.audit_entries')).toEqual([])
  await other.drop()
  await expect(runSql(other.url, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' })
})

test('unique indexes are on blind indexes, never on ciphertext; the twins have both', async () => {
  const listUniques = async (table: string) => {
    const rows = await runSql<{ columns: string }>(
      database.url,
      `SELECT string_agg(a.attname, ' ' ORDER BY a.attnum) AS columns
       FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indexrelid
       WHERE i.indrelid = $1::regclass AND i.indisunique AND NOT i.indisprimary
       GROUP BY i.indexrelid ORDER BY 1`,
      [`"${table}"`],
    )
    return rows.map(({ columns }) => columns)
  }
  expect(await listUniques('Account')).toEqual(['badge_bidx', 'emailBidx', 'orgId taxIdBidx'])
  expect(await listUniques('PlainAccount')).toEqual(
    expect.arrayContaining(['badge', 'badge_bidx', 'email', 'emailBidx', 'orgId taxId', 'orgId taxIdBidx']),
  )
})

test('a client records every statement with its connection', async () => {
  const { prisma, queries } = createClient({ url: database.url, max: 1 })
  await prisma.$transaction(async (tx) => {
    await tx.plainUser.create({ data: { name: 'Ada', updatedAt: new Date(0) } })
    await tx.$queryRaw`SELECT ${'x'} AS x`
  })
  await prisma.$disconnect()
  const sql = queries.map((query) => query.sql)
  expect(sql.at(0)).toBe('BEGIN')
  expect(sql.at(1)).toMatch(/^INSERT INTO "public"."PlainUser"/)
  expect(queries.at(1)?.parameters).toContain('Ada')
  expect(sql.at(-2)).toContain('AS x')
  expect(sql.at(-1)).toBe('COMMIT')
  expect(new Set(queries.map((query) => query.connection)).size).toBe(1)
})
