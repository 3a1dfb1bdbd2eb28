/** Known faults of earlier libraries in searching encrypted fields, each with a test that fails on it. */
import { codeOf, useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient
const [ada, bob] = ['ada@example.com', 'bob@example.com']

beforeAll(async () => {
  client = database.connect()
  await client.prisma.account.createMany({
    data: [{ email: ada, label: 'ada' }, { email: bob, label: 'bob' }, { label: 'nobody' }],
  })
})

const labels = async (where: object) =>
  (await client.prisma.account.findMany({ where, orderBy: { id: 'asc' } })).map(({ label }) => label)

describe('`notIn` and `not` return the excluded row, `in` returns nothing', () => {
  test.each<[string, object, string[]]>([
    ['notIn', { notIn: [ada] }, ['bob']],
    ['notIn, everything', { notIn: [ada, bob] }, []],
    ['notIn, nothing', { notIn: [] }, ['ada', 'bob', 'nobody']],
    ['not: { equals }', { not: { equals: ada } }, ['bob']],
    ['not', { not: ada }, ['bob']],
    ['not: { in }', { not: { in: [ada] } }, ['bob']],
    ['not: { notIn }', { not: { notIn: [ada] } }, ['ada']],
    ['in', { in: [ada, bob] }, ['ada', 'bob']],
    ['in, in another spelling', { in: [' ADA@example.com'] }, ['ada']],
    ['in, one unknown', { in: [ada, 'unknown'] }, ['ada']],
    ['in, nothing', { in: [] }, []],
    ['equals', { equals: ada }, ['ada']],
  ])('%s', async (_, email, expected) => {
    expect(await labels({ email })).toEqual(expected)
    // As plain Prisma answers on the whole values, NULL included.
    await client.plain.plainAccount.deleteMany()
    await client.plain.plainAccount.createMany({
      data: [{ email: ada, label: 'ada' }, { email: bob, label: 'bob' }, { label: 'nobody' }],
    })
    const lowered = JSON.parse(
      JSON.stringify(email).toLowerCase().replaceAll('" ', '"').replace('notin', 'notIn'),
    )
    const twins = await client.plain.plainAccount.findMany({
      where: { email: lowered as object },
      orderBy: { id: 'asc' },
    })
    expect(twins.map(({ label }) => label)).toEqual(expected)
  })

  test('in nested filters, counts and NOT', async () => {
    const { prisma } = client
    expect(await labels({ NOT: { email: ada } })).toEqual(['bob'])
    expect(await labels({ NOT: { email: { in: [bob] } } })).toEqual(['ada'])
    expect(await prisma.account.count({ where: { email: { notIn: [ada] } } })).toBe(1)
    expect(await prisma.account.count({ where: { email: { in: [ada, bob] } } })).toBe(2)
  })
})

describe('`update` to null leaves the stale index', () => {
  const create = (email: string) => client.prisma.account.create({ data: { email, phone: '123' } })
  const indexes = async (id: number) => {
    const { emailBidx, phoneBidx } = await database.stored('"Account"', id)
    return { emailBidx, phoneBidx }
  }
  const cleared = { emailBidx: null, phoneBidx: null }
  const data = { email: null, phone: null }

  type Clearing = (id: number) => PromiseLike<unknown>
  test.each<[string, Clearing]>([
    ['update', (id) => client.prisma.account.update({ where: { id }, data })],
    [
      '{ set: null }',
      (id) =>
        client.prisma.account.update({ where: { id }, data: { email: { set: null }, phone: { set: null } } }),
    ],
    ['updateMany', (id) => client.prisma.account.updateMany({ where: { id }, data })],
    ['updateManyAndReturn', (id) => client.prisma.account.updateManyAndReturn({ where: { id }, data })],
    ['upsert', (id) => client.prisma.account.upsert({ where: { id }, create: {}, update: data })],
    [
      'nested update',
      async (id) => {
        const user = await client.prisma.user.create({ data: { name: 'x', accounts: { connect: { id } } } })
        const accounts = { update: { where: { id }, data } }
        await client.prisma.user.update({ where: { id: user.id }, data: { accounts } })
      },
    ],
  ])('%s', async (name, clear) => {
    const email = `${name}@example.com`
    const { id } = await create(email)
    await clear(id)
    expect(await indexes(id)).toEqual(cleared)
    expect(await client.prisma.account.findUnique({ where: { email } })).toBeNull()
    expect(await labels({ id, phone: '123' })).toEqual([])
    expect((await client.prisma.account.create({ data: { email } })).email).toBe(email) // the value is free again
  })

  test('a new value takes the place of the old one in every index', async () => {
    const { id } = await create('first@example.com')
    await client.prisma.account.update({ where: { id }, data: { email: 'second@example.com', phone: '456' } })
    expect(await client.prisma.account.findUnique({ where: { email: 'first@example.com' } })).toBeNull()
    expect(await client.prisma.account.findUnique({ where: { email: 'second@example.com' } })).toMatchObject({
      id,
    })
    expect(await labels({ id, phone: '123' })).toEqual([])
    expect(await labels({ id, phone: '456' })).toEqual([null])
  })

  test('a failed update changes neither', async () => {
    const { id } = await create('kept@example.com')
    const before = await indexes(id)
    expect(await codeOf(client.prisma.account.update({ where: { id }, data: { email: ada } }))).toBe('P2002')
    expect(await indexes(id)).toEqual(before)
    expect(await client.prisma.account.findUnique({ where: { id } })).toMatchObject({
      email: 'kept@example.com',
    })
  })
})
