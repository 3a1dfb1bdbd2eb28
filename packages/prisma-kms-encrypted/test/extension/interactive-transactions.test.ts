/** Inside the caller's interactive transactions: on one connection, many operations at once, rolled back together. */
import {
  codeOf,
  errorOf,
  forget,
  useExtendedDatabase,
  versionsAt,
  type ExtendedClient,
} from '../support/extended-database.js'

const database = useExtendedDatabase()
/** A pool of one: any statement outside the transaction would wait for it for ever. */
let client: ExtendedClient

beforeAll(() => {
  client = database.connect(undefined, { max: 1 })
})
beforeEach(() => {
  forget(client)
})

describe('on a pool of one connection', () => {
  test('the first operation of a process may be in a transaction', async () => {
    const fresh = database.connect(undefined, { max: 1 })
    expect(
      await fresh.prisma.$transaction((tx) => tx.user.create({ data: { name: 'first' } })),
    ).toMatchObject({ name: 'first' })
  })

  test('nested creates, guarded and locked writes, deletes and reads', async () => {
    const result = await client.prisma.$transaction(async (tx) => {
      const { id } = await tx.user.create({
        data: {
          name: 'Ada',
          profile: { create: { bio: 'bio' } },
          posts: { create: [{ title: 't', body: 'body' }] },
        },
      })
      await tx.user.update({ where: { id }, data: { email: 'e', profile: { update: { bio: 'new bio' } } } })
      await tx.user.updateMany({ where: { id }, data: { notes: { n: 1 } } })
      await tx.user.upsert({ where: { id }, create: { name: 'never' }, update: { phone: '1' } })
      await tx.user.createMany({ data: [{ name: 'other' }] })
      const { name } = await tx.user.delete({
        where: { id: (await tx.user.create({ data: { name: 'gone' } })).id },
      })
      expect(name).toBe('gone')
      return tx.user.findUniqueOrThrow({ where: { id }, include: { posts: true, profile: true } })
    })
    expect(result).toMatchObject({
      email: 'e',
      notes: { n: 1 },
      phone: '1',
      posts: [{ body: 'body' }],
      profile: { bio: 'new bio' },
    })
    expect(new Set(client.queries.map(({ connection }) => connection)).size).toBe(1)
  })

  test('keys after the insert', async () => {
    const { prisma } = client
    const data = { title: 't', body: 'late', author: { create: { name: 'late author' } } }
    const { id } = await prisma.$transaction((tx) => tx.post.create({ data }))
    expect(await database.reader.post.findUnique({ where: { id }, include: { author: true } })).toMatchObject(
      {
        body: 'late',
        author: { name: 'late author' },
      },
    )
  })

  test('outside transactions too', async () => {
    const { prisma } = client
    const late = { title: 't', body: 'late', author: { create: { name: 'late author' } } }
    const { authorId } = await prisma.post.create({ data: late })
    await prisma.user.update({
      where: { id: authorId },
      data: { email: 'e', posts: { create: { title: 'u', body: 'v' } } },
    })
    await prisma.user.update({
      where: { id: authorId },
      data: { posts: { updateMany: { where: {}, data: { body: 'w' } } } },
    })
    const author = await database.reader.user.findUniqueOrThrow({
      where: { id: authorId },
      include: { posts: true },
    })
    expect(author).toMatchObject({ email: 'e', posts: [{ body: 'w' }, { body: 'w' }] })
  })
})

describe('several operations in one tick', () => {
  test('each gets its own result', async () => {
    const { prisma } = client
    const [ada, bob] = await prisma.user.createManyAndReturn({ data: [{ name: 'Ada' }, { name: 'Bob' }] })
    const results = await prisma.$transaction((tx) =>
      Promise.all([
        tx.user.create({ data: { name: 'new' } }),
        tx.user.update({ where: { id: Number(ada?.id) }, data: { email: 'a' } }),
        tx.user.update({ where: { id: Number(bob?.id) }, data: { email: 'b' } }),
        tx.post.create({ data: { title: 't', body: 'late', author: { create: { name: 'author' } } } }),
        tx.user.findMany({ where: { id: Number(ada?.id) }, select: { name: true } }),
        tx.user.updateMany({ where: { id: Number(bob?.id) }, data: { phone: '1' } }),
      ]),
    )
    expect(results).toMatchObject([
      { name: 'new' },
      { email: 'a' },
      { email: 'b' },
      { body: 'late' },
      [{ name: 'Ada' }],
      { count: 1 },
    ])
  })

  test('updates of one row all take effect, the first key included', async () => {
    const { prisma } = client
    const { id } = await prisma.auditEntry.create({ data: { action: 'a' } })
    await prisma.$transaction((tx) =>
      Promise.all([
        tx.auditEntry.update({ where: { id }, data: { detail: 'd' } }),
        tx.auditEntry.update({ where: { id }, data: { payload: { p: 1 } } }),
        tx.auditEntry.update({ where: { id }, data: { action: 'b' } }),
      ]),
    )
    expect(await database.reader.auditEntry.findUnique({ where: { id } })).toMatchObject({
      action: 'b',
      detail: 'd',
      payload: { p: 1 },
    })
  })

  test('when one fails, none is taken for done', async () => {
    const { prisma } = client
    const { id } = await prisma.user.create({ data: { name: 'Ada', email: 'before' } })
    const settled: PromiseSettledResult<unknown>[] = []
    const whole = prisma.$transaction(async (tx) => {
      settled.push(
        ...(await Promise.allSettled([
          tx.user.update({ where: { id: 999_999 }, data: { email: 'missing' } }),
          tx.user.update({ where: { id }, data: { email: 'after' } }),
          tx.user.create({ data: { name: 'created', handle: 'same tick' } }),
        ])),
      )
      throw new Error('roll back')
    })
    expect((await errorOf(whole)).message).toBe('roll back')
    expect(settled[0]).toMatchObject({ status: 'rejected', reason: { code: 'P2025' } })
    for (const result of settled.slice(1)) {
      if (result.status === 'fulfilled')
        expect(result.value).toMatchObject({ id: expect.any(Number) as number })
    }
    expect(await database.reader.user.findUnique({ where: { id }, select: { email: true } })).toEqual({
      email: 'before',
    })
  })
})

describe('the end of a transaction', () => {
  test('a rollback leaves nothing', async () => {
    const { prisma } = client
    const { id } = await prisma.user.create({ data: { name: 'Ada', email: 'before' } })
    const before = await database.stored('"User"', id)
    const whole = prisma.$transaction(async (tx) => {
      await tx.user.update({ where: { id }, data: { email: 'after', phone: '1' } })
      await tx.user.create({
        data: { name: 'x', handle: 'rolled back', posts: { create: { title: 't', body: 'b' } } },
      })
      await tx.post.create({ data: { title: 'rolled back', body: 'b', author: { create: { name: 'y' } } } })
      throw new Error('roll back')
    })
    await expect(whole).rejects.toThrow('roll back')
    expect(await database.stored('"User"', id)).toEqual(before)
    expect(await database.sql(`SELECT FROM "User" WHERE handle = 'rolled back'`)).toEqual([])
    expect(await database.sql(`SELECT FROM "Post" WHERE title = 'rolled back'`)).toEqual([])
  })

  test('P2025 of an update is caught, and the transaction goes on', async () => {
    const { prisma } = client
    const { id } = await prisma.user.create({ data: { name: 'Ada' } })
    await prisma.$transaction(async (tx) => {
      expect(await codeOf(tx.user.update({ where: { id: 999_999 }, data: { email: 'x' } }))).toBe('P2025')
      await tx.user.update({ where: { id }, data: { email: 'went on' } })
    })
    expect(await database.reader.user.findUnique({ where: { id }, select: { email: true } })).toEqual({
      email: 'went on',
    })
  })

  test('a serialization failure belongs to the caller', async () => {
    const { prisma } = database.connect()
    const { id } = await prisma.user.create({ data: { name: 'Ada' } })
    const whole = prisma.$transaction(
      async (tx) => {
        await tx.user.findUnique({ where: { id } })
        await prisma.user.update({ where: { id }, data: { email: 'other writer' } })
        await tx.user.update({ where: { id }, data: { email: 'mine' } })
      },
      { isolationLevel: 'RepeatableRead' },
    )
    expect(await codeOf(whole)).toBe('P2034')
    expect((await database.reader.user.findUnique({ where: { id } }))?.email).toBe('other writer')
  })

  test('a row that another writer rotates meanwhile is locked first, then sealed under what it has', async () => {
    const { prisma } = database.connect()
    const { id } = await database
      .connect(versionsAt(1))
      .prisma.user.create({ data: { name: 'Ada', email: 'a' } })
    const two = database.connect(versionsAt(2))
    await prisma.$transaction(async (tx) => {
      await tx.user.findUnique({ where: { id } })
      await two.prisma.user.update({ where: { id }, data: { phone: '1' } })
      await tx.user.update({ where: { id }, data: { email: 'b' } })
    })
    expect(await two.prisma.user.findUnique({ where: { id } })).toMatchObject({ email: 'b', phone: '1' })
  })
})
