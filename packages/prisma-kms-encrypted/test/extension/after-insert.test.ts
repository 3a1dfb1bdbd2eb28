/** Records whose id only the INSERT tells: sealed fields first, their keys in the same transaction. */
import { Prisma } from '../generated/prisma/client.js'
import {
  codeOf,
  errorOf,
  forget,
  statementsOf,
  useExtendedDatabase,
  type ExtendedClient,
} from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient

beforeAll(async () => {
  client = database.connect({
    keys: {
      default: { keyId: 'local/app', eager: 'after-insert' },
      phone: { keyId: 'local/phone', eager: 'after-insert' },
    },
  })
  await client.prisma.user.findFirst() // has the index key from now on
})
beforeEach(() => {
  forget(client)
})

test('one record: INSERT, wrap, UPDATE of its key columns, in one transaction; no nextval', async () => {
  const created = await client.prisma.user.create({ data: { name: 'Ada', email: 'e', phone: 'p' } })
  expect(created).toMatchObject({ name: 'Ada', email: 'e', phone: 'p' })
  expect(client.queries.at(0)?.sql).toBe('BEGIN')
  expect(statementsOf(client)).toEqual(['INSERT', 'UPDATE', 'UPDATE'])
  expect(client.kms.counts).toMatchObject({ wrap: { calls: 2, items: 2 }, unwrap: { calls: 0 } })
  expect(await database.reader.user.findUnique({ where: { id: created.id } })).toEqual(created)
})

test('the result shows the key columns as they are stored', async () => {
  const created = await client.prisma.user.create({ data: { name: 'Ada' } })
  expect(created.encryptedKmsKey).toBe((await database.stored('"User"', created.id))['encryptedKmsKey'])
})

test('the key write leaves @updatedAt as the INSERT set it', async () => {
  const created = await client.prisma.user.create({ data: { name: 'Ada' } })
  const found = await database.reader.user.findUniqueOrThrow({ where: { id: created.id } })
  expect(found.updatedAt).toEqual(created.updatedAt)
  const given = new Date('2001-02-03T04:05:06.789Z')
  const { id } = await client.prisma.user.create({ data: { name: 'Ada', updatedAt: given } })
  expect((await database.reader.user.findUniqueOrThrow({ where: { id } })).updatedAt).toEqual(given)
})

test('a select without id, keys or other columns gives exactly what it asks for', async () => {
  expect(await client.prisma.user.create({ data: { name: 'Ada' }, select: { name: true } })).toEqual({
    name: 'Ada',
  })
  expect(await client.prisma.user.create({ data: { name: 'Ada' }, select: { nickname: true } })).toEqual({
    nickname: null,
  })
  const omitted = await client.prisma.user.create({
    data: { name: 'Ada' },
    omit: { id: true, encryptedKmsKey: true },
  })
  expect(Object.keys(omitted)).not.toContain('id')
  expect(Object.keys(omitted)).not.toContain('encryptedKmsKey')
})

test('nested one and two levels deep, in lists and single relations', async () => {
  const created = await client.prisma.user.create({
    data: {
      name: 'root',
      profile: { create: { bio: 'profile' } },
      devices: { createMany: { data: [{ token: new Uint8Array([1]) }, { token: new Uint8Array([2]) }] } },
      posts: {
        create: [
          { title: '1', body: 'b1', comments: { create: [{ text: 'c1' }, { text: 'c2' }] } },
          {
            title: '2',
            body: 'b2',
            editor: { create: { name: 'editor', profile: { create: { bio: 'deep' } } } },
          },
        ],
      },
    },
  })
  const found = await database.reader.user.findUniqueOrThrow({
    where: { id: created.id },
    include: {
      profile: true,
      devices: true,
      posts: {
        include: { comments: true, editor: { include: { profile: true } } },
        orderBy: { title: 'asc' },
      },
    },
  })
  expect(found).toMatchObject({
    name: 'root',
    profile: { bio: 'profile' },
    posts: [
      { body: 'b1', comments: [{}, {}] },
      { body: 'b2', editor: { name: 'editor', profile: { bio: 'deep' } } },
    ],
  })
  expect(found.devices).toHaveLength(2)
})

test('equal values of several records do not mix up their keys', async () => {
  const data = {
    name: 'root',
    posts: { create: Array.from({ length: 5 }, () => ({ title: 't', body: 'same' })) },
  }
  const { id } = await client.prisma.user.create({ data })
  const posts = await database.reader.post.findMany({ where: { authorId: id } })
  expect(posts.map(({ body }) => body)).toEqual(Array.from({ length: 5 }, () => 'same'))
})

test('createMany and createManyAndReturn, with duplicates skipped', async () => {
  const { prisma } = client
  await prisma.user.create({ data: { name: 'there', handle: 'two' } })
  const data = ['one', 'two', 'three'].map((handle) => ({ name: `name of ${handle}`, handle, phone: handle }))
  const rows = await prisma.user.createManyAndReturn({ data, skipDuplicates: true, select: { name: true } })
  expect(rows).toEqual([{ name: 'name of one' }, { name: 'name of three' }])
  const more = data.map((row) => ({ ...row, handle: row.handle.replace('one', 'four') }))
  expect(await prisma.user.createMany({ data: more, skipDuplicates: true })).toEqual({ count: 1 })
  const found = await database.reader.user.findMany({
    where: { handle: { in: ['one', 'two', 'three', 'four'] } },
    orderBy: { id: 'asc' },
  })
  expect(found.map(({ name }) => name)).toEqual(['there', 'name of one', 'name of three', 'name of one'])
})

test('an update with nested creates', async () => {
  const { prisma } = client
  const { id } = await prisma.user.create({ data: { name: 'root', email: 'before' } })
  const updated = await prisma.user.update({
    where: { id },
    data: {
      email: 'after',
      posts: { create: { title: 't', body: 'b', comments: { create: { text: 'c' } } } },
    },
    include: { posts: { include: { comments: true } } },
  })
  expect(updated).toMatchObject({ email: 'after', posts: [{ body: 'b', comments: [{ text: 'c' }] }] })
  const include = { posts: { include: { comments: true } } }
  expect(await database.reader.user.findUnique({ where: { id }, include })).toEqual(updated)
})

test('connectOrCreate creates with a key, and connects without one', async () => {
  const { prisma } = client
  const author = {
    connectOrCreate: { where: { handle: 'either' }, create: { name: 'either', handle: 'either' } },
  }
  await prisma.post.create({ data: { title: '1', body: 'created', author } })
  await prisma.post.create({ data: { title: '2', body: 'connected', author } })
  const [user, another] = await database.reader.user.findMany({
    where: { handle: 'either' },
    include: { posts: { orderBy: { id: 'asc' } } },
  })
  expect(another).toBeUndefined()
  expect(user).toMatchObject({ name: 'either', posts: [{ body: 'created' }, { body: 'connected' }] })
})

test('inside interactive transactions, several in one tick', async () => {
  const ids = await client.prisma.$transaction((tx) =>
    Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        const { id } = await tx.user.create({ data: { name, posts: { create: { title: 't', body: name } } } })
        return id
      }),
    ),
  )
  const found = await database.reader.user.findMany({ where: { id: { in: ids } }, include: { posts: true } })
  expect(found.map(({ name, posts }) => [name, posts[0]?.body]).sort()).toEqual([
    ['a', 'a'],
    ['b', 'b'],
    ['c', 'c'],
  ])
})

test('when the wrap fails, nothing is written', async () => {
  const { prisma, kms } = client
  kms.fault = ({ operation }) => (operation === 'wrap' ? new Error('unavailable') : undefined)
  const error = await errorOf(prisma.user.create({ data: { name: 'x', handle: 'unwrapped' } }))
  kms.fault = undefined
  expect(error).toMatchObject({ code: 'KMS_UNAVAILABLE', written: false })
  expect(await database.sql(`SELECT FROM "User" WHERE handle = 'unwrapped'`)).toEqual([])
})

test('a Json null is no reason for a key', async () => {
  await client.prisma.auditEntry.create({ data: { action: 'json null', payload: Prisma.JsonNull } })
  expect(client.kms.totalCalls).toBe(0)
  expect(await codeOf(database.reader.auditEntry.findMany({ where: { action: 'json null' } }))).toBe(null)
})

test('a fluent call that creates gives the relation, and its record a key', async () => {
  const { prisma } = database.connect()
  const data = { title: 'fluent', body: 'b', author: { create: { name: 'author' } } }
  expect(await prisma.post.create({ data }).author()).toMatchObject({ name: 'author' })
  const found = await database.reader.post.findFirst({ where: { title: 'fluent' }, select: { body: true } })
  expect(found).toEqual({ body: 'b' })
})

test('under a row that the same update takes out of the relation', async () => {
  const { prisma } = client
  const org = await prisma.org.create({
    data: { name: 'o', users: { create: { name: 'u' } } },
    include: { users: true },
  })
  const id = Number(org.users[0]?.id)
  const update = { where: { id }, data: { posts: { create: { title: 'left', body: 'b' } } } }
  await prisma.org.update({ where: { id: org.id }, data: { users: { update, set: [] } } })
  const found = await database.reader.post.findMany({ where: { title: 'left' }, select: { body: true } })
  expect(found).toEqual([{ body: 'b' }])
})

test('a row that a trigger changed, so that its key could not be set, is not committed', async () => {
  await database.sql(`CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.body := upper(NEW.body); RETURN NEW; END';
    CREATE TRIGGER spoil BEFORE INSERT ON "Post" FOR EACH ROW WHEN (NEW.title LIKE 'spoilt%') EXECUTE FUNCTION spoil()`)
  const { prisma } = client
  const author = { create: { name: 'spoilt' } }
  const attempts = [
    () => prisma.post.create({ data: { title: 'spoilt root', body: 'b', author } }),
    () =>
      prisma.user.create({
        data: { name: 'spoilt', posts: { create: { title: 'spoilt nested', body: 'b' } } },
      }),
    () => prisma.post.createMany({ data: [{ title: 'spoilt many', body: 'b', authorId: 1 }] }),
  ]
  for (const attempt of attempts) expect(await codeOf(attempt())).toBe('WRITE_CONFLICT')
  expect(await database.sql(`SELECT FROM "Post" WHERE title LIKE 'spoilt%'`)).toEqual([])
})

test('a new record keeps its keys when the same write sets some of its values to null', async () => {
  const org = await client.prisma.org.create({ data: { name: 'nulls' } })
  const users = {
    create: [
      { email: 'cleared', name: 'kept', phone: 'cleared' },
      { phone: 'cleared', name: 'kept too' },
    ],
    updateMany: { where: {}, data: { email: null, phone: null } },
  }
  await client.prisma.org.update({ where: { id: org.id }, data: { users } })
  const read = await database.reader.user.findMany({ where: { orgId: org.id }, orderBy: { id: 'asc' } })
  expect(read).toMatchObject([
    { email: null, name: 'kept', phone: null },
    { email: null, name: 'kept too', phone: null },
  ])
})
