/** What our own statements leave behind in transactions: no lock, no savepoint, no retry after the caller's time is up. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
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
  await client.prisma.account.createMany({
    data: Array.from({ length: 50 }, (_, n) => ({ email: `loader${n}@example.com`, label: `loader ${n}` })),
  })
})
beforeEach(() => {
  forget(client)
})

type Transaction = Parameters<Parameters<ExtendedClient['prisma']['$transaction']>[0]>[0]

describe('50 findUnique in one tick', () => {
  const emails = Array.from({ length: 50 }, (_, n) => `loader${n}@example.com`)
  const selects = ({ queries }: ExtendedClient) =>
    queries.filter(({ sql }) => sql.includes('FROM "public"."Account"'))
  const load = (prisma: Pick<Transaction, 'account'>) =>
    Promise.all(emails.map((email) => prisma.account.findUnique({ where: { email } })))

  test('by an encrypted field, outside transactions, inside one, and at once in both', async () => {
    const { prisma } = client
    expect((await load(prisma)).map((found) => found?.email)).toEqual(emails)
    expect(selects(client)).toHaveLength(1)
    forget(client)
    expect((await prisma.$transaction((tx) => load(tx))).map((found) => found?.email)).toEqual(emails)
    expect(selects(client)).toHaveLength(1)
    forget(client)
    const [outside, inside] = await Promise.all([load(prisma), prisma.$transaction((tx) => load(tx))])
    expect([outside, inside].map((found) => found.map((account) => account?.email))).toEqual([emails, emails])
    expect(selects(client)).toHaveLength(2)
  })

  test('by id, with different spellings of one selection, as in plain Prisma', async () => {
    const { prisma, plain } = client
    const ids = (await plain.account.findMany({ select: { id: true }, take: 20 })).map(({ id }) => id)
    const count = async (run: (id: number) => PromiseLike<unknown>) => {
      forget(client)
      await Promise.all(ids.map(run))
      return selects(client).length
    }
    expect(await count((id) => prisma.account.findUnique({ where: { id } }))).toBe(1)
    expect(await count((id) => prisma.account.findUnique({ where: { id }, select: { email: true } }))).toBe(1)
    expect(
      await count((id) => prisma.account.findUniqueOrThrow({ where: { id }, omit: { phone: true } })),
    ).toBe(1)
    const twice = (id: number) =>
      id % 2 === 0
        ? prisma.account.findUnique({ where: { id } })
        : prisma.account.findUnique({ where: { id }, select: { id: true } })
    expect(await count(twice)).toBe(2)
  })

  test('fluent reads', async () => {
    const { prisma } = client
    const users = await prisma.user.createManyAndReturn({
      data: Array.from({ length: 10 }, (_, n) => ({ name: `fluent ${n}` })),
    })
    await prisma.post.createMany({
      data: users.map(({ id, name }) => ({ title: name, body: name, authorId: id })),
    })
    forget(client)
    const posts = await Promise.all(users.map(({ id }) => prisma.user.findUnique({ where: { id } }).posts()))
    expect(posts.map((list) => list?.[0]?.body)).toEqual(users.map(({ name }) => name))
    expect(statementsOf(client)).toEqual(['SELECT', 'SELECT']) // users, then posts
  })
})

/** Everything of ours that needs several statements, in one transaction. */
async function everyLockedWrite(tx: Transaction): Promise<void> {
  const { id } = await tx.user.create({
    data: { name: 'locks', handle: `locks ${Math.random()}`, profile: { create: { bio: 'b' } } },
  })
  const where = { id }
  await tx.user.update({ where, data: { email: 'e' } })
  await tx.user.update({ where, data: { profile: { update: { bio: 'c' } } } })
  await tx.user.updateMany({ where, data: { phone: '1' } })
  await tx.user.upsert({ where, create: { name: 'n' }, update: { email: 'f' } })
  await tx.user.upsert({
    where: { handle: 'absent' },
    create: { name: 'new', handle: `x ${id}` },
    update: { email: 'f' },
  })
  await tx.post.create({ data: { title: 't', body: 'late', author: { create: { name: 'a' } } } })
}

describe('locks and savepoints', () => {
  test('savepoints are released or rolled back, in the same transaction', async () => {
    const { prisma } = client
    await prisma
      .$transaction(async (tx) => {
        await everyLockedWrite(tx)
        // PostgreSQL answers 3B001 for a savepoint that does not exist, which ends this transaction.
        await expect(tx.$executeRaw`ROLLBACK TO SAVEPOINT prisma_kms_encrypted`).rejects.toMatchObject({
          code: 'P2010',
        })
        throw new Error('end')
      })
      .catch((error: unknown) => {
        if (!(error instanceof Error) || error.message !== 'end') throw error
      })
    const names = client.queries.flatMap(
      ({ sql }) => /^(SAVEPOINT|RELEASE SAVEPOINT|ROLLBACK TO SAVEPOINT)/.exec(sql)?.[1] ?? [],
    )
    const opened = names.filter((name) => name === 'SAVEPOINT').length
    expect(opened).toBeGreaterThan(0)
    expect(names.filter((name) => name === 'RELEASE SAVEPOINT')).toHaveLength(opened)
  })

  test.each<[string, () => Promise<unknown>]>([
    ['a commit', () => client.prisma.$transaction(everyLockedWrite)],
    [
      'a rollback',
      () =>
        client.prisma
          .$transaction(async (tx) => {
            await everyLockedWrite(tx)
            throw new Error('roll back')
          })
          .catch(() => null),
    ],
    ['transactions of our own', () => everyLockedWrite(client.prisma as unknown as Transaction)],
    [
      'a batch',
      () => {
        const { prisma } = client
        return prisma
          .$transaction([
            prisma.user.updateMany({ where: { nickname: null }, data: { email: 'batch' } }),
            prisma.user.update({ where: { id: -1 }, data: { email: 'absent' } }),
          ])
          .catch(() => null)
      },
    ],
  ])('after %s no lock is held and no transaction is open', async (_, run) => {
    await run()
    const locks = await database.sql(`
      SELECT mode, relation::regclass::text AS relation FROM pg_locks
      WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()`)
    expect(locks).toEqual([])
    const open = await database.sql(`
      SELECT state, query FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in transaction%'`)
    expect(open).toEqual([])
  })

  test('an update outside a transaction takes no lock before its own statement', async () => {
    const { prisma } = client
    const { id } = await prisma.user.create({ data: { name: 'x' } })
    forget(client)
    await prisma.user.update({ where: { id }, data: { email: 'e' } })
    expect(client.queries.filter(({ sql }) => sql.includes('FOR UPDATE'))).toEqual([])
  })

  test('locks are taken in the order of ids, so that opposite updates do not deadlock', async () => {
    const { prisma } = client
    const users = await prisma.user.createManyAndReturn({
      data: Array.from({ length: 10 }, () => ({ name: 'order' })),
    })
    const ids = users.map(({ id }) => id)
    const update = (orderedIds: number[], email: string) =>
      prisma.user.updateMany({ where: { OR: orderedIds.map((id) => ({ id })) }, data: { email } })
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, n) => update(n % 2 === 0 ? ids : ids.toReversed(), `e${n}`)),
    )
    expect(results).toEqual(results.map(() => ({ count: 10 })))
  })
})

describe('time limits', () => {
  test('nothing of ours runs on after the caller’s transaction has timed out', async () => {
    const { prisma, kms } = client
    const { id } = await prisma.user.create({ data: { name: 'x', email: 'before' } })
    kms.latencyMs = 400
    try {
      const whole = prisma.$transaction((tx) => tx.user.update({ where: { id }, data: { email: 'after' } }), {
        timeout: 150,
      })
      expect(await codeOf(whole)).toBe('P2028')
      await sleep(600)
      expect(await database.reader.user.findUnique({ where: { id }, select: { email: true } })).toEqual({
        email: 'before',
      })
    } finally {
      kms.latencyMs = 0
    }
    forget(client)
    await sleep(100)
    expect(client.queries).toEqual([])
  })

  test('waiting for a row that another transaction has locked ends with the caller’s timeout', async () => {
    const { prisma } = client
    const { id } = await prisma.user.create({ data: { name: 'x', email: 'before' } })
    const other = new pg.Client({ connectionString: database.url })
    await other.connect()
    await other.query('BEGIN')
    await other.query('SELECT 1 FROM "User" WHERE id = $1 FOR UPDATE', [id])
    const started = Date.now()
    const whole = prisma.$transaction((tx) => tx.user.update({ where: { id }, data: { email: 'after' } }), {
      timeout: 300,
    })
    const code = codeOf(whole)
    await sleep(1_500)
    await other.query('ROLLBACK')
    await other.end()
    expect(await code).toBe('P2028')
    expect(Date.now() - started).toBeLessThan(10_000)
    expect(await database.reader.user.findUnique({ where: { id }, select: { email: true } })).toEqual({
      email: 'before',
    })
  })

  test('maxWait and timeout of our own transactions are the configured ones', async () => {
    const short = database.connect({ transaction: { timeout: 300 } })
    const { id } = await short.prisma.user.create({ data: { name: 'x', profile: { create: { bio: 'b' } } } })
    const other = new pg.Client({ connectionString: database.url })
    await other.connect()
    await other.query('BEGIN')
    await other.query('SELECT 1 FROM "Profile" WHERE "userId" = $1 FOR UPDATE', [id])
    const code = codeOf(
      short.prisma.user.update({ where: { id }, data: { profile: { update: { bio: 'c' } } } }),
    )
    await sleep(1_500)
    await other.query('ROLLBACK')
    expect(await code).toBe('P2028')
    await other.end()
    expect(await database.reader.profile.findUnique({ where: { userId: id } })).toMatchObject({ bio: 'b' })
  })
})

describe('isolation levels', () => {
  const levels = ['ReadUncommitted', 'ReadCommitted', 'RepeatableRead', 'Serializable'] as const

  test.each(levels)('%s passes, for functions and for batches', async (isolationLevel) => {
    const { prisma } = client
    const spoken = isolationLevel.replace(/(?<!^)[A-Z]/, (letter) => ` ${letter}`).toLowerCase()
    type Shown = { transaction_isolation: string }[]
    const inside = await prisma.$transaction(
      async (tx) => {
        await everyLockedWrite(tx)
        return tx.$queryRaw<Shown>`SHOW transaction_isolation`
      },
      { isolationLevel },
    )
    expect(inside).toEqual([{ transaction_isolation: spoken }])
    const [, shown] = await prisma.$transaction(
      [
        prisma.user.findFirst({ where: { nickname: null } }),
        prisma.$queryRaw<Shown>`SHOW transaction_isolation`,
      ],
      { isolationLevel },
    )
    expect(shown).toEqual([{ transaction_isolation: spoken }])
  })
})

describe('transactions inside transactions', () => {
  test('both commit, or only the outer one', async () => {
    const { prisma } = client
    const { id } = await prisma.user.create({ data: { name: 'nested', email: 'before' } })
    const where = { id }
    await prisma.$transaction(async (tx) => {
      await tx.user.update({ where, data: { email: 'outer' } })
      await tx.$transaction(async (inner) => {
        await inner.user.update({ where, data: { phone: 'inner' } })
        await inner.user.updateMany({ where, data: { notes: { inner: true } } })
      })
      const undone = tx.$transaction(async (inner) => {
        await inner.user.update({ where, data: { name: 'undone', profile: { create: { bio: 'undone' } } } })
        throw new Error('inner')
      })
      await expect(undone).rejects.toThrow('inner')
      expect(await tx.user.findUnique({ where })).toMatchObject({
        name: 'nested',
        email: 'outer',
        phone: 'inner',
      })
    })
    expect(await database.reader.user.findUnique({ where, include: { profile: true } })).toMatchObject({
      name: 'nested',
      email: 'outer',
      phone: 'inner',
      notes: { inner: true },
      profile: null,
    })
  })
})
