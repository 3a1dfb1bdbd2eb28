/** MariaDB: the shared suite, and what its snapshots and its inserts ask for. */
import { setTimeout } from 'node:timers/promises'
import { codeOf } from '../support/extended-database.js'
import { describeCatalogue } from './doctor.js'
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

const uniqueEmail = 'CREATE UNIQUE INDEX `Account_emailBidx_key` ON `Account` (`emailBidx`)'
const dropUniqueEmail = 'DROP INDEX `Account_emailBidx_key` ON `Account`'

/** A column changes its type only if the new one holds what earlier tests have left in it. */
const clear = (table: string, column: string) => `UPDATE \`${table}\` SET \`${column}\` = NULL`

describeCatalogue(
  suite,
  ['Account.cityBidx: search-index WARN', 'Account.taxIdBidx: search-index WARN'],
  [
    {
      name: 'a missing table',
      make: ['RENAME TABLE `Device` TO `Gone`'],
      mend: ['RENAME TABLE `Gone` TO `Device`'],
      finding: 'Device: columns CRITICAL',
    },
    {
      name: 'a missing column',
      make: ['ALTER TABLE `comments` RENAME COLUMN `comment_text` TO `other`'],
      mend: ['ALTER TABLE `comments` RENAME COLUMN `other` TO `comment_text`'],
      finding: 'Comment.text: columns CRITICAL',
    },
    {
      name: 'a VARCHAR that is shorter than the schema says',
      make: [clear('Account', 'phone'), 'ALTER TABLE `Account` MODIFY `phone` VARCHAR(255)'],
      mend: ['ALTER TABLE `Account` MODIFY `phone` TEXT'],
      finding: 'Account.phone: length CRITICAL',
    },
    {
      name: 'a key column that holds no wrapped key',
      make: [clear('Post', 'encryptedKmsKey'), 'ALTER TABLE `Post` MODIFY `encryptedKmsKey` VARCHAR(191)'],
      mend: ['ALTER TABLE `Post` MODIFY `encryptedKmsKey` TEXT'],
      finding: 'Post.encryptedKmsKey: length CRITICAL',
    },
    {
      name: 'bytes in a text column',
      make: [clear('User', 'avatar'), 'ALTER TABLE `User` MODIFY `avatar` LONGTEXT'],
      mend: ['ALTER TABLE `User` MODIFY `avatar` LONGBLOB'],
      finding: 'User.avatar: type CRITICAL',
    },
    {
      name: 'a unique index on ciphertext',
      make: ['CREATE UNIQUE INDEX `ciphertext` ON `Post` (`body`(100))'],
      mend: ['DROP INDEX `ciphertext` ON `Post`'],
      finding: 'Post.body: unique-ciphertext WARN',
    },
    {
      name: 'a unique index that is not there',
      make: [dropUniqueEmail],
      mend: [uniqueEmail],
      finding: 'Account.emailBidx: unique-index CRITICAL',
    },
    {
      name: 'that a unique index over two columns does not make a blind index unique',
      make: [dropUniqueEmail, 'CREATE UNIQUE INDEX `both` ON `Account` (`emailBidx`, `id`)'],
      mend: ['DROP INDEX `both` ON `Account`', uniqueEmail],
      finding: 'Account.emailBidx: unique-index CRITICAL',
    },
  ],
)
