/** Results are exactly what was asked for, whatever columns were read besides. */
import { Prisma } from '../generated/prisma/client.js'
import { errorOf, forget, useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient
let id: number
const all = {
  name: 'Ada',
  email: 'ada@example.com',
  notes: { deep: [1, null, 'x'] },
  avatar: new Uint8Array([0, 255]),
  phone: '+44',
}

beforeAll(async () => {
  client = database.connect()
  const data = {
    ...all,
    profile: { create: { bio: 'bio', headline: 'headline' } },
    posts: {
      create: [
        {
          title: 'a',
          body: 'body a',
          comments: { create: [{ text: 'c1' }, { text: 'c2' }] },
          tags: { create: { label: 'tag' } },
        },
        { title: 'b', body: 'body b' },
        { title: 'c' },
      ],
    },
  }
  id = (await client.prisma.user.create({ data })).id
})

describe('select', () => {
  test.each<[string, Prisma.UserSelect, object]>([
    ['one encrypted field', { email: true }, { email: all.email }],
    ['fields of two groups', { phone: true, notes: true }, { phone: all.phone, notes: all.notes }],
    ['an id beside it', { email: true, id: true, name: false }, { email: all.email, id: 1 }],
    ['bytes', { avatar: true }, { avatar: all.avatar }],
    ['plain fields only', { nickname: true }, { nickname: null }],
    [
      'a relation only',
      { posts: { select: { body: true }, orderBy: { id: 'asc' } } },
      { posts: [{ body: 'body a' }, { body: 'body b' }, { body: null }] },
    ],
    [
      'a relation with where, take and skip',
      {
        posts: {
          where: { body: { not: null } },
          take: 1,
          skip: 1,
          orderBy: { id: 'asc' },
          select: { body: true },
        },
      },
      { posts: [{ body: 'body b' }] },
    ],
    ['a single relation', { profile: { select: { headline: true } } }, { profile: { headline: 'headline' } }],
    ['a relation that is not there', { org: { select: { name: true } } }, { org: null }],
    [
      'counts',
      { name: true, _count: { select: { posts: { where: { title: 'a' } } } } },
      { name: 'Ada', _count: { posts: 1 } },
    ],
    [
      'three levels',
      {
        posts: {
          where: { title: 'a' },
          select: {
            author: { select: { email: true } },
            comments: { select: { text: true }, orderBy: { id: 'asc' } },
          },
        },
      },
      { posts: [{ author: { email: all.email }, comments: [{ text: 'c1' }, { text: 'c2' }] }] },
    ],
    [
      'through a plain model',
      { posts: { take: 1, select: { tags: { select: { posts: { select: { body: true } } } } } } },
      { posts: [{ tags: [{ posts: [{ body: 'body a' }] }] }] },
    ],
  ])('%s', async (_, select, expected) => {
    expect(await client.prisma.user.findUnique({ where: { id: 1 }, select })).toEqual(expected)
    const [updated] = await client.prisma.$transaction([
      client.prisma.user.update({ where: { id: 1 }, data: { loginCount: { increment: 1 } }, select }),
    ])
    expect(updated).toEqual(expected)
  })

  test.each([
    ['an empty select', { select: {} }],
    ['a select of nothing but false', { select: { email: false } }],
    ['an empty nested select', { select: { posts: { select: {} } } }],
    [
      'an omit of everything',
      { omit: Object.fromEntries(Object.keys(Prisma.UserScalarFieldEnum).map((name) => [name, true])) },
    ],
    ['select beside include', { select: { email: true }, include: { posts: true } }],
    ['select beside omit', { select: { email: true }, omit: { id: true } }],
    ['an unknown field', { select: { emial: true } }],
  ])("%s is Prisma's own error", async (_, clauses) => {
    const complaint = (error: Error) => [
      error.name,
      error.message.split('\n').at(-1)?.replaceAll('Plain', ''),
    ]
    const { prisma, plain } = client
    const plainClauses = JSON.parse(
      JSON.stringify(clauses)
        .replaceAll(/"encryptedKmsKey\w*":true,?/g, '')
        .replace(',}', '}'),
    ) as object
    const expected = await errorOf(plain.plainUser.findMany(plainClauses))
    const error = await errorOf(prisma.user.findMany(clauses as object))
    expect(complaint(error)).toEqual(complaint(expected))
  })
})

describe('include and omit', () => {
  test('include gives whole rows at every level', async () => {
    const found = await client.prisma.user.findUniqueOrThrow({
      where: { id },
      include: {
        profile: true,
        posts: { include: { comments: true, author: { omit: { id: true } } }, where: { title: 'a' } },
      },
    })
    expect(found).toMatchObject({
      ...all,
      profile: { bio: 'bio' },
      posts: [{ body: 'body a', author: { email: all.email } }],
    })
    expect(found.posts[0]?.comments.map(({ text }) => text).sort()).toEqual(['c1', 'c2'])
    expect(Object.keys(found.posts[0]?.author ?? {})).not.toContain('id')
  })

  test('omit hides key and id columns, which are read all the same', async () => {
    const omit = {
      id: true,
      encryptedKmsKey: true,
      encryptedKmsKeyPhone: true,
      createdAt: true,
      updatedAt: true,
      loginCount: true,
      role: true,
    }
    const found = await client.prisma.user.findUnique({ where: { id }, omit })
    expect(
      JSON.parse(
        JSON.stringify(found, (_, value: unknown) => (value instanceof Uint8Array ? 'bytes' : value)),
      ),
    ).toEqual({
      ...all,
      avatar: 'bytes',
      handle: null,
      nickname: null,
      orgId: null,
    })
    expect(Object.keys({ ...found })).not.toContain('encryptedKmsKey')
  })

  test('an omitted encrypted field needs no key', async () => {
    forget(client)
    await client.prisma.user.findUnique({ where: { id }, omit: { phone: true } })
    expect(client.kms.log.map(({ keyId }) => keyId)).toEqual(['local/app'])
  })

  test("the client's global omit counts, at every level, and a query can undo it", async () => {
    const omit = {
      user: { id: true, encryptedKmsKey: true, phone: true },
      post: { encryptedKmsKey: true, id: true },
    } as const
    const { prisma } = database.connect(undefined, { prisma: { omit } })
    const found = await prisma.user.findFirstOrThrow({
      where: { id },
      include: { posts: true },
      omit: { phone: false },
    })
    expect(found).toMatchObject({ email: all.email, phone: all.phone })
    expect(found.posts.map(({ body }) => body).sort()).toEqual(['body a', 'body b', null])
    expect(Object.keys(found)).not.toContain('id')
    expect(Object.keys(found.posts[0] ?? {})).not.toContain('encryptedKmsKey')
    const created = await prisma.user.create({ data: { name: 'x', phone: '1' } })
    expect(created).toMatchObject({ name: 'x' })
    expect(Object.keys(created)).not.toContain('phone')
  })
})

describe('fluent calls', () => {
  test('one and two levels deep, to lists and single records', async () => {
    const { prisma } = client
    const one = () => prisma.user.findUnique({ where: { id } })
    expect((await one().posts({ orderBy: { id: 'asc' } }))?.map(({ body }) => body)).toEqual([
      'body a',
      'body b',
      null,
    ])
    expect(await one().posts({ select: { body: true }, where: { title: 'b' } })).toEqual([{ body: 'body b' }])
    expect(await one().profile()).toMatchObject({ bio: 'bio', headline: 'headline' })
    expect(
      await one()
        .profile()
        .user({ select: { email: true } }),
    ).toEqual({ email: all.email })
    expect(await one().org()).toBeNull()
    expect(await prisma.user.findUnique({ where: { id: 999_999 } }).posts()).toBeNull()
    expect(await prisma.post.findFirst({ where: { title: 'a' } }).author({ select: { name: true } })).toEqual(
      { name: 'Ada' },
    )
    expect(await prisma.user.findUniqueOrThrow({ where: { id } }).profile({ select: { bio: true } })).toEqual(
      { bio: 'bio' },
    )
  })

  test('of writes', async () => {
    const { prisma } = client
    const post = await prisma.post.create({ data: { title: 'fluent', body: 'b', authorId: id } })
    const where = { id: post.id }
    expect(
      await prisma.post.update({ where, data: { body: 'c' } }).author({ select: { email: true } }),
    ).toEqual({ email: all.email })
    expect(
      await prisma.post
        .upsert({ where, update: { body: 'd' }, create: { title: 'x', authorId: id } })
        .author(),
    ).toMatchObject(all)
    expect(await prisma.post.findUnique({ where, select: { body: true } })).toEqual({ body: 'd' })
    expect(await prisma.post.delete({ where }).author({ select: { phone: true } })).toEqual({
      phone: all.phone,
    })
    expect(
      await prisma.post.create({ data: { title: 'f', body: 'b', authorId: id } }).author(),
    ).toMatchObject(all)
  })
})

describe('counting and the like', () => {
  test('rows are not needed', async () => {
    const { prisma } = client
    forget(client)
    expect(await prisma.user.count({ where: { email: { not: null } } })).toBe(1)
    expect(await prisma.user.count({ select: { _all: true, email: true }, where: { id } })).toEqual({
      _all: 1,
      email: 1,
    })
    const where = { id }
    expect(await prisma.user.aggregate({ where, _count: { email: true }, _sum: { id: true } })).toEqual({
      _count: { email: 1 },
      _sum: { id: 1 },
    })
    expect(
      await prisma.user.groupBy({ where, by: ['role'], _count: true, orderBy: { role: 'asc' } }),
    ).toEqual([{ role: 'MEMBER', _count: 1 }])
    expect(client.kms.totalCalls).toBe(0)
  })
})
