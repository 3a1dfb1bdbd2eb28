/** What each operation costs: statements that reach the server, and calls and items that reach the key service. */
import {
  forget,
  statementsOf,
  useExtendedDatabase,
  type ExtendedClient,
} from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient
const nothing = { calls: 0, items: 0 }

beforeAll(async () => {
  client = database.connect()
  await client.prisma.user.create({ data: { name: 'first' } }) // reads the catalogue
})
beforeEach(() => {
  forget(client)
})

describe('create', () => {
  test('one record: one nextval, one wrap, one INSERT, no unwrap', async () => {
    const { prisma, queries, kms } = client
    await prisma.user.create({ data: { name: 'Ada', email: 'ada@example.com' } })
    expect(statementsOf(client)).toEqual(['SELECT', 'INSERT'])
    expect(queries[0]?.sql).toContain('nextval')
    expect(kms.log).toEqual([{ operation: 'wrap', keyId: 'local/app', items: 1 }])
  })

  test('two key groups: one wrap each', async () => {
    await client.prisma.user.create({ data: { name: 'Ada', email: 'ada@example.com', phone: '+44' } })
    expect(statementsOf(client)).toEqual(['SELECT', 'INSERT'])
    expect(client.kms.counts).toMatchObject({ wrap: { calls: 2, items: 2 }, unwrap: nothing })
  })

  test('an id made by the client: no nextval', async () => {
    const { prisma } = client
    const user = await prisma.user.create({ data: { name: 'owner' } })
    forget(client)
    await prisma.device.create({ data: { token: new Uint8Array([1]), ownerId: user.id } })
    expect(statementsOf(client)).toEqual(['INSERT'])
    expect(client.kms.counts.wrap).toEqual({ calls: 1, items: 1 })
  })

  test('nested records of several models: one nextval statement and one wrap call for all', async () => {
    const { prisma, queries, kms } = client
    await prisma.user.create({
      data: {
        name: 'Ada',
        profile: { create: { bio: 'b' } },
        posts: {
          create: [
            { title: '1', body: 'b1' },
            { title: '2', body: 'b2', comments: { create: { text: 'c' } } },
          ],
        },
      },
    })
    expect(queries.filter(({ sql }) => sql.includes('nextval'))).toHaveLength(1)
    expect(kms.log).toEqual([{ operation: 'wrap', keyId: 'local/app', items: 5 }])
  })

  test('createMany of 1,000: one nextval statement, one INSERT, all wraps in one call', async () => {
    const data = Array.from({ length: 1000 }, (_, index) => ({ name: `user ${index}` }))
    expect(await client.prisma.user.createMany({ data })).toEqual({ count: 1000 })
    expect(statementsOf(client)).toEqual(['SELECT', 'INSERT'])
    expect(client.kms.log).toEqual([{ operation: 'wrap', keyId: 'local/app', items: 1000 }])
  })

  test('createManyAndReturn opens what it returns from memory', async () => {
    const rows = await client.prisma.user.createManyAndReturn({ data: [{ name: 'a' }, { name: 'b' }] })
    expect(rows.map(({ name }) => name)).toEqual(['a', 'b'])
    expect(client.kms.counts).toMatchObject({ wrap: { calls: 1, items: 2 }, unwrap: nothing })
  })

  test('a record whose encrypted fields are all null: one INSERT, no KMS call, no nextval', async () => {
    const org = await client.prisma.org.create({ data: { name: 'o' } })
    forget(client)
    const data = { orgId: org.id, userNo: 1, level: 'gold', secret: null }
    expect(await client.prisma.membership.create({ data })).toEqual({ ...data, encryptedKmsKey: null })
    await client.prisma.auditEntry.create({ data: { action: 'nothing secret' } })
    expect(statementsOf(client)).toEqual(['INSERT', 'INSERT'])
    expect(client.kms.totalCalls).toBe(0)
  })

  test('a model without encrypted fields: nothing of ours', async () => {
    await client.prisma.org.create({ data: { name: 'plain' } })
    expect(statementsOf(client)).toEqual(['INSERT'])
    expect(client.kms.totalCalls).toBe(0)
  })
})

describe('update', () => {
  test('a partial update: two statements, one unwrap', async () => {
    const { prisma, kms } = client
    const { id } = await prisma.user.create({ data: { name: 'Ada', email: 'a@example.com' } })
    forget(client)
    await prisma.user.update({ where: { id }, data: { email: 'b@example.com' } })
    expect(statementsOf(client)).toEqual(['SELECT', 'UPDATE'])
    expect(kms.log).toEqual([{ operation: 'unwrap', keyId: 'local/app', items: 1 }])
  })

  test('a field set to null, with no encrypted field selected: one statement, no KMS call', async () => {
    const { prisma, kms } = client
    const { id } = await prisma.user.create({ data: { name: 'Ada', email: 'a@example.com' } })
    forget(client)
    await prisma.user.update({ where: { id }, data: { email: null }, select: { id: true } })
    expect(statementsOf(client)).toEqual(['UPDATE'])
    expect(kms.totalCalls).toBe(0)
  })

  test('no encrypted field set and none selected: as in plain Prisma', async () => {
    const { prisma, kms } = client
    const { id } = await prisma.user.create({ data: { name: 'Ada' } })
    forget(client)
    await prisma.user.update({ where: { id }, data: { loginCount: { increment: 1 } }, select: { id: true } })
    expect(statementsOf(client)).toEqual(['UPDATE'])
    expect(kms.totalCalls).toBe(0)
  })
})

describe('find', () => {
  test('n rows: one SELECT, one unwrap call with one item a row', async () => {
    const names = ['a', 'b', 'c', 'd']
    await client.prisma.user.createMany({ data: names.map((name) => ({ name, nickname: 'find n' })) })
    forget(client)
    const rows = await client.prisma.user.findMany({ where: { nickname: 'find n' }, orderBy: { id: 'asc' } })
    expect(rows.map(({ name }) => name)).toEqual(names)
    expect(statementsOf(client)).toEqual(['SELECT'])
    expect(client.kms.log).toEqual([{ operation: 'unwrap', keyId: 'local/app', items: 4 }])
  })

  test('a record that a result holds several times is unwrapped once', async () => {
    const { prisma, kms } = client
    const { id } = await prisma.user.create({
      data: { name: 'Ada', posts: { create: [{ title: '1' }, { title: '2' }, { title: '3' }] } },
    })
    forget(client)
    const posts = await prisma.post.findMany({ where: { authorId: id }, include: { author: true } })
    expect(posts.map(({ author }) => author.name)).toEqual(['Ada', 'Ada', 'Ada'])
    expect(kms.log).toEqual([{ operation: 'unwrap', keyId: 'local/app', items: 1 }])
  })

  test('no encrypted field selected: no KMS call and no further columns', async () => {
    await client.prisma.user.findMany({ select: { id: true, nickname: true }, take: 5 })
    expect(client.queries[0]?.sql).not.toContain('encryptedKmsKey')
    expect(client.kms.totalCalls).toBe(0)
  })

  test('only the key group that is selected is unwrapped', async () => {
    const { id } = await client.prisma.user.create({ data: { name: 'Ada', phone: '+44' } })
    forget(client)
    await client.prisma.user.findUnique({ where: { id }, select: { phone: true } })
    expect(client.kms.log).toEqual([{ operation: 'unwrap', keyId: 'local/phone', items: 1 }])
  })

  test('50 findUnique of one tick stay one statement', async () => {
    const { prisma } = client
    await prisma.user.createMany({
      data: Array.from({ length: 50 }, (_, index) => ({
        name: `loader ${index}`,
        handle: `loader-${index}`,
      })),
    })
    forget(client)
    const users = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        prisma.user.findUnique({ where: { handle: `loader-${index}` } }),
      ),
    )
    expect(users.map((user) => user?.name)).toEqual(users.map((_, index) => `loader ${index}`))
    expect(statementsOf(client)).toEqual(['SELECT'])
  })
})

test('the catalogue is read once, however many operations start at once', async () => {
  const fresh = database.connect()
  await Promise.all(Array.from({ length: 5 }, () => fresh.prisma.user.create({ data: { name: 'x' } })))
  await fresh.prisma.auditEntry.create({ data: { action: 'a', detail: 'd' } })
  expect(fresh.queries.filter(({ sql }) => sql.includes('pg_attribute'))).toHaveLength(1)
})
