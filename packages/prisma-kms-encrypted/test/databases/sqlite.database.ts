/** SQLite: the shared suite, and ids that are taken from `sqlite_sequence`. */
import { codeOf } from '../support/extended-database.js'
import { sqlite } from './sqlite.js'
import { describeDatabase, useDatabase } from './suite.js'

const suite = useDatabase(sqlite)
describeDatabase(suite)

test('ids are taken before the insert, so that no key service is asked inside a transaction', async () => {
  const { prisma, statements } = suite.connect()
  await prisma.user.create({ data: { name: 'x' } })
  statements.length = 0
  const user = await prisma.user.create({ data: { name: 'y' } })
  expect(statements.map(({ sql }) => /^\w+( "main"."sqlite_sequence")?/.exec(sql)?.[0])).toEqual([
    'UPDATE "main"."sqlite_sequence"',
    'INSERT',
  ])
  expect(typeof user.id).toBe('number')
})

test('the first id of an empty table, ids beside those of other programs, and after a rollback', async () => {
  const { prisma, plain } = suite.connect()
  const author = await prisma.user.create({ data: { name: 'author' } })
  const make = (body: string) => prisma.post.create({ data: { title: 'ids', body, authorId: author.id } })
  await plain.$executeRawUnsafe(`DELETE FROM "Post"`)
  await plain.$executeRawUnsafe(`DELETE FROM "sqlite_sequence" WHERE "name" = 'Post'`)
  expect((await make('a')).id).toBe(1)
  const other = await plain.post.create({ data: { title: 'ids', authorId: author.id } })
  expect(other.id).toBe(2)
  await plain.$executeRawUnsafe(`UPDATE "sqlite_sequence" SET "seq" = 0 WHERE "name" = 'Post'`)
  expect((await make('b')).id).toBe(3)
  await expect(
    prisma.$transaction(async (tx) => {
      await tx.post.create({ data: { title: 'ids', body: 'lost', authorId: author.id } })
      throw new Error('roll back')
    }),
  ).rejects.toThrow('roll back')
  expect((await make('c')).id).toBe(4)
  await plain.post.delete({ where: { id: 4 } })
  expect((await make('d')).id).toBe(5)
  const posts = await suite.reader.post.findMany({ where: { title: 'ids' }, orderBy: { id: 'asc' } })
  expect(posts.map(({ id, body }) => [id, body])).toEqual([
    [1, 'a'],
    [2, null],
    [3, 'b'],
    [5, 'd'],
  ])
})

test.each([
  ['an update', 'update'],
  ['a create', 'create'],
] as const)('%s in a transaction that another connection has outrun is P2034', async (_, operation) => {
  const { prisma, plain } = suite.connect()
  await plain.$queryRawUnsafe('PRAGMA journal_mode = WAL')
  const user = await prisma.user.create({ data: { name: 'before' } })
  const outcome = codeOf(
    prisma.$transaction(async (tx) => {
      await tx.org.count()
      await suite.reader.user.update({ where: { id: user.id }, data: { name: 'theirs' } })
      if (operation === 'create') await tx.user.create({ data: { name: 'ours' } })
      else await tx.user.update({ where: { id: user.id }, data: { name: 'ours' } })
    }),
  )
  expect(await outcome).toBe('P2034')
  expect(await suite.reader.user.findUnique({ where: { id: user.id } })).toMatchObject({ name: 'theirs' })
})
