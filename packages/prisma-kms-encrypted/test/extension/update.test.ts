import { createDatabase, runSql, type TestDatabase } from '../support/database.js'
import { createExtendedClient } from '../support/extended-client.js'

let database: TestDatabase
let client: ReturnType<typeof createExtendedClient>

beforeAll(async () => {
  database = await createDatabase()
  client = createExtendedClient({ url: database.url })
})
afterAll(async () => {
  await client.plain.$disconnect()
  await database.drop()
})

test('a partial update is two statements and seals under the stored key', async () => {
  const { prisma, queries, kms } = client
  const { id } = await prisma.user.create({ data: { name: 'Ada', email: 'a@example.com', phone: '1' } })
  const key = (await runSql(database.url, 'SELECT "encryptedKmsKey" k FROM "User" WHERE id=$1', [id]))[0]?.['k']
  queries.length = 0
  kms.reset()
  const updated = await prisma.user.update({ where: { id }, data: { email: 'b@example.com' } })
  expect(updated).toMatchObject({ email: 'b@example.com', name: 'Ada', phone: '1' })
  expect(queries.map(({ sql }) => sql.trim().split(/\s/)[0])).toEqual(['SELECT', 'UPDATE'])
  expect(kms.counts.unwrap.items).toBe(2)
  expect((await runSql(database.url, 'SELECT "encryptedKmsKey" k FROM "User" WHERE id=$1', [id]))[0]?.['k']).toBe(key)
})

test.each([false, true])('50 concurrent partial updates of one row lose nothing (in transactions: %s)', async (inside) => {
  const { prisma } = client
  const { id } = await prisma.device
    .create({ data: { token: new Uint8Array([1]), owner: { create: { name: 'owner' } } } })
    .then((device) => ({ id: device.ownerId }))
  await runSql(database.url, 'UPDATE "User" SET "encryptedKmsKey"=NULL, name=$2 WHERE id=$1', [id, ''])
  await runSql(database.url, 'ALTER TABLE "User" ALTER name DROP NOT NULL')
  await runSql(database.url, 'UPDATE "User" SET name=NULL WHERE id=$1', [id])
  const fields = ['email', 'notes', 'name', 'avatar', 'phone'] as const
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const field = fields[index % 5] ?? 'email'
      const value = field === 'avatar' ? new Uint8Array([index]) : field === 'notes' ? { n: index } : `writer ${index}`
      const data = { [field]: value }
      if (inside) await prisma.$transaction((tx) => tx.user.update({ where: { id }, data }), { maxWait: 30_000, timeout: 30_000 })
      else await prisma.user.update({ where: { id }, data })
    }),
  )
  const user = await prisma.user.findUniqueOrThrow({ where: { id } })
  expect(user.email).toMatch(/^writer \d+$/)
  expect(user.name).toMatch(/^writer \d+$/)
  expect(user.phone).toMatch(/^writer \d+$/)
  expect(user.avatar?.length).toBe(1)
  expect(user.notes).toEqual({ n: expect.any(Number) })
})

test('a missing record is P2025 as in plain Prisma', async () => {
  await expect(client.prisma.user.update({ where: { id: 999_999 }, data: { email: 'x' } })).rejects.toMatchObject({ code: 'P2025' })
  await expect(
    client.prisma.$transaction((tx) => tx.user.update({ where: { id: 999_999 }, data: { email: 'x' } })),
  ).rejects.toMatchObject({ code: 'P2025' })
})

test('works inside interactive transactions on a pool of one connection', async () => {
  const one = createExtendedClient({ url: database.url, max: 1 })
  const result = await one.prisma.$transaction(async (tx) => {
    const user = await tx.user.create({
      data: { name: 'Ada', posts: { create: [{ title: 't', body: 'secret body' }] }, profile: { create: { bio: 'bio' } } },
      include: { posts: true, profile: true },
    })
    await tx.user.update({ where: { id: user.id }, data: { email: 'x@example.com' } })
    return tx.user.findUnique({ where: { id: user.id }, include: { posts: true } })
  })
  expect(result).toMatchObject({ email: 'x@example.com', posts: [{ body: 'secret body' }] })
  await one.plain.$disconnect()
})

test('a checked input with an autoincrement id is rewritten or keyed after the insert', async () => {
  const { prisma, queries } = client
  const author = await prisma.user.create({ data: { name: 'author' } })
  queries.length = 0
  const connected = await prisma.post.create({ data: { title: 't', body: 'b1', author: { connect: { id: author.id } } } })
  expect(connected).toMatchObject({ body: 'b1', authorId: author.id })
  const late = await prisma.post.create({
    data: { title: 't', body: 'b2', author: { create: { name: 'new author', email: 'e' } }, comments: { create: [{ text: 'c1' }] } },
    include: { author: true, comments: true },
  })
  expect(late).toMatchObject({ body: 'b2', author: { name: 'new author', email: 'e' }, comments: [{ text: 'c1' }] })
  expect(await prisma.post.findUnique({ where: { id: late.id }, include: { author: true, comments: true } })).toEqual(late)
  await expect(
    prisma.post.create({ data: { title: 't', body: 'b', author: { connect: { id: 999_999 } } } }),
  ).rejects.toMatchObject({ code: 'P2025' })
})

test('selects and includes return exactly what was asked', async () => {
  const { prisma } = client
  const { id } = await prisma.user.create({ data: { name: 'Ada', email: 'e', posts: { create: { title: 't', body: 'b' } } } })
  expect(await prisma.user.findUnique({ where: { id }, select: { email: true } })).toEqual({ email: 'e' })
  expect(await prisma.user.findUnique({ where: { id }, select: { posts: { select: { body: true } } } })).toEqual({ posts: [{ body: 'b' }] })
  expect(await prisma.user.findUnique({ where: { id } }).posts({ select: { body: true } })).toEqual([{ body: 'b' }])
  const omitted = await prisma.user.findUnique({ where: { id }, omit: { encryptedKmsKey: true, id: true } })
  expect(omitted).toMatchObject({ email: 'e' })
  expect(Object.keys(omitted ?? {})).not.toContain('encryptedKmsKey')
  expect(Object.keys(omitted ?? {})).not.toContain('id')
})

test('a batch of operations runs in order, in one transaction', async () => {
  const { prisma } = client
  const { id } = await prisma.user.create({ data: { name: 'Ada' } })
  const [, second] = await prisma.$transaction([
    prisma.user.update({ where: { id }, data: { email: '1' } }),
    prisma.user.update({ where: { id }, data: { email: '2' }, select: { email: true, name: true } }),
  ])
  expect(second).toEqual({ email: '2', name: 'Ada' })
  await expect(
    prisma.$transaction([
      prisma.user.update({ where: { id }, data: { email: '3' } }),
      prisma.user.update({ where: { id: 999_999 }, data: { email: '3' } }),
    ]),
  ).rejects.toMatchObject({ code: 'P2025' })
  expect(await prisma.user.findUnique({ where: { id }, select: { email: true } })).toEqual({ email: '2' })
})
