/** `$transaction([…])`: one interactive transaction, in order; and batches that other client objects start. */
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
  client = database.connect(undefined, { max: 1 })
  await client.prisma.user.create({ data: { name: 'reads the catalogue' } })
})
beforeEach(() => {
  forget(client)
})

describe('on the extended client', () => {
  test('operations run in order, on the same row too', async () => {
    const { prisma } = client
    const { id } = await prisma.auditEntry.create({ data: { action: 'a' } })
    const results = await prisma.$transaction([
      prisma.auditEntry.update({ where: { id }, data: { detail: '1' } }),
      prisma.auditEntry.update({ where: { id }, data: { payload: { n: 2 } } }),
      prisma.auditEntry.update({
        where: { id },
        data: { detail: '3' },
        select: { detail: true, payload: true },
      }),
      prisma.auditEntry.findUnique({ where: { id }, select: { detail: true } }),
      prisma.auditEntry.delete({ where: { id }, select: { payload: true } }),
    ])
    expect(results.slice(2)).toEqual([
      { detail: '3', payload: { n: 2 } },
      { detail: '3' },
      { payload: { n: 2 } },
    ])
    expect(client.queries.filter(({ sql }) => sql === 'BEGIN')).toHaveLength(1)
  })

  test('a record created in a batch can be changed in it', async () => {
    const { prisma } = client
    const [, updated] = await prisma.$transaction([
      prisma.user.create({ data: { id: 70_001, name: 'x' } }),
      prisma.user.update({ where: { id: 70_001 }, data: { email: 'same batch' } }),
    ])
    expect(updated).toMatchObject({ name: 'x', email: 'same batch' })
  })

  test('the limits are those of the configuration: Prisma takes none for a batch', async () => {
    const { prisma, kms } = database.connect({ transaction: { timeout: 200 } })
    const { id } = await prisma.user.create({ data: { name: 'x' } })
    kms.latencyMs = 600
    const batch = prisma.$transaction([
      prisma.user.update({ where: { id }, data: { email: 'late' } }),
      prisma.user.count(),
    ])
    expect(await codeOf(batch)).toBe('P2028')
  })

  test('what needs several statements: keys after the insert, nested updates, updateMany, upsert', async () => {
    const { prisma } = client
    const user = await prisma.user.create({ data: { name: 'x', profile: { create: { bio: 'a' } } } })
    const where = { id: user.id }
    const [post] = await prisma.$transaction([
      prisma.post.create({
        data: { title: 't', body: 'late', author: { create: { name: 'author' } } },
        include: { author: true },
      }),
      prisma.user.update({ where, data: { profile: { update: { bio: 'b' } } } }),
      prisma.user.updateMany({ where, data: { email: 'many' } }),
      prisma.user.upsert({ where, create: { name: 'never' }, update: { phone: '1' } }),
    ])
    expect(post).toMatchObject({ body: 'late', author: { name: 'author' } })
    expect(await database.reader.user.findUnique({ where, include: { profile: true } })).toMatchObject({
      email: 'many',
      phone: '1',
      profile: { bio: 'b' },
    })
  })

  test('mixed with raw queries, plain models and fluent calls, results in order', async () => {
    const { prisma } = client
    const { id } = await prisma.user.create({
      data: { name: 'fluent', posts: { create: { title: 't', body: 'b' } } },
    })
    const results = await prisma.$transaction([
      prisma.$queryRaw`SELECT 1 AS one`,
      prisma.tag.create({ data: { label: 'in a batch' } }),
      prisma.user.findUnique({ where: { id } }).posts({ select: { body: true } }),
      prisma.$executeRaw`SELECT 1`,
      prisma.user.count({ where: { id } }),
    ])
    expect(results).toEqual([
      [{ one: 1 }],
      { id: expect.any(Number) as number, label: 'in a batch' },
      [{ body: 'b' }],
      1,
      1,
    ])
  })

  test('an error rolls everything back and is passed on', async () => {
    const { prisma } = client
    const whole = prisma.$transaction([
      prisma.user.create({ data: { name: 'x', handle: 'rolled back' } }),
      prisma.user.update({ where: { id: 999_999 }, data: { email: 'x' } }),
      prisma.user.create({ data: { name: 'x', handle: 'not reached' } }),
    ])
    expect(await codeOf(whole)).toBe('P2025')
    expect(await database.sql(`SELECT FROM "User" WHERE handle IN ('rolled back', 'not reached')`)).toEqual(
      [],
    )
  })

  test('a refusal of ours rolls everything back too', async () => {
    const { prisma } = client
    const whole = prisma.$transaction([
      prisma.user.create({ data: { name: 'x', handle: 'refused later' } }),
      prisma.user.findMany({ where: { email: 'x' } }),
    ])
    expect(await codeOf(whole)).toBe('ENCRYPTED_FILTER')
    expect(await database.sql(`SELECT FROM "User" WHERE handle = 'refused later'`)).toEqual([])
  })

  test('the isolation level passes', async () => {
    const { prisma } = client
    const [, level] = await prisma.$transaction(
      [
        prisma.user.findMany({ take: 1 }),
        prisma.$queryRaw`SELECT current_setting('transaction_isolation') AS level`,
      ],
      { isolationLevel: 'Serializable' },
    )
    expect(level).toEqual([{ level: 'serializable' }])
  })

  test('an empty batch, and a batch of raw queries only, are Prisma’s own', async () => {
    const { prisma } = client
    expect(await prisma.$transaction([])).toEqual([])
    expect(await prisma.$transaction([prisma.$queryRaw`SELECT 1 AS one`])).toEqual([[{ one: 1 }]])
  })

  test('operations on models that cannot reach encrypted data stay one native batch', async () => {
    const { prisma } = client
    await prisma.$transaction([prisma.plainUser.create({ data: { name: 'a' } }), prisma.plainTag.findMany()])
    expect(statementsOf(client)).toEqual(['INSERT', 'SELECT'])
  })

  test('what is no operation is refused by Prisma', () => {
    const { prisma } = client
    const message = 'All elements of the array need to be Prisma Client promises'
    expect(() => prisma.$transaction([Promise.resolve(1)] as never)).toThrow(message)
  })
})

describe('a batch of the un-extended client', () => {
  test('takes operations that are one statement', async () => {
    const { prisma, plain } = client
    const { id } = await prisma.user.create({ data: { name: 'x', email: 'before' } })
    forget(client)
    const results: unknown[] = await plain.$transaction([
      prisma.user.create({ data: { name: 'created' } }),
      prisma.user.update({ where: { id }, data: { email: 'after' }, select: { email: true, name: true } }),
      prisma.user.findMany({ where: { id }, select: { name: true } }),
      prisma.org.create({ data: { name: 'plain' } }),
    ] as never)
    expect(results).toMatchObject([
      { name: 'created' },
      { email: 'after', name: 'x' },
      [{ name: 'x' }],
      { name: 'plain' },
    ])
    expect(client.queries.filter(({ sql }) => sql === 'BEGIN')).toHaveLength(1)
    const inside = statementsOf(client).slice(-4)
    expect(inside).toEqual(['INSERT', 'UPDATE', 'SELECT', 'INSERT'])
  })

  test.each<[string, (prisma: ExtendedClient['prisma']) => unknown]>([
    [
      'keys after the insert',
      (prisma) => prisma.post.create({ data: { title: 't', body: 'b', author: { create: { name: 'x' } } } }),
    ],
    [
      'a nested update',
      (prisma) => prisma.user.update({ where: { id: 1 }, data: { profile: { update: { bio: 'b' } } } }),
    ],
    ['updateMany', (prisma) => prisma.user.updateMany({ data: { email: 'e' } })],
    [
      'upsert',
      (prisma) => prisma.user.upsert({ where: { id: 1 }, create: { name: 'x' }, update: { email: 'e' } }),
    ],
  ])('refuses %s, and nothing of it is written', async (name, operation) => {
    const { prisma, plain } = database.connect()
    const whole = plain.$transaction([plain.org.create({ data: { name } }), operation(prisma)] as never)
    expect(await codeOf(whole)).toBe('UNSUPPORTED_IN_BATCH')
    expect(await plain.org.count({ where: { name } })).toBe(0)
  })

  test('a failure after its commit says that it was written', async () => {
    const { prisma, plain, kms } = database.connect()
    const { id } = await prisma.user.create({ data: { name: 'x' } })
    // Nothing in the arguments tells which record the database brings into the result.
    await database.sql(`CREATE FUNCTION join_org() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN UPDATE "User" SET "orgId" = NEW.id WHERE id = ${id}; RETURN NEW; END';
      CREATE TRIGGER join_org AFTER INSERT ON "Org" FOR EACH ROW EXECUTE FUNCTION join_org()`)
    kms.fault = ({ operation }) => (operation === 'unwrap' ? new Error('denied') : undefined)
    const create = prisma.org.create({ data: { name: 'committed' }, include: { users: true } })
    const whole = plain.$transaction([create] as never)
    await expect(whole).rejects.toMatchObject({ code: 'KMS_UNAVAILABLE', written: true })
    expect(await plain.org.count({ where: { name: 'committed' } })).toBe(1)
  })
})
