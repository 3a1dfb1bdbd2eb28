/** Checked create inputs take no autoincrement id: they become unchecked where nothing can tell the difference. */
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
let authorId: number

beforeAll(async () => {
  client = database.connect()
  authorId = (await client.prisma.user.create({ data: { name: 'author' } })).id
  await client.plain.plainUser.create({ data: { id: authorId, name: 'author' } })
})
beforeEach(() => {
  forget(client)
})

const post = { title: 't', body: 'a body' }
/** The last paragraph of Prisma's validation errors, which says what is wrong. */
const complaint = (error: Error) => error.message.split('\n').at(-1)

test('a connect that names exactly the id becomes a foreign key: one INSERT, no transaction', async () => {
  const created = await client.prisma.post.create({
    data: { ...post, author: { connect: { id: authorId } } },
  })
  expect(created).toMatchObject({ body: 'a body', authorId })
  expect(statementsOf(client)).toEqual(['SELECT', 'SELECT', 'INSERT'])
  expect(client.queries.map(({ sql }) => sql)).not.toContain('BEGIN')
})

test('two connects of one record', async () => {
  const data = { ...post, author: { connect: { id: authorId } }, editor: { connect: { id: authorId } } }
  const created = await client.prisma.post.create({ data, include: { editor: true } })
  expect(created).toMatchObject({ authorId, editorId: authorId, editor: { name: 'author' } })
})

test('a missing parent stays P2025, and nothing is written', async () => {
  const missing = { connect: { id: 999_999 } }
  expect(
    await codeOf(client.prisma.post.create({ data: { title: 'missing', body: 'b', author: missing } })),
  ).toBe('P2025')
  const editor = { title: 'missing', body: 'b', author: { connect: { id: authorId } }, editor: missing }
  expect(await codeOf(client.prisma.post.create({ data: editor }))).toBe('P2025')
  expect(await database.sql(`SELECT FROM "Post" WHERE title = 'missing'`)).toEqual([])
})

test('a missing parent of a nested record stays P2025, and nothing is written', async () => {
  const nested = { ...post, editor: { connect: { id: 999_999 } } }
  expect(
    await codeOf(
      client.prisma.user.create({ data: { name: 'x', handle: 'none', posts: { create: nested } } }),
    ),
  ).toBe('P2025')
  expect(await database.sql(`SELECT FROM "User" WHERE handle = 'none'`)).toEqual([])
})

test('a connect by another unique column, or with further conditions, is left to Prisma', async () => {
  const { prisma } = client
  const { id } = await prisma.user.create({ data: { name: 'by handle', handle: 'ada', loginCount: 3 } })
  const byHandle = await prisma.post.create({ data: { ...post, author: { connect: { handle: 'ada' } } } })
  expect(byHandle).toMatchObject({ body: 'a body', authorId: id })
  const narrowed = await prisma.post.create({ data: { ...post, author: { connect: { id, loginCount: 3 } } } })
  expect(narrowed).toMatchObject({ body: 'a body', authorId: id })
  expect(
    await codeOf(prisma.post.create({ data: { ...post, author: { connect: { id, loginCount: 4 } } } })),
  ).toBe('P2025')
})

test.each([
  ['{}', {}],
  ['{ connect: undefined }', { connect: undefined }],
])('an optional relation written as %s says nothing', async (_, editor: object) => {
  const author = { connect: { id: authorId } }
  const created = await client.prisma.post.create({ data: { ...post, author, editor } })
  expect(created).toMatchObject({ body: 'a body', editorId: null })
  expect(client.queries.map(({ sql }) => sql)).not.toContain('BEGIN')
  const user = await client.prisma.user.create({ data: { name: 'x', org: editor } })
  expect(user).toMatchObject({ name: 'x', orgId: null })
})

test.each([
  ['{}', {}],
  ['{ connect: undefined }', { connect: undefined }],
  ['undefined', undefined],
])('a required relation written as %s fails as in plain Prisma', async (_, author) => {
  const { prisma, plain } = client
  const expected = await errorOf(plain.plainPost.create({ data: { ...post, author } as never }))
  const error = await errorOf(prisma.post.create({ data: { ...post, author } as never }))
  expect(error.name).toBe(expected.name)
  expect(complaint(error)).toBe(complaint(expected)?.replaceAll('Plain', ''))
})

test('a foreign key beside a connect fails as in plain Prisma', async () => {
  const { prisma, plain } = client
  const data = { ...post, authorId, editor: { connect: { id: authorId } } } as never
  const expected = await errorOf(plain.plainPost.create({ data }))
  const error = await errorOf(prisma.post.create({ data }))
  expect(error.name).toBe(expected.name)
  expect(complaint(error)).toBe(complaint(expected)?.replaceAll('Plain', ''))
})

test('each nesting level is checked or unchecked on its own', async () => {
  const { prisma } = client
  const org = await prisma.org.create({ data: { name: 'o' } })
  const created = await prisma.user.create({
    data: {
      name: 'parent',
      org: { connect: { id: org.id } },
      posts: {
        create: [
          { ...post, editor: { connect: { id: authorId } } },
          { ...post, editor: {} },
        ],
      },
    },
    include: {
      org: true,
      posts: { include: { editor: { include: { org: true } } }, orderBy: { id: 'asc' } },
    },
  })
  expect(created.org?.name).toBe('o')
  expect(created.posts.map(({ editor }) => editor?.name)).toEqual(['author', undefined])
  const fresh = await database.reader.user.findUniqueOrThrow({
    where: { id: created.id },
    include: { posts: { include: { editor: true } } },
  })
  expect(fresh.posts.map(({ body }) => body)).toEqual(['a body', 'a body'])
})

// Prisma takes a list of checked inputs or one of unchecked inputs, never a mixture.
test.each([
  ['nothing', { body: 'other body' }],
  ['a connect', { body: 'other body', editor: { connect: { id: 1 } } }],
  ['an empty relation', { body: 'other body', editor: {} }],
  ['a connect but nothing to encrypt', { body: null, editor: { connect: { id: 1 } } }],
])('a list in which one element has to stay checked, beside some with %s', async (_, other) => {
  const late = { ...post, editor: { create: { name: 'new editor' } } }
  const { id } = await client.prisma.user.create({
    data: { name: 'parent', posts: { create: [{ title: 't', ...other }, late, { title: 't', ...other }] } },
  })
  const posts = await database
    .connect()
    .prisma.post.findMany({ where: { authorId: id }, include: { editor: true } })
  expect(posts.map(({ body }) => body).sort()).toEqual(['a body', other.body, other.body].sort())
  expect(posts.find(({ body }) => body === 'a body')?.editor?.name).toBe('new editor')
})

test('a list in which one element could be rewritten but has nothing to encrypt', async () => {
  const { prisma } = client
  const create = [post, { title: 't', editor: { connect: { id: authorId } } }]
  const { id } = await prisma.user.create({ data: { name: 'parent', posts: { create } } })
  const posts = await database.reader.post.findMany({ where: { authorId: id } })
  expect(posts.map(({ body, editorId }) => [body, editorId])).toEqual([
    ['a body', null],
    [null, authorId],
  ])
})

test("the caller's data is not rewritten", async () => {
  const data = Object.freeze({ ...post, author: Object.freeze({ connect: Object.freeze({ id: authorId }) }) })
  await client.prisma.post.create({ data })
  expect(data).toEqual({ ...post, author: { connect: { id: authorId } } })
})
