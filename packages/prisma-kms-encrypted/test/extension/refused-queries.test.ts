/** Queries that ciphertext cannot answer, wherever they hide; and those that it can. */
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
  await client.prisma.user.create({
    data: { name: 'Ada', email: 'e', posts: { create: { title: 't', body: 'b' } } },
  })
})
beforeEach(() => {
  forget(client)
})

type Query = (prisma: ExtendedClient['prisma']) => Promise<unknown>
const where = { id: 1 }
const filters: Record<string, Query> = {
  equals: (prisma) => prisma.user.findMany({ where: { email: 'e' } }),
  'equals in an object': (prisma) => prisma.user.findFirst({ where: { email: { equals: 'e' } } }),
  contains: (prisma) => prisma.user.findMany({ where: { email: { contains: 'e' } } }),
  in: (prisma) => prisma.user.findMany({ where: { name: { in: ['a'] } } }),
  'not a value': (prisma) => prisma.user.findMany({ where: { email: { not: 'e' } } }),
  'not, nested': (prisma) => prisma.user.findMany({ where: { email: { not: { not: { equals: 'e' } } } } }),
  'null in the wrong operator': (prisma) =>
    prisma.user.findMany({ where: { email: { in: [null as never] } } }),
  'a Json path': (prisma) => prisma.user.findMany({ where: { notes: { path: ['a'], equals: 1 } } }),
  bytes: (prisma) => prisma.user.findMany({ where: { avatar: new Uint8Array([1]) } }),
  AND: (prisma) => prisma.user.findMany({ where: { AND: [{ id: 1 }, { email: 'e' }] } }),
  'OR inside NOT': (prisma) => prisma.user.findMany({ where: { NOT: { OR: [{ email: 'e' }] } } }),
  'a related record': (prisma) => prisma.post.findMany({ where: { author: { email: 'e' } } }),
  'a related record with is': (prisma) => prisma.post.findMany({ where: { author: { is: { email: 'e' } } } }),
  'a related record with isNot': (prisma) =>
    prisma.post.findMany({ where: { editor: { isNot: { email: 'e' } } } }),
  'related records with none': (prisma) => prisma.tag.findMany({ where: { posts: { none: { body: 'b' } } } }),
  'related records, three levels deep': (prisma) =>
    prisma.org.findMany({
      where: { users: { some: { posts: { every: { comments: { some: { text: 't' } } } } } } },
    }),
  'beside a unique condition': (prisma) => prisma.user.findUnique({ where: { id: 1, email: 'e' } }),
  'in a nested select': (prisma) => prisma.org.findMany({ select: { users: { where: { email: 'e' } } } }),
  'in a nested include': (prisma) =>
    prisma.user.findMany({ include: { posts: { include: { comments: { where: { text: 't' } } } } } }),
  'in _count': (prisma) =>
    prisma.user.findMany({ select: { _count: { select: { posts: { where: { body: 'b' } } } } } }),
  'in _count of include': (prisma) =>
    prisma.tag.findMany({ include: { _count: { select: { posts: { where: { body: 'b' } } } } } }),
  count: (prisma) => prisma.user.count({ where: { email: 'e' } }),
  aggregate: (prisma) => prisma.user.aggregate({ where: { email: 'e' }, _count: true }),
  groupBy: (prisma) => prisma.user.groupBy({ by: ['role'], where: { email: 'e' } }),
  deleteMany: (prisma) => prisma.user.deleteMany({ where: { email: 'e' } }),
  delete: (prisma) => prisma.user.delete({ where: { id: 1, name: 'n' } }),
  update: (prisma) => prisma.user.update({ where: { id: 1, name: 'n' }, data: {} }),
  updateMany: (prisma) => prisma.user.updateMany({ where: { name: 'n' }, data: { loginCount: 1 } }),
  upsert: (prisma) => prisma.user.upsert({ where: { id: 1, name: 'n' }, create: { name: 'n' }, update: {} }),
  cursor: (prisma) => prisma.user.findMany({ cursor: { id: 1, email: 'e' } }),
  'connect with further conditions': (prisma) =>
    prisma.post.update({ where, data: { author: { connect: { id: 1, email: 'e' } } } }),
  'connect in a create': (prisma) =>
    prisma.post.create({ data: { title: 't', author: { connect: { id: 1, email: 'e' } } } }),
  'set with further conditions': (prisma) =>
    prisma.user.update({ where, data: { editedPosts: { set: { id: 1, body: 'b' } } } }),
  'disconnect with a condition': (prisma) =>
    prisma.post.update({ where, data: { editor: { disconnect: { email: 'e' } } } }),
  'delete with a condition': (prisma) =>
    prisma.user.update({ where, data: { profile: { delete: { bio: 'b' } } } }),
  'nested deleteMany': (prisma) =>
    prisma.user.update({ where, data: { posts: { deleteMany: { body: 'b' } } } }),
  'nested deleteMany in a list': (prisma) =>
    prisma.user.update({ where, data: { posts: { deleteMany: [{ id: 1 }, { body: 'b' }] } } }),
  'nested update': (prisma) =>
    prisma.user.update({ where, data: { posts: { update: { where: { id: 1, body: 'b' }, data: {} } } } }),
  'nested update of one': (prisma) =>
    prisma.user.update({ where, data: { profile: { update: { where: { bio: 'b' }, data: {} } } } }),
  'nested updateMany': (prisma) =>
    prisma.user.update({ where, data: { posts: { updateMany: { where: { body: 'b' }, data: {} } } } }),
  'nested upsert': (prisma) =>
    prisma.user.update({
      where,
      data: { profile: { upsert: { where: { bio: 'b' }, create: { bio: 'b' }, update: {} } } },
    }),
  connectOrCreate: (prisma) =>
    prisma.user.update({
      where,
      data: { posts: { connectOrCreate: { where: { id: 1, body: 'b' }, create: { title: 't' } } } },
    }),
  'a field reference to an encrypted field': (prisma) =>
    prisma.user.findMany({ where: { handle: prisma.user.fields.email as never } }),
  'a field reference in an operator': (prisma) =>
    prisma.user.findMany({ where: { handle: { gt: prisma.user.fields.email } } }),
  'a field reference inside not': (prisma) =>
    prisma.user.findMany({ where: { handle: { not: { equals: prisma.user.fields.email } } } }),
}
const orders: Record<string, Query> = {
  orderBy: (prisma) => prisma.user.findMany({ orderBy: { email: 'asc' } }),
  'orderBy in a list, with nulls': (prisma) =>
    prisma.user.findMany({ orderBy: [{ id: 'asc' }, { email: { sort: 'asc', nulls: 'last' } }] }),
  'orderBy of a related record': (prisma) => prisma.post.findMany({ orderBy: { author: { name: 'asc' } } }),
  'nested orderBy': (prisma) => prisma.org.findMany({ include: { users: { orderBy: { name: 'asc' } } } }),
  'orderBy of a fluent call': (prisma) =>
    prisma.user.findUnique({ where }).posts({ orderBy: { body: 'asc' } }),
  distinct: (prisma) => prisma.user.findMany({ distinct: ['role', 'email'] }),
  'nested distinct': (prisma) => prisma.org.findMany({ include: { users: { distinct: 'email' } } }),
  by: (prisma) => prisma.user.groupBy({ by: ['email'] }),
  having: (prisma) => prisma.user.groupBy({ by: ['role'], having: { email: { _count: { gt: 1 } } } }),
  'having inside OR': (prisma) =>
    prisma.user.groupBy({ by: ['role'], having: { OR: [{ email: { _max: { equals: 'e' } } }] } }),
  _min: (prisma) => prisma.user.aggregate({ _min: { email: true } }),
  _max: (prisma) => prisma.user.groupBy({ by: ['role'], _max: { name: true } }),
  'orderBy of an extreme': (prisma) =>
    prisma.user.groupBy({ by: ['role'], orderBy: { _min: { email: 'asc' } } }),
}
const cases = [
  ...Object.entries(filters).map(([name, query]): [string, string, Query] => [
    'ENCRYPTED_FILTER',
    name,
    query,
  ]),
  ...Object.entries(orders).map(([name, query]): [string, string, Query] => ['ENCRYPTED_ORDER', name, query]),
]

test.each(cases)('%s: %s', async (code, _, query) => {
  expect(await codeOf(query(client.prisma))).toBe(code)
  expect(statementsOf(client)).toEqual([])
  expect(client.kms.totalCalls).toBe(0)
})

test.each<[string, Query, unknown]>([
  ['null', (prisma) => prisma.user.count({ where: { email: null } }), 0],
  ['equals null', (prisma) => prisma.user.count({ where: { phone: { equals: null } } }), 1],
  ['not null', (prisma) => prisma.user.count({ where: { email: { not: null } } }), 1],
  [
    'null of related records',
    (prisma) => prisma.user.count({ where: { posts: { some: { body: { not: null } } } } }),
    1,
  ],
  ['undefined', (prisma) => prisma.user.count({ where: { email: undefined as never } }), 1],
  [
    'plain fields',
    (prisma) =>
      prisma.user.count({ where: { handle: null, role: 'MEMBER', posts: { none: { title: 'u' } } } }),
    1,
  ],
  [
    'a reference to a plain field',
    (prisma) => prisma.user.count({ where: { id: { equals: prisma.user.fields.id } } }),
    1,
  ],
  [
    'counting an encrypted field',
    (prisma) => prisma.user.count({ select: { email: true, phone: true } }),
    { email: 1, phone: 0 },
  ],
  [
    'an order by counts and plain columns',
    (prisma) =>
      prisma.user.findMany({ orderBy: [{ posts: { _count: 'asc' } }, { id: 'asc' }], select: { id: true } }),
    [{ id: 1 }],
  ],
])('%s is answered', async (_, query, expected) => {
  expect(await query(client.prisma)).toEqual(expected)
})

test('an unknown operation on an encrypted model is not passed through', async () => {
  const { prisma } = client
  const raw = prisma.$extends({ model: { user: { findEverything: () => 'own method' } } })
  expect(raw.user.findEverything()).toBe('own method')
  const nested = prisma.user.create({ data: { name: 'x', posts: { fancyVerb: { body: 'plain' } } } as never })
  expect(await codeOf(nested)).toBe('UNSUPPORTED_OPERATION')
})
