/** Nobody writes key columns through data, at whatever depth; input that looks like ours is sealed like any other. */
import {
  codeOf,
  forget,
  statementsOf,
  useExtendedDatabase,
  type ExtendedClient,
} from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient

beforeAll(async () => {
  client = database.connect()
  await client.prisma.user.findFirst() // has the index key from now on
})

const planted = { encryptedKmsKey: 'v1:AAAA' }
const user = { name: 'x', ...planted }
const post = { title: 't', ...planted }
const where = { id: 1 }
const attempts: Record<string, (prisma: ExtendedClient['prisma']) => Promise<unknown>> = {
  create: (prisma) => prisma.user.create({ data: user }),
  'create with null': (prisma) => prisma.user.create({ data: { name: 'x', encryptedKmsKey: null } }),
  "create with another group's column": (prisma) =>
    prisma.user.create({ data: { name: 'x', encryptedKmsKeyPhone: 'v1:AAAA' } }),
  createMany: (prisma) => prisma.user.createMany({ data: [{ name: 'y' }, user] }),
  createManyAndReturn: (prisma) => prisma.user.createManyAndReturn({ data: user }),
  update: (prisma) => prisma.user.update({ where, data: planted }),
  'update with { set }': (prisma) => prisma.user.update({ where, data: { encryptedKmsKey: { set: null } } }),
  updateMany: (prisma) => prisma.user.updateMany({ data: planted }),
  updateManyAndReturn: (prisma) => prisma.user.updateManyAndReturn({ data: planted }),
  'upsert, create branch': (prisma) => prisma.user.upsert({ where, create: user, update: {} }),
  'upsert, update branch': (prisma) => prisma.user.upsert({ where, create: { name: 'x' }, update: planted }),
  'nested create': (prisma) =>
    prisma.user.create({ data: { name: 'x', posts: { create: [{ title: 'u' }, post] } } }),
  'nested createMany': (prisma) =>
    prisma.user.create({ data: { name: 'x', posts: { createMany: { data: post } } } }),
  'nested connectOrCreate': (prisma) =>
    prisma.user.update({ where, data: { posts: { connectOrCreate: { where, create: post } } } }),
  'nested update': (prisma) =>
    prisma.user.update({ where, data: { posts: { update: { where, data: planted } } } }),
  'nested update of one': (prisma) => prisma.user.update({ where, data: { profile: { update: planted } } }),
  'nested update of one with data': (prisma) =>
    prisma.user.update({ where, data: { profile: { update: { where: { website: 'w' }, data: planted } } } }),
  'nested updateMany': (prisma) =>
    prisma.user.update({ where, data: { posts: { updateMany: { where: {}, data: planted } } } }),
  'nested upsert, create branch': (prisma) =>
    prisma.user.update({
      where,
      data: { profile: { upsert: { create: { bio: 'b', ...planted }, update: {} } } },
    }),
  'nested upsert, update branch': (prisma) =>
    prisma.user.update({
      where,
      data: { posts: { upsert: { where, create: { title: 't' }, update: planted } } },
    }),
  'three levels deep, from a model without encrypted fields': (prisma) =>
    prisma.org.create({
      data: {
        name: 'o',
        users: {
          create: {
            name: 'x',
            posts: { create: { title: 't', comments: { create: { text: 'c', ...planted } as never } } },
          },
        },
      },
    }),
  'under a many-to-many relation': (prisma) =>
    prisma.tag.create({ data: { label: 'l', posts: { create: { ...post, authorId: 1 } } } }),
}

test.each(Object.entries(attempts))('%s', async (_, attempt) => {
  forget(client)
  expect(await codeOf(attempt(client.prisma))).toBe('MANAGED_COLUMN')
  expect(statementsOf(client)).toEqual([])
  expect(client.kms.totalCalls).toBe(0)
})

test('undefined is as if it were not there', async () => {
  expect(
    await client.prisma.user.create({ data: { name: 'x', encryptedKmsKey: undefined as never } }),
  ).toMatchObject({ name: 'x' })
})

test('ciphertext and wrapped keys as values are sealed like any other text', async () => {
  const first = await client.prisma.user.create({ data: { name: 'first', email: 'secret' } })
  const row = await database.stored('"User"', first.id)
  const data = {
    name: String(row['encryptedKmsKey']),
    email: String(row['email']),
    notes: row['email'] as string,
  }
  const { id } = await client.prisma.user.create({ data })
  expect(await database.reader.user.findUnique({ where: { id } })).toMatchObject(data)
  expect((await database.stored('"User"', id))['email']).not.toBe(data.email)
  await client.prisma.user.update({ where: { id }, data: { email: data.name } })
  expect((await database.reader.user.findUnique({ where: { id } }))?.email).toBe(data.name)
})

test('key columns may be read, filtered by and counted', async () => {
  const { prisma } = client
  const { id } = await prisma.user.create({ data: { name: 'x' } })
  const [found] = await prisma.user.findMany({
    where: { id, encryptedKmsKey: { startsWith: 'v1:' } },
    select: { encryptedKmsKey: true },
  })
  expect(found?.encryptedKmsKey).toMatch(/^v1:/)
  expect(await prisma.user.count({ where: { encryptedKmsKeyPhone: null } })).toBeGreaterThan(0)
})
