/** Preview features of the client: strict undefined checks with `Prisma.skip`, and relation load strategies. */
import { PrismaPg } from '@prisma/adapter-pg'
import { kmsEncrypted } from '../../src/index.js'
import { localKms } from '../../src/providers/local.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { indexKey, localKeys, plainKeys } from '../support/extended-client.js'
import { useExtendedDatabase } from '../support/extended-database.js'
import { generatePreviewClient, type PreviewClient } from './preview-client.js'

const database = useExtendedDatabase()
let preview: PreviewClient
let prisma: Record<string, Record<string, (args: object) => Promise<Record<string, unknown>>>>
let disconnect: () => Promise<void>

beforeAll(async () => {
  preview = await generatePreviewClient(['strictUndefinedChecks', 'relationJoins'])
  const plain = new preview.PrismaClient({ adapter: new PrismaPg({ connectionString: database.url }) })
  disconnect = () => plain.$disconnect()
  const extended = plain.$extends(
    kmsEncrypted({
      models: encryptedModels,
      providers: [localKms({ keys: localKeys })],
      keys: plainKeys,
      indexKey,
    }),
  )
  prisma = extended as unknown as typeof prisma // arguments of the preview features are in none of the fixture's types
})
afterAll(async () => {
  await disconnect()
  await preview.remove()
})

/** Runs an operation that the fixture has. */
function call(model: string, operation: string, args: object): Promise<Record<string, unknown>> {
  const method = prisma[model]?.[operation]
  if (!method) throw new Error(`no ${model}.${operation}`)
  return method(args)
}

describe('strictUndefinedChecks', () => {
  test('Prisma.skip in create data, update data and nested data leaves a field alone', async () => {
    const { skip } = preview
    expect(skip).toBeDefined()
    const user = await call('user', 'create', {
      data: {
        name: 'Ada',
        email: skip,
        phone: '1',
        nickname: skip,
        posts: { create: { title: 't', body: skip } },
      },
      include: { posts: true },
    })
    expect(user).toMatchObject({ name: 'Ada', email: null, phone: '1', posts: [{ body: null }] })
    const where = { id: user['id'] }
    const updated = await call('user', 'update', { where, data: { name: skip, email: 'e', phone: skip } })
    expect(updated).toMatchObject({ name: 'Ada', email: 'e', phone: '1' })
    const set = await call('user', 'update', { where, data: { email: { set: 'set' }, posts: skip } })
    expect(set).toMatchObject({ email: 'set' })
    const nested = await call('user', 'update', {
      where,
      data: { posts: { updateMany: { where: {}, data: { body: 'b', title: skip } } } },
      include: { posts: true },
    })
    expect(nested).toMatchObject({ posts: [{ title: 't', body: 'b' }] })
    expect(await call('user', 'updateMany', { where, data: { email: skip, phone: '2' } })).toEqual({
      count: 1,
    })
    expect(await call('user', 'findUnique', { where })).toMatchObject({ email: 'set', phone: '2' })
  })

  test('Prisma.skip in filters, orders and selections', async () => {
    const { skip } = preview
    const { id } = await call('account', 'create', { data: { email: 'skip@example.com', phone: skip } })
    const found = await call('account', 'findMany', {
      where: { email: 'skip@example.com', phone: skip, AND: skip, city: skip },
      orderBy: { id: 'asc' },
      take: skip,
      select: { id: true, email: true, phone: skip },
    })
    expect(found).toEqual([{ id, email: 'skip@example.com' }])
    const upserted = await call('account', 'upsert', {
      where: { email: 'skip@example.com' },
      create: { email: 'never' },
      update: { phone: '5', city: skip },
      include: skip,
    })
    expect(upserted).toMatchObject({ id, phone: '5', city: null })
  })

  test('undefined is Prisma’s error, in data with encrypted fields too', async () => {
    for (const args of [{ data: { name: 'x', email: undefined } }, { data: { name: undefined } }]) {
      await expect(call('user', 'create', args)).rejects.toMatchObject({
        name: 'PrismaClientValidationError',
      })
    }
    await expect(call('user', 'findMany', { where: { email: undefined } })).rejects.toMatchObject({
      name: 'PrismaClientValidationError',
    })
  })

  test('what the extension itself sends passes the checks: every kind of write', async () => {
    const user = await call('user', 'create', { data: { name: 'x', profile: { create: { bio: 'b' } } } })
    const where = { id: user['id'] }
    await call('post', 'create', { data: { title: 't', body: 'late', author: { create: { name: 'a' } } } })
    await call('user', 'update', { where, data: { profile: { update: { bio: 'c' } }, email: 'e' } })
    await call('user', 'updateMany', { where, data: { phone: '1' } })
    await call('user', 'upsert', { where, create: { name: 'n' }, update: { notes: { a: 1 } } })
    await call('user', 'update', { where, data: { email: null } })
    expect(await call('user', 'delete', { where, include: { profile: true } })).toMatchObject({
      phone: '1',
      notes: { a: 1 },
      profile: { bio: 'c' },
    })
  })
})

describe.each(['join', 'query'])('relationLoadStrategy: %s', (relationLoadStrategy) => {
  test('relations are opened at every depth, with filters by an index', async () => {
    const label = `strategy ${relationLoadStrategy}`
    const { id } = await call('user', 'create', {
      data: {
        name: 'Ada',
        avatar: new Uint8Array([1, 2]),
        notes: { deep: ['x'] },
        profile: { create: { bio: 'bio' } },
        posts: { create: { title: 't', body: 'b', comments: { create: { text: 'c' } } } },
        devices: { create: { token: new Uint8Array([255, 0]) } },
        accounts: {
          create: [
            { label, phone: '123' },
            { label, phone: '456' },
          ],
        },
      },
    })
    const include = {
      profile: true,
      devices: true,
      posts: { include: { comments: { select: { text: true } } } },
      accounts: { where: { phone: '1-2-3' }, select: { phone: true } },
    }
    const expected = {
      name: 'Ada',
      notes: { deep: ['x'] },
      profile: { bio: 'bio' },
      posts: [{ body: 'b', comments: [{ text: 'c' }] }],
      accounts: [{ phone: '123' }],
    }
    for (const operation of ['findUnique', 'findFirst']) {
      const found = await call('user', operation, { where: { id }, include, relationLoadStrategy })
      expect(found).toMatchObject(expected)
      expect(Buffer.from(found['avatar'] as Uint8Array)).toEqual(Buffer.from([1, 2]))
      const [device] = found['devices'] as { token: Uint8Array }[]
      expect(Buffer.from(device?.token ?? [])).toEqual(Buffer.from([255, 0]))
    }
    const updated = await call('user', 'update', {
      where: { id },
      data: { email: 'e' },
      include,
      relationLoadStrategy,
    })
    expect(updated).toMatchObject({ ...expected, email: 'e' })
    const upserted = await call('user', 'upsert', {
      where: { id },
      create: { name: 'never' },
      update: { email: 'f' },
      include,
      relationLoadStrategy,
    })
    expect(upserted).toMatchObject({ ...expected, email: 'f' })
    const deleted = await call('user', 'delete', { where: { id }, include, relationLoadStrategy })
    expect(deleted).toMatchObject({ ...expected, email: 'f' })
  })
})
