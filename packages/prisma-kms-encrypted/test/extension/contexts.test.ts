/** What a record's keys are bound to, and that nothing which they are bound to ever changes. */
import type { ContextInput } from '../../src/index.js'
import { codeOf, errorOf, useExtendedDatabase } from '../support/extended-database.js'

const database = useExtendedDatabase()
const defaultKey = { keyId: 'local/app' }
const phoneOnly = (phone: object) =>
  database.connect({ keys: { default: defaultKey, phone: { keyId: 'local/phone', ...phone } } })

/** The contexts under which a client asked its key service to wrap. */
function recordContexts(client: ReturnType<typeof phoneOnly>): Record<string, string>[] {
  const contexts: Record<string, string>[] = []
  client.kms.fault = ({ operation, item }) => {
    if (operation === 'wrap') contexts.push({ ...item.context })
    return undefined
  }
  return contexts
}

test('the default context is the model and the id, an array of ids for a compound one', async () => {
  const client = database.connect()
  const contexts = recordContexts(client)
  const { id } = await client.prisma.user.create({ data: { name: 'x', phone: 'y' } })
  const org = await client.prisma.org.create({ data: { name: 'o' } })
  await client.prisma.membership.create({ data: { orgId: org.id, userNo: 7, secret: 's' } })
  expect(contexts).toEqual([
    { model_name: 'User', model_id: String(id) },
    { model_name: 'User', model_id: String(id) },
    { model_name: 'Membership', model_id: JSON.stringify([String(org.id), '7']) },
  ])
})

test('a namespace is one more pair, and keeps databases apart', async () => {
  const client = database.connect({ namespace: 'eu' })
  const contexts = recordContexts(client)
  const { id } = await client.prisma.user.create({ data: { name: 'x' } })
  expect(contexts).toEqual([{ model_name: 'User', model_id: String(id), namespace: 'eu' }])
  const { prisma } = database.connect({ namespace: 'us' })
  expect(await codeOf(prisma.user.findUnique({ where: { id } }))).toBe('DECRYPTION_FAILED')
})

test('a custom context of id and columns', async () => {
  const context = ({ model, key, id, version, columns }: ContextInput) => ({
    where: `${model}/${key}/${version}`,
    id,
    handle: String(columns['handle']),
  })
  const client = phoneOnly({ context, contextColumns: ['handle'] })
  const contexts = recordContexts(client)
  const { id } = await client.prisma.user.create({ data: { name: 'x', phone: '1', handle: 'custom' } })
  expect(contexts).toContainEqual({ where: 'User/phone/1', id: String(id), handle: 'custom' })
  const { prisma } = phoneOnly({ context, contextColumns: ['handle'] })
  expect(await prisma.user.findUnique({ where: { id }, select: { phone: true } })).toEqual({ phone: '1' })
  expect(await prisma.user.update({ where: { id }, data: { phone: '2' }, select: { phone: true } })).toEqual({
    phone: '2',
  })
})

test('a context column that the database fills in is known only after the insert', async () => {
  const context = ({ id, columns }: ContextInput) => ({ id, role: String(columns['role']) })
  const client = phoneOnly({ context, contextColumns: ['role'] })
  const contexts = recordContexts(client)
  const { id } = await client.prisma.user.create({ data: { name: 'x', phone: '1' } })
  expect(contexts).toContainEqual({ id: String(id), role: 'MEMBER' })
  expect(client.queries.map(({ sql }) => sql)).toContain('BEGIN')
  const { prisma } = phoneOnly({ context, contextColumns: ['role'] })
  expect((await prisma.user.findUnique({ where: { id } }))?.phone).toBe('1')
})

test('a context column is bound in the form in which the database stores it, however it was spelled', async () => {
  const context = ({ id, columns }: ContextInput) => ({ id, at: String(columns['createdAt']) })
  const client = phoneOnly({ context, contextColumns: ['createdAt'] })
  const contexts = recordContexts(client)
  const data = { name: 'x', phone: '1', createdAt: '2001-02-03T04:05:06+02:00' }
  const { id } = await client.prisma.user.create({ data })
  expect(contexts).toContainEqual({ id: String(id), at: '2001-02-03T02:05:06.000Z' })
  const { prisma } = phoneOnly({ context, contextColumns: ['createdAt'] })
  expect(await prisma.user.findUnique({ where: { id }, select: { phone: true } })).toEqual({ phone: '1' })
})

test('a context that does not depend on the id needs no nextval and no transaction', async () => {
  const context = ({ model }: ContextInput) => ({ model })
  const client = database.connect({
    keys: {
      default: { ...defaultKey, eager: 'context-free', context, rowBinding: 'off' },
      phone: { keyId: 'local/phone', eager: 'context-free', context, rowBinding: 'off' },
    },
  })
  const data = { title: 't', body: 'b', author: { create: { name: 'late in other modes', phone: '1' } } }
  const { id } = await client.prisma.post.create({ data })
  expect(client.queries.filter(({ sql }) => /nextval|SELECT x/.test(sql))).toEqual([])
  const post = await client.prisma.post.findUnique({ where: { id }, include: { author: true } })
  expect(post).toMatchObject({ body: 'b', author: { name: 'late in other modes', phone: '1' } })
})

test('a context-free context that asks for the id is refused before anything is sent', async () => {
  const context = ({ id }: ContextInput) => ({ id })
  const eager = 'context-free' as const
  const client = database.connect({
    keys: { default: { ...defaultKey, eager, context }, phone: { keyId: 'local/phone', eager, context } },
  })
  expect(
    await errorOf(client.prisma.user.create({ data: { name: 'x', phone: '1', handle: 'never' } })),
  ).toMatchObject({
    code: 'INVALID_CONTEXT',
  })
  expect(await database.sql(`SELECT FROM "User" WHERE handle = 'never'`)).toEqual([])
})

test.each([
  ['a value that is no string', { id: 1 }],
  ['no pairs', {}],
  ['nine pairs', Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`k${index}`, 'v']))],
])('a context with %s is refused', async (_, pairs) => {
  const client = phoneOnly({ context: () => pairs, rowBinding: 'off' })
  expect(await codeOf(client.prisma.user.create({ data: { name: 'x', phone: '1' } }))).toBe('INVALID_CONTEXT')
})

describe('CONTEXT_COLUMN_IMMUTABLE', () => {
  const change = 'CONTEXT_COLUMN_IMMUTABLE'

  test('an id', async () => {
    const { prisma } = database.connect()
    const { id } = await prisma.user.create({ data: { name: 'x' } })
    expect(await codeOf(prisma.user.update({ where: { id }, data: { id: id + 1000 } }))).toBe(change)
    expect(await codeOf(prisma.user.updateMany({ where: { id }, data: { id: { increment: 1 } } }))).toBe(
      change,
    )
    const create = { name: 'x' }
    expect(await codeOf(prisma.user.upsert({ where: { id }, create, update: { id: 5 } }))).toBe(change)
    const org = { update: { where: { id }, data: { id: 5 } } }
    expect(await codeOf(prisma.org.update({ where: { id: 1 }, data: { users: org } }))).toBe(change)
  })

  test('a foreign key in a compound id, by column or by relation', async () => {
    const { prisma } = database.connect()
    const org = await prisma.org.create({
      data: { name: 'o', members: { create: { userNo: 1, secret: 's' } } },
    })
    const where = { orgId_userNo: { orgId: org.id, userNo: 1 } }
    expect(await codeOf(prisma.membership.update({ where, data: { orgId: 5 } }))).toBe(change)
    expect(await codeOf(prisma.membership.update({ where, data: { org: { connect: { id: 5 } } } }))).toBe(
      change,
    )
    expect(await codeOf(prisma.membership.update({ where, data: { org: { create: { name: 'p' } } } }))).toBe(
      change,
    )
    const update = { where, data: { org: { connect: { id: 5 } } } }
    expect(await codeOf(prisma.org.update({ where: { id: org.id }, data: { members: { update } } }))).toBe(
      change,
    )
    // Writing through the relation without moving it changes no column of this record.
    const renamed = await prisma.membership.update({ where, data: { org: { update: { name: 'q' } } } })
    expect(renamed.secret).toBe('s')
  })

  test.each(['connect', 'connectOrCreate', 'set'])('%s from the other side of the relation', async (verb) => {
    const { prisma } = database.connect()
    const from = await prisma.org.create({
      data: { name: '1', members: { create: { userNo: 1, secret: 's' } } },
    })
    const to = await prisma.org.create({ data: { name: '2' } })
    const where = { orgId_userNo: { orgId: from.id, userNo: 1 } }
    const members = { [verb]: verb === 'connectOrCreate' ? { where, create: { userNo: 1 } } : where }
    expect(await codeOf(prisma.org.update({ where: { id: to.id }, data: { members } }))).toBe(change)
    expect(
      await codeOf(prisma.user.create({ data: { name: 'x', org: { create: { name: '3', members } } } })),
    ).toBe(change)
    expect(await prisma.membership.findUnique({ where })).toMatchObject({ secret: 's' })
  })

  test('a context column that the database would change by itself is refused at configuration', () => {
    const context = ({ id, columns }: ContextInput) => ({ id, org: String(columns['orgId']) })
    // User.orgId follows Org.id (ON UPDATE CASCADE) and becomes null with its deletion (ON DELETE SET NULL).
    expect(() => phoneOnly({ context, contextColumns: ['orgId'] })).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIGURATION' }) as Error,
    )
  })
})
