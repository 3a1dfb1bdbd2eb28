import { useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient

beforeAll(() => {
  client = database.connect()
})

async function authorWithPosts() {
  return client.prisma.user.create({
    data: {
      name: 'author',
      profile: { create: { bio: 'old bio' } },
      posts: {
        create: [
          {
            title: 'a',
            body: 'body a',
            comments: { create: [{ text: 'comment 1' }, { text: 'comment 2' }] },
          },
          { title: 'b', body: 'body b' },
          { title: 'b', body: null },
        ],
      },
    },
    include: {
      profile: true,
      posts: { orderBy: { id: 'asc' }, include: { comments: { orderBy: { id: 'asc' } } } },
    },
  })
}

describe.each(['outside', 'inside'])('%s a transaction', (place) => {
  const run = <T>(work: (db: typeof client.prisma) => Promise<T>): Promise<T> =>
    place === 'outside'
      ? work(client.prisma)
      : client.prisma.$transaction((tx) => work(tx as typeof client.prisma))

  test('nested updates, updateMany and upserts seal under each record’s own key', async () => {
    const user = await authorWithPosts()
    const [first] = user.posts
    const updated = await run((db) =>
      db.user.update({
        where: { id: user.id },
        data: {
          email: 'root@example.com',
          profile: { update: { bio: 'new bio' } },
          posts: {
            update: {
              where: { id: first?.id ?? 0 },
              data: {
                body: 'new a',
                comments: {
                  upsert: [
                    {
                      where: { id: first?.comments[0]?.id ?? 0n },
                      create: { text: 'never' },
                      update: { text: 'changed 1' },
                    },
                    { where: { id: 999_999n }, create: { text: 'created 3' }, update: { text: 'never' } },
                  ],
                },
              },
            },
            updateMany: { where: { title: 'b' }, data: { body: 'all b' } },
          },
        },
        include: {
          profile: true,
          posts: { orderBy: { id: 'asc' }, include: { comments: { orderBy: { id: 'asc' } } } },
        },
      }),
    )
    expect(updated).toMatchObject({
      email: 'root@example.com',
      profile: { bio: 'new bio' },
      posts: [
        { body: 'new a', comments: [{ text: 'changed 1' }, { text: 'comment 2' }, { text: 'created 3' }] },
        { body: 'all b' },
        { body: 'all b' },
      ],
    })
    expect(
      await client.prisma.user.findUnique({
        where: { id: user.id },
        include: {
          profile: true,
          posts: { orderBy: { id: 'asc' }, include: { comments: { orderBy: { id: 'asc' } } } },
        },
      }),
    ).toEqual(updated)
  })

  test('updateMany and updateManyAndReturn seal each record on its own', async () => {
    const user = await authorWithPosts()
    const result = await run((db) =>
      db.post.updateMany({ where: { authorId: user.id, title: 'b' }, data: { body: 'many' } }),
    )
    expect(result).toEqual({ count: 2 })
    const returned = await run((db) =>
      db.post.updateManyAndReturn({
        where: { authorId: user.id },
        data: { body: 'returned' },
        select: { body: true, title: true },
      }),
    )
    expect(returned.map(({ body }) => body)).toEqual(['returned', 'returned', 'returned'])
    const rows = await database.sql('SELECT DISTINCT body FROM "Post" WHERE "authorId"=$1', user.id)
    expect(rows).toHaveLength(3)
  })

  test('upsert creates, then updates', async () => {
    const handle = `h-${place}`
    const upsert = (name: string) =>
      run((db) =>
        db.user.upsert({
          where: { handle },
          create: { handle, name: `${name} created` },
          update: { name: `${name} updated` },
        }),
      )
    const created = await upsert('1')
    expect(created.name).toBe('1 created')
    const updated = await upsert('2')
    expect(updated).toMatchObject({ id: created.id, name: '2 updated' })
  })

  test('a nested update of a missing record is P2025 and writes nothing', async () => {
    const user = await authorWithPosts()
    await expect(
      run((db) =>
        db.user.update({
          where: { id: user.id },
          data: { name: 'x', posts: { update: { where: { id: 999_999 }, data: { body: 'x' } } } },
        }),
      ),
    ).rejects.toMatchObject({ code: 'P2025' })
    expect(await client.prisma.user.findUnique({ where: { id: user.id }, select: { name: true } })).toEqual({
      name: 'author',
    })
  })

  test('100 concurrent upserts of one new record make one readable record', async () => {
    const handle = `race-${place}`
    await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        place === 'outside'
          ? client.prisma.user.upsert({
              where: { handle },
              create: { handle, name: `w${index}` },
              update: { name: `w${index}` },
            })
          : client.prisma.$transaction(
              (tx) =>
                tx.user.upsert({
                  where: { handle },
                  create: { handle, name: `w${index}` },
                  update: { name: `w${index}` },
                }),
              { maxWait: 30_000, timeout: 30_000 },
            ),
      ),
    )
    const found = await client.prisma.user.findMany({ where: { handle } })
    expect(found).toHaveLength(1)
    expect(found[0]?.name).toMatch(/^w\d+$/)
  })

  test('40 concurrent nested partial updates all take effect or fail', async () => {
    const user = await authorWithPosts()
    const post = user.posts[0]?.id ?? 0
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) => {
        const update = (db: typeof client.prisma) =>
          db.user.update({
            where: { id: user.id },
            data: {
              [index % 2 ? 'email' : 'name']: `w${index}`,
              loginCount: { increment: 1 },
              posts: { update: { where: { id: post }, data: { body: `w${index}` } } },
            },
          })
        return place === 'outside'
          ? update(client.prisma)
          : client.prisma.$transaction((tx) => update(tx as typeof client.prisma), {
              maxWait: 30_000,
              timeout: 30_000,
            })
      }),
    )
    const applied = results.filter(({ status }) => status === 'fulfilled').length
    const after = await client.prisma.user.findUniqueOrThrow({
      where: { id: user.id },
      include: { posts: true },
    })
    expect(after.loginCount).toBe(applied)
    expect(applied).toBe(40)
  })
})

test('nested upserts of several new records, and one beside an update with empty data', async () => {
  const { prisma } = client
  const token = new Uint8Array([1])
  const user = await prisma.user.create({
    data: { name: 'x', devices: { create: { token } } },
    include: { devices: true },
  })
  const one = (title: string) => ({
    where: { id: 0 },
    create: { title, body: title },
    update: { body: title },
  })
  const where = { id: user.devices[0]?.id ?? '' }
  const changed = await prisma.user.update({
    where: { id: user.id },
    data: {
      posts: { upsert: [one('a'), one('b')] },
      devices: {
        update: [{ where, data: {} }],
        upsert: { where, create: { token }, update: { token: new Uint8Array([2]) } },
      },
    },
    include: { posts: { orderBy: { id: 'asc' } }, devices: true },
  })
  expect(changed.posts.map(({ body }) => body)).toEqual(['a', 'b'])
  expect(changed.devices[0]?.token).toEqual(new Uint8Array([2]))
})

test('a nested update below a record that the same call connects is refused, and nothing is lost', async () => {
  const { prisma } = client
  const [a, b, c] = await Promise.all(['a', 'b', 'c'].map((name) => prisma.user.create({ data: { name } })))
  const { id } = await prisma.post.create({
    data: { title: 't', authorId: b?.id ?? 0, editorId: c?.id ?? 0 },
  })
  const data = {
    posts: { connect: { id }, update: { where: { id }, data: { editor: { update: { name: 'new' } } } } },
  }
  await expect(prisma.user.update({ where: { id: a?.id ?? 0 }, data })).rejects.toMatchObject({
    code: 'UNSUPPORTED_OPERATION',
  })
  expect(await prisma.user.findUnique({ where: { id: c?.id ?? 0 } })).toEqual(c)
  await prisma.user.update({ where: { id: a?.id ?? 0 }, data: { posts: { connect: { id } } } })
  await prisma.user.update({ where: { id: a?.id ?? 0 }, data })
  expect(await prisma.user.findUnique({ where: { id: c?.id ?? 0 } })).toMatchObject({ name: 'new' })
})

test('changes inside the branches of a nested upsert', async () => {
  const { prisma } = client
  const user = await authorWithPosts()
  const [first] = user.posts
  const upsert = (id: number) =>
    prisma.user.update({
      where: { id: user.id },
      data: {
        posts: {
          upsert: {
            where: { id },
            create: { title: 'created', body: 'created' },
            update: {
              title: 'updated',
              comments: { update: { where: { id: first?.comments[0]?.id ?? 0n }, data: { text: 'deep' } } },
            },
          },
        },
      },
      include: { posts: { orderBy: { id: 'asc' }, include: { comments: { orderBy: { id: 'asc' } } } } },
    })
  const updated = await upsert(first?.id ?? 0)
  expect(updated.posts[0]).toMatchObject({
    title: 'updated',
    comments: [{ text: 'deep' }, { text: 'comment 2' }],
  })
  const created = await upsert(0)
  expect(created.posts.at(-1)).toMatchObject({ title: 'created', body: 'created' })
})

test('nested upserts that come to creates of different forms', async () => {
  const { prisma } = client
  const user = await prisma.user.create({ data: { name: 'x' } })
  const referrer = await prisma.account.create({ data: { email: 'referrer@example.com' } })
  const changed = await prisma.user.update({
    where: { id: user.id },
    data: {
      accounts: {
        upsert: [
          { where: { id: 0 }, create: { label: 'a', phone: '1' }, update: { phone: '2' } },
          {
            where: { email: 'none@example.com' },
            create: { label: 'b', badge: 'B', referrer: { connect: { email: 'referrer@example.com' } } },
            update: { phone: '3' },
          },
        ],
      },
    },
    select: {
      accounts: { orderBy: { label: 'asc' }, select: { phone: true, badge: true, referrerId: true } },
    },
  })
  expect(changed.accounts).toEqual([
    { phone: '1', badge: null, referrerId: null },
    { phone: null, badge: 'B', referrerId: referrer.id },
  ])
})
