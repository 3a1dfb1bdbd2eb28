/** A decrypt-only server: reads everything, and refuses at planning to write an encrypted value at any depth. */
import { Prisma } from '../generated/prisma/client.js'
import { codeOf, errorOf, forget, useExtendedDatabase } from '../support/extended-database.js'

const database = useExtendedDatabase()
const full = { name: 'name 1', email: 'email 1', notes: { n: 1 }, phone: '+1' }

let client: ReturnType<typeof database.connect>
let id = 0
beforeEach(async () => {
  client = database.connect({ mode: 'decrypt-only' })
  const { prisma } = database.connect()
  ;({ id } = await prisma.user.create({
    data: { ...full, posts: { create: { title: 't', body: 'b' } }, accounts: { create: { email: 'A@x' } } },
  }))
})
afterEach(async () => {
  await client.prisma.account.deleteMany()
  expect(client.kms.counts.wrap.calls).toBe(0)
})

test('reads, searches by a checked index, and writes plain fields', async () => {
  expect(await client.prisma.user.findUnique({ where: { id }, include: { posts: true } })).toMatchObject({
    ...full,
    posts: [{ body: 'b' }],
  })
  const where = { email: 'a@X' }
  expect(await client.prisma.account.findUnique({ where })).toMatchObject({ email: 'A@x', ownerId: id })
  expect(await client.prisma.account.update({ where, data: { label: 'l' } })).toMatchObject({ email: 'A@x' })
  const created = await client.prisma.post.create({
    data: { title: 'plain', authorId: id },
    include: { author: true },
  })
  expect(created).toMatchObject({ body: null, author: full })
})

test('sets fields to null and deletes records', async () => {
  const data = { email: null, notes: Prisma.DbNull }
  const updated = await client.prisma.user.update({ where: { id }, data })
  expect(updated).toMatchObject({ name: 'name 1', email: null })
  expect(await client.prisma.user.updateMany({ where: { id }, data: { phone: null } })).toEqual({ count: 1 })
  expect(
    await client.prisma.account.update({ where: { email: 'a@x' }, data: { email: null } }),
  ).toMatchObject({
    email: null,
  })
  expect(await client.prisma.user.delete({ where: { id } })).toMatchObject({ name: 'name 1', phone: null })
})

test.each([
  ['create', () => client.prisma.user.create({ data: { name: 'n' } })],
  ['createMany', () => client.prisma.user.createMany({ data: [{ name: 'n' }] })],
  ['update', () => client.prisma.user.update({ where: { id }, data: { email: 'e' } })],
  ['update with set', () => client.prisma.user.update({ where: { id }, data: { email: { set: 'e' } } })],
  ['updateMany', () => client.prisma.user.updateMany({ data: { email: 'e' } })],
  [
    'upsert',
    () => {
      return client.prisma.user.upsert({ where: { id }, create: { name: 'n' }, update: { nickname: 'n' } })
    },
  ],
  [
    'a nested create',
    () => {
      return client.prisma.org.create({ data: { name: 'o', users: { create: { name: 'n' } } } })
    },
  ],
  [
    'a nested update below plain data',
    () => {
      const data = { posts: { updateMany: { where: {}, data: { body: 'b' } } } }
      return client.prisma.user.update({ where: { id }, data })
    },
  ],
  [
    'connectOrCreate',
    () => {
      const data = { posts: { connectOrCreate: { where: { id: 1 }, create: { title: 't', body: 'b' } } } }
      return client.prisma.user.update({ where: { id }, data })
    },
  ],
  [
    'a batch transaction',
    () => {
      return client.prisma.$transaction([client.prisma.user.update({ where: { id }, data: { email: 'e' } })])
    },
  ],
  ['$kms.seal', () => client.prisma.$kms.seal('User', { email: 'e' }, { id: 1 })],
])('%s of an encrypted value is refused before anything is sent', async (_, run) => {
  forget(client)
  await client.prisma.$kms.seal('Account', {}, { id: 1 }) // loads the index keys
  forget(client)
  const error = await errorOf(run())
  expect(error.code).toBe('ENCRYPT_NOT_PERMITTED')
  // A batch opens its transaction, before which the catalogue is read.
  expect(client.queries.filter(({ sql }) => /^(SELECT "|INSERT|UPDATE)/.test(sql))).toEqual([])
  expect(await codeOf(client.prisma.user.findUnique({ where: { id } }))).toBeNull()
})
