/** MariaDB: the shared suite, and what its snapshots and its inserts ask for. */
import { setTimeout } from 'node:timers/promises'
import { codeOf } from '../support/extended-database.js'
import { mariadb } from './mariadb.js'
import { describeDatabase, useDatabase } from './suite.js'

const suite = useDatabase(mariadb)
describeDatabase(suite)

test('transactions of our own are READ COMMITTED', async () => {
  const { prisma, statements } = suite.connect()
  await prisma.user.create({ data: { name: 'x' } })
  const begun = statements.filter(({ sql }) => sql.startsWith('BEGIN')).map(({ sql }) => sql)
  expect(begun).toEqual(['BEGIN READ COMMITTED'])
})

test('an update that has to wait for another writer is not lost, although Prisma would say nothing', async () => {
  const { prisma } = suite.client
  const entry = await prisma.auditEntry.create({ data: { action: 'waits' } })
  const where = { id: entry.id }
  let ours: Promise<unknown> | undefined
  await suite.reader.$transaction(async (tx) => {
    await tx.auditEntry.update({ where, data: { detail: 'theirs' } })
    ours = prisma.auditEntry.update({ where, data: { payload: 'ours' } })
    ours.catch(() => undefined)
    await setTimeout(500)
  })
  await ours
  expect(await suite.reader.auditEntry.findUnique({ where })).toMatchObject({
    detail: 'theirs',
    payload: 'ours',
  })
})

test.each([
  ['RepeatableRead', 'WRITE_CONFLICT'],
  ['ReadCommitted', null],
] as const)(
  'a record that got its first key after a %s transaction began to read: %s',
  async (isolationLevel, code) => {
    const { prisma } = suite.client
    const author = await prisma.user.create({ data: { name: 'a' } })
    const entry = await prisma.auditEntry.create({ data: { action: 'snapshot', actorId: author.id } })
    const where = { id: entry.id }
    const outcome = codeOf(
      prisma.$transaction(
        async (tx) => {
          await tx.auditEntry.findUnique({ where })
          await suite.reader.auditEntry.update({ where, data: { detail: 'theirs' } })
          await tx.auditEntry.update({ where, data: { payload: 'ours' } })
        },
        { isolationLevel },
      ),
    )
    expect(await outcome).toBe(code)
    expect(await suite.reader.auditEntry.findUnique({ where })).toMatchObject({
      detail: 'theirs',
      payload: code === null ? 'ours' : null,
    })
  },
)

test('a text id is bound as it is stored, also when it is looked up in other letters', async () => {
  const { prisma } = suite.client
  const user = await prisma.user.create({ data: { name: 'x' } })
  await prisma.profile.create({ data: { id: 'Mixed-Case', bio: 'b', userId: user.id } })
  await prisma.profile.update({ where: { id: 'mixed-case' }, data: { headline: 'h' } })
  expect(await suite.reader.profile.findUnique({ where: { id: 'MIXED-CASE' } })).toMatchObject({
    id: 'Mixed-Case',
    bio: 'b',
    headline: 'h',
  })
})

test('what is longer than a column is refused before it is sent', async () => {
  const { prisma } = suite.client
  expect(await codeOf(prisma.account.create({ data: { email: 'x'.repeat(600) } }))).toBe('VALUE_TOO_LONG')
})
