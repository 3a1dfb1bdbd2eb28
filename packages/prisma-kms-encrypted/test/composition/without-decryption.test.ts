/** `withoutDecryption(fn)`: stored values inside, opened ones everywhere else. */
import { withoutDecryption } from '../../src/index.js'
import { codeOf, forget, useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient
let id: number
const sealed = expect.stringMatching(/^S0UB/) as unknown

beforeAll(async () => {
  client = database.connect()
  const data = {
    name: 'Ada',
    email: 'ada@example.com',
    profile: { create: { bio: 'bio' } },
    posts: { create: { title: 't', body: 'b', comments: { create: { text: 'c' } } } },
    accounts: { create: { email: 'stored@example.com', phone: '1' } },
  }
  id = (await client.prisma.user.create({ data })).id
})
beforeEach(() => {
  forget(client)
})

test('records, selections and includes at every depth, without any call for their keys', async () => {
  const { prisma, kms } = client
  const where = { id }
  const found = await withoutDecryption(() =>
    prisma.user.findUnique({
      where,
      include: {
        profile: true,
        posts: { select: { title: true, body: true, comments: { select: { text: true } } } },
      },
    }),
  )
  expect(found).toMatchObject({
    id,
    name: sealed,
    email: sealed,
    phone: null,
    profile: { bio: sealed },
    posts: [{ title: 't', body: sealed, comments: [{ text: sealed }] }],
  })
  expect(Object.keys(found?.posts[0] ?? {}).sort()).toEqual(['body', 'comments', 'title']) // nothing was added
  expect(await withoutDecryption(() => prisma.user.findMany({ where, select: { email: true } }))).toEqual([
    { email: sealed },
  ])
  expect(
    await withoutDecryption(() => prisma.user.findUnique({ where }).posts({ select: { body: true } })),
  ).toEqual([{ body: sealed }])
  expect(kms.counts.unwrap.calls).toBe(0)
})

test('what is stored can be opened later', async () => {
  const { prisma } = client
  const stored = await withoutDecryption(() => prisma.user.findMany({ where: { id } }))
  expect(await prisma.$kms.openRows('User', stored)).toMatchObject([
    { name: 'Ada', email: 'ada@example.com' },
  ])
})

test('records are still found by an index', async () => {
  const { prisma } = client
  const where = { email: 'STORED@example.com' }
  expect(await withoutDecryption(() => prisma.account.findUnique({ where }))).toMatchObject({ phone: sealed })
  expect(await withoutDecryption(() => prisma.account.findMany({ where: { phone: '1' } }))).toHaveLength(1)
})

test('a truncated index finds nothing, since only opened values would show what it finds wrongly', async () => {
  const { prisma } = client
  const search = () => prisma.account.findMany({ where: { city: 'Oslo' } })
  expect(await search()).toEqual([])
  expect(await withoutDecryption(() => codeOf(search()))).toBe('ENCRYPTED_FILTER')
})

test('writes inside seal as always, and return what is stored', async () => {
  const { prisma } = client
  const created = await withoutDecryption(() => prisma.user.create({ data: { name: 'written', phone: '7' } }))
  expect(created).toMatchObject({ name: sealed, phone: sealed })
  const where = { id: created.id }
  const updated = await withoutDecryption(() => prisma.user.update({ where, data: { email: 'updated' } }))
  expect(updated).toMatchObject({ email: sealed })
  await withoutDecryption(() => prisma.user.updateMany({ where, data: { notes: { n: 1 } } }))
  await withoutDecryption(() => prisma.user.update({ where, data: { profile: { create: { bio: 'x' } } } }))
  const nested = { profile: { update: { bio: 'y' } } }
  expect(
    await withoutDecryption(() => prisma.user.update({ where, data: nested, include: { profile: true } })),
  ).toMatchObject({ profile: { bio: sealed } })
  expect(await database.reader.user.findUnique({ where, include: { profile: true } })).toMatchObject({
    name: 'written',
    phone: '7',
    email: 'updated',
    notes: { n: 1 },
    profile: { bio: 'y' },
  })
  expect(await withoutDecryption(() => prisma.user.delete({ where }))).toMatchObject({ name: sealed })
})

test('operations outside the callback are not affected, at the same time and in transactions', async () => {
  const { prisma } = client
  const where = { id }
  const [inside, outside, later] = await Promise.all([
    withoutDecryption(async () => {
      const first = await prisma.user.findUniqueOrThrow({ where })
      await new Promise((resolve) => setTimeout(resolve, 20))
      const second = await prisma.user.findUniqueOrThrow({ where })
      return [first.name, second.name]
    }),
    prisma.user.findUniqueOrThrow({ where }),
    new Promise((resolve) => setTimeout(resolve, 10)).then(() => prisma.user.findUniqueOrThrow({ where })),
  ])
  expect(inside).toEqual([sealed, sealed])
  expect([outside.name, later.name]).toEqual(['Ada', 'Ada'])
  const names = await prisma.$transaction(async (tx) => {
    const stored = await withoutDecryption(() => tx.user.findUniqueOrThrow({ where }))
    return [stored.name, (await tx.user.findUniqueOrThrow({ where })).name]
  })
  expect(names).toEqual([sealed, 'Ada'])
})

test('an operation that was made outside and is awaited inside counts as inside', async () => {
  const { prisma } = client
  const lazy = prisma.user.findUniqueOrThrow({ where: { id } })
  expect((await withoutDecryption(() => lazy)).name).toEqual(sealed)
})

test('reads inside and outside in one tick, by Prisma’s dataloader', async () => {
  const { prisma } = client
  const where = { id }
  const [stored, opened] = await Promise.all([
    withoutDecryption(() => prisma.user.findUnique({ where })),
    prisma.user.findUnique({ where }),
  ])
  expect([stored?.name, opened?.name]).toEqual([sealed, 'Ada'])
})

test('an error inside is passed on, and ends it', async () => {
  const { prisma } = client
  await expect(
    withoutDecryption(() => prisma.user.findUniqueOrThrow({ where: { id: -1 } })),
  ).rejects.toMatchObject({ code: 'P2025' })
  expect((await prisma.user.findUniqueOrThrow({ where: { id } })).name).toBe('Ada')
})
