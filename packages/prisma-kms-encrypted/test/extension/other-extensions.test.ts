/** Beside other extensions: computed fields, caches and query extensions, inside ours and outside. */
import { Prisma } from '../generated/prisma/client.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { kmsEncrypted } from '../../src/index.js'
import { localKms } from '../../src/providers/local.js'
import { createClient } from '../support/client.js'
import { indexKey, localKeys, plainKeys } from '../support/extended-client.js'
import { codeOf, errorOf, useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient
let id: number
const ours = () =>
  kmsEncrypted({
    models: encryptedModels,
    providers: [localKms({ keys: localKeys })],
    keys: plainKeys,
    indexKey,
  })

beforeAll(async () => {
  client = database.connect()
  const data = {
    name: 'Ada',
    email: 'ada@example.com',
    phone: '+44',
    posts: { create: { title: 't', body: 'a body' } },
  }
  id = (await client.prisma.user.create({ data })).id
})

describe('computed fields', () => {
  const computing = () =>
    client.prisma.$extends({
      result: {
        user: {
          greeting: { needs: { name: true }, compute: ({ name }) => `Dear ${name}` },
          contact: {
            needs: { email: true, phone: true },
            compute: ({ email, phone }) => `${email ?? ''} ${phone ?? ''}`,
          },
          shout: { needs: {}, compute: () => 'no needs' },
        },
        post: { length: { needs: { body: true }, compute: ({ body }) => body?.length ?? 0 } },
      },
    })
  const computed = { greeting: 'Dear Ada', contact: 'ada@example.com +44' }

  test('all of them on a whole row', async () => {
    expect(await computing().user.findUnique({ where: { id } })).toMatchObject({ name: 'Ada', ...computed })
  })

  test.each<[string, object, object]>([
    ['only computed ones', { greeting: true, contact: true }, computed],
    ['one of another group', { contact: true }, { contact: computed.contact }],
    ['beside stored ones', { greeting: true, phone: true }, { greeting: computed.greeting, phone: '+44' }],
    ['one that needs nothing', { shout: true }, { shout: 'no needs' }],
    ['of a related record', { posts: { select: { length: true } } }, { posts: [{ length: 6 }] }],
  ])('a select of %s', async (_, select, expected) => {
    const prisma = computing()
    // A proxy with computed getters is compared by its JSON.
    expect(JSON.parse(JSON.stringify(await prisma.user.findUnique({ where: { id }, select })))).toEqual(
      expected,
    )
    const updated = await prisma.user.update({ where: { id }, data: { email: 'ada@example.com' }, select })
    expect(JSON.parse(JSON.stringify(updated))).toEqual(expected)
  })

  test.each<[string, Prisma.UserOmit]>([
    ['the needed field', { name: true, email: true }],
    ['the key and the id', { id: true, encryptedKmsKey: true, encryptedKmsKeyPhone: true }],
    [
      'all of them',
      { id: true, encryptedKmsKey: true, encryptedKmsKeyPhone: true, name: true, email: true, phone: true },
    ],
  ])('an omit of %s', async (_, omit) => {
    const found = await computing().user.findUnique({ where: { id }, omit })
    expect(found).toMatchObject(computed)
    for (const name of Object.keys(omit)) expect(Object.keys(found ?? {})).not.toContain(name)
  })

  test('created and updated rows', async () => {
    const prisma = computing()
    expect(await prisma.user.create({ data: { name: 'new' }, select: { greeting: true } })).toMatchObject({
      greeting: 'Dear new',
    })
    const late = { title: 't', body: 'late', author: { create: { name: 'author' } } }
    const created = await prisma.post.create({
      data: late,
      select: { length: true, author: { select: { greeting: true } } },
    })
    expect(created).toMatchObject({ length: 4, author: { greeting: 'Dear author' } })
  })
})

describe('query extensions', () => {
  test('inside ours see sealed data, and ciphertext in results; outside ours the caller’s', async () => {
    const seen: Record<string, unknown[]> = { inner: [], outer: [] }
    const spy = (place: string) =>
      Prisma.defineExtension({
        query: {
          user: {
            async $allOperations({ args, query }) {
              const result: unknown = await query(args)
              seen[place]?.push(
                (args as { data?: { email?: unknown } }).data?.email,
                (result as { email?: unknown }).email,
              )
              return result as never
            },
          },
        },
      })
    // The first-applied is outermost.
    const { prisma: plain } = createClient({ url: database.url })
    const prisma = plain.$extends(spy('outer')).$extends(ours()).$extends(spy('inner'))
    await prisma.user.create({ data: { name: 'x', email: 'seen' } })
    await plain.$disconnect()
    expect(seen['outer']).toEqual(['seen', 'seen'])
    expect(seen['inner']).toEqual([expect.stringMatching(/^S0UB/), expect.stringMatching(/^S0UB/)])
  })

  test('an inner one that caches gets its results back unchanged', async () => {
    const cache = new Map<string, unknown>()
    const { prisma: plain } = createClient({ url: database.url })
    const prisma = plain.$extends(ours()).$extends({
      query: {
        user: {
          async findMany({ args, query }) {
            const key = JSON.stringify(args)
            if (!cache.has(key)) cache.set(key, await query(args))
            return cache.get(key) as never
          },
        },
      },
    })
    const select = { email: true, posts: { select: { body: true } } }
    const expected = [{ email: 'ada@example.com', posts: [{ body: 'a body' }] }]
    expect(await prisma.user.findMany({ where: { id }, select })).toEqual(expected)
    const [cached] = cache.values()
    const copy = structuredClone(cached)
    expect(await prisma.user.findMany({ where: { id }, select })).toEqual(expected)
    expect(cached).toEqual(copy)
    expect(JSON.stringify(cached)).not.toContain('a body')
    await plain.$disconnect()
  })

  test('an inner one is not left out in transactions of ours', async () => {
    const seen: string[] = []
    const { prisma: plain } = createClient({ url: database.url, max: 1 })
    const prisma = plain.$extends(ours()).$extends({
      query: {
        $allModels: {
          $allOperations({ model, operation, args, query }) {
            seen.push(`${model}.${operation}`)
            return query(args)
          },
        },
      },
    })
    await prisma.post.create({ data: { title: 't', body: 'late', author: { create: { name: 'x' } } } })
    await prisma.user.update({
      where: { id },
      data: { posts: { updateMany: { where: {}, data: { body: 'a body' } } } },
    })
    expect(seen).toEqual(['Post.create', 'User.update'])
    await plain.$disconnect()
  })

  test('a model method of another extension reaches ours', async () => {
    const prisma = client.prisma.$extends({
      model: {
        user: {
          async rename(id: number, name: string) {
            const self = Prisma.getExtensionContext(this)
            return (self as unknown as typeof client.prisma.user).update({
              where: { id },
              data: { name },
              select: { name: true },
            })
          },
        },
      },
    })
    expect(await prisma.user.rename(id, 'Ada')).toEqual({ name: 'Ada' })
    expect(await prisma.$transaction((tx) => tx.user.rename(id, 'Ada'))).toEqual({ name: 'Ada' })
  })
})

test('ours after a read-replica extension is refused', async () => {
  const { prisma: plain } = createClient({ url: database.url })
  const replicas = plain.$extends({ client: { $replica: () => plain, $primary: () => plain } })
  expect(await codeOf(Promise.resolve().then(() => replicas.$extends(ours())))).toBe('INVALID_CONFIGURATION')
  const error = await errorOf(Promise.resolve().then(() => replicas.$extends(ours())))
  expect(error.message).toContain('read-replica')
  await plain.$disconnect()
})
