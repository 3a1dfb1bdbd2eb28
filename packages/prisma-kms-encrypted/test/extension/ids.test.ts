/** Where a new record's id comes from, and what its key is bound to when ids are spelled in several ways. */
import { randomUUID } from 'node:crypto'
import {
  codeOf,
  forget,
  statementsOf,
  useExtendedDatabase,
  type ExtendedClient,
} from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient
let ownerId: number

beforeAll(async () => {
  client = database.connect()
  ownerId = (await client.prisma.user.create({ data: { name: 'owner' } })).id
})
beforeEach(() => {
  forget(client)
})

test('a uuid given in upper case belongs to the row that the database stores in lower case', async () => {
  const id = randomUUID().toUpperCase()
  const created = await client.prisma.device.create({ data: { id, ownerId, token: new Uint8Array([1]) } })
  expect(created.id).toBe(id.toLowerCase())
  expect(await database.reader.device.findUnique({ where: { id } })).toEqual(created)
})

test('a uuid given in braces too', async () => {
  const id = randomUUID()
  await client.prisma.device.create({ data: { id: `{${id}}`, ownerId, token: new Uint8Array([2]) } })
  expect((await database.reader.device.findUnique({ where: { id } }))?.token).toEqual(new Uint8Array([2]))
})

test('a text id stays exactly as it was given', async () => {
  const id = 'NOT a uuid '
  await client.prisma.profile.create({ data: { id, bio: 'b', userId: ownerId } })
  expect(await database.reader.profile.findUnique({ where: { id }, select: { bio: true } })).toEqual({
    bio: 'b',
  })
})

test('an id given by the caller is taken, without nextval', async () => {
  const created = await client.prisma.user.create({ data: { id: 77_777, name: 'given' } })
  expect(statementsOf(client)).toEqual(['INSERT'])
  expect(await database.reader.user.findUnique({ where: { id: 77_777 } })).toEqual(created)
})

test('a BigInt id beyond 2^53, by the caller or by the sequence', async () => {
  const post = await client.prisma.post.create({ data: { title: 't', authorId: ownerId } })
  const id = 9_007_199_254_740_993n
  await client.prisma.comment.create({ data: { id, text: 'given', postId: post.id } })
  await database.sql(`SELECT setval('comments_id_seq', 9007199254740995)`)
  const created = await client.prisma.comment.create({
    data: { text: 'sequence', post: { connect: { id: post.id } } },
  })
  expect(created.id).toBe(9_007_199_254_740_996n)
  const found = await database.reader.comment.findMany({ orderBy: { id: 'asc' }, select: { text: true } })
  expect(found).toEqual([{ text: 'given' }, { text: 'sequence' }])
})

test('a compound id; its relation may be connected or come from the parent', async () => {
  const { prisma } = client
  const org = await prisma.org.create({ data: { name: 'o' } })
  await prisma.membership.create({ data: { orgId: org.id, userNo: 1, secret: 'by column' } })
  await prisma.membership.create({
    data: { org: { connect: { id: org.id } }, userNo: 2, secret: 'by connect' },
  })
  await prisma.org.update({
    where: { id: org.id },
    data: {
      members: {
        create: { userNo: 3, secret: 'by parent' },
        createMany: { data: [{ userNo: 4, secret: 'many' }] },
      },
    },
  })
  await prisma.org.create({ data: { name: 'p', members: { create: [{ userNo: 5, secret: 'new parent' }] } } })
  const found = await database.reader.membership.findMany({
    orderBy: { userNo: 'asc' },
    select: { secret: true },
  })
  expect(found.map(({ secret }) => secret)).toEqual([
    'by column',
    'by connect',
    'by parent',
    'many',
    'new parent',
  ])
})

test('a mapped id in a second schema', async () => {
  const created = await client.prisma.auditEntry.create({
    data: { action: 'a', detail: 'd', payload: { deep: [1] } },
  })
  expect(client.queries[0]?.parameters).toEqual(['audit.audit_entries_entry_id_seq'])
  expect(await database.reader.auditEntry.findUnique({ where: { id: created.id } })).toEqual(created)
})

test('a duplicate id stays P2002', async () => {
  expect(await codeOf(client.prisma.user.create({ data: { id: ownerId, name: 'duplicate' } }))).toBe('P2002')
})

test('fetched ids are given to records in order, also across models', async () => {
  const { prisma } = client
  const created = await prisma.user.create({
    data: {
      name: 'a',
      posts: {
        create: [
          { title: '1', body: '1' },
          { title: '2', body: '2' },
        ],
      },
    },
    include: { posts: { orderBy: { id: 'asc' } } },
  })
  const [first, second] = created.posts
  expect([first?.title, second?.title]).toEqual(['1', '2'])
  expect(Number(second?.id)).toBe(Number(first?.id) + 1)
})
