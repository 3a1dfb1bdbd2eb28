/** Two schemas with the same tables: every statement of ours stays in the connection's own. */
import { rotateAll } from '../../src/index.js'
import { useExtendedDatabase } from '../support/extended-database.js'
import { connectTenant, createTenant, loadTenantClient } from '../support/tenants.js'

const database = useExtendedDatabase()
let tenantClient: Awaited<ReturnType<typeof loadTenantClient>>

beforeAll(async () => {
  tenantClient = await loadTenantClient()
  await createTenant(database.url, 'tenant A')
  await createTenant(database.url, 'tenant B')
  await database.sql(
    `SELECT setval('"tenant A"."User_id_seq"', 1000), setval('"tenant B"."User_id_seq"', 2000)`,
  )
})
afterAll(() => tenantClient.remove())

const lastIds = () =>
  database.sql(`SELECT a.last_value::int AS a, b.last_value::int AS b
    FROM "tenant A"."User_id_seq" a, "tenant B"."User_id_seq" b`)

test("ids come from the sequence of the adapter's schema, keys and locks go to its tables", async () => {
  const prisma = connectTenant(tenantClient.PrismaClient, database.url, 'tenant A')
  const user = await prisma.user.create({
    data: { name: 'Ada', posts: { create: { title: 't', body: 'b' } } },
  })
  expect(user.id).toBe(1001)
  expect(await lastIds()).toEqual([{ a: 1001, b: 2000 }])
  await prisma.$transaction((tx) => tx.user.update({ where: { id: user.id }, data: { email: 'locked' } }))
  const late = { title: 't', body: 'late', author: { create: { name: 'late author' } } }
  await prisma.post.create({ data: late })
  expect(await rotateAll(prisma.user, { key: 'default', force: true })).toMatchObject({
    done: 2,
    failed: 0,
  })
  const users = await prisma.user.findMany({ include: { posts: true }, orderBy: { id: 'asc' } })
  expect(users).toMatchObject([
    { name: 'Ada', email: 'locked', posts: [{ body: 'b' }] },
    { name: 'late author', posts: [{ body: 'late' }] },
  ])
  expect(await database.sql('SELECT FROM "tenant B"."User" UNION ALL SELECT FROM public."User"')).toEqual([])
  await prisma.$disconnect()
})

// Prisma qualifies everything with `public` then, whatever the search path says.
test('without the option everything happens in public, also when the search_path names another schema', async () => {
  const url = await database.createRole(
    `ALTER ROLE $role SUPERUSER; ALTER ROLE $role SET search_path = "tenant B"`,
  )
  const prisma = connectTenant(tenantClient.PrismaClient, url)
  const { id } = await prisma.user.create({ data: { name: 'Bob' } })
  await prisma.$transaction((tx) => tx.user.update({ where: { id }, data: { email: 'locked' } }))
  expect(await rotateAll(prisma.user, { key: 'default', force: true })).toMatchObject({
    done: 1,
    failed: 0,
  })
  expect(await prisma.user.findMany()).toMatchObject([{ id: 1, name: 'Bob', email: 'locked' }])
  expect(await database.sql('SELECT id FROM public."User"')).toEqual([{ id: 1 }])
  expect(await lastIds()).toMatchObject([{ b: 2000 }])
  await prisma.$disconnect()
})
