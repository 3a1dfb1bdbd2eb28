/** The caller's arguments stay as they are, their buffers included, and may be used again. */
import { Prisma } from '../generated/prisma/client.js'
import { useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient
let id: number

beforeAll(async () => {
  client = database.connect()
  id = (
    await client.prisma.user.create({
      data: { name: 'Ada', handle: 'ada', profile: { create: { bio: 'b' } } },
    })
  ).id
})

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    Object.values(value).forEach(deepFreeze)
    Object.freeze(value)
  }
  return value
}

const operations: Record<
  string,
  (prisma: ExtendedClient['prisma'], avatar: Buffer<ArrayBuffer>) => [Promise<unknown>, unknown]
> = {
  create(prisma, avatar) {
    const args = deepFreeze({
      data: {
        name: 'x',
        notes: { a: [1] },
        avatar,
        posts: { create: [{ title: 't', body: 'b', editor: { connect: { id } } }] },
      },
    })
    return [prisma.user.create(args), args]
  },
  'create with keys after the insert'(prisma, avatar) {
    const args = deepFreeze({
      data: { title: 't', body: 'b', author: { create: { name: 'x', avatar } } },
      select: { body: true },
    })
    return [prisma.post.create(args), args]
  },
  createManyAndReturn(prisma, avatar) {
    const args = deepFreeze({ data: [{ name: 'x', avatar }, { name: 'y' }], select: { name: true } })
    return [prisma.user.createManyAndReturn(args), args]
  },
  update(prisma, avatar) {
    const args = deepFreeze({
      where: { id, AND: [{ handle: 'ada' }] },
      data: { avatar, profile: { update: { bio: 'c' } } },
      omit: { id: true },
    })
    return [prisma.user.update(args), args]
  },
  updateMany(prisma, avatar) {
    const args = deepFreeze({ where: { id }, data: { avatar: { set: avatar } } })
    return [prisma.user.updateMany(args), args]
  },
  upsert(prisma, avatar) {
    const args = deepFreeze({ where: { id }, create: { name: 'x' }, update: { avatar } })
    return [prisma.user.upsert(args), args]
  },
  findMany(prisma) {
    const args = deepFreeze({ where: { id }, select: { email: true, posts: { select: { body: true } } } })
    return [prisma.user.findMany(args), args]
  },
}

test.each(Object.entries(operations))('%s', async (_, operation) => {
  const avatar = Buffer.from([1, 2, 3])
  const [promise, args] = operation(client.prisma, avatar)
  const before = structuredClone(args)
  await promise
  expect(structuredClone(args)).toEqual(before)
  expect([...avatar]).toEqual([1, 2, 3])
  await operation(client.prisma, avatar)[0]
})

test('a buffer that the caller reuses while the operation runs is stored and returned alike', async () => {
  const avatar = Buffer.from([1, 2, 3])
  client.kms.latencyMs = 20
  const creating = client.prisma.user.create({ data: { name: 'x', avatar } })
  void creating.then(() => null)
  await new Promise((resolve) => setTimeout(resolve, 5))
  avatar.fill(9)
  const created = await creating
  client.kms.latencyMs = 0
  const stored = await client.prisma.user.findUniqueOrThrow({ where: { id: created.id } })
  expect(created.avatar).toEqual(stored.avatar)
})

test('a result is a copy: changing it changes neither the next result nor the arguments', async () => {
  const avatar = new Uint8Array([1, 2, 3])
  const created = await client.prisma.user.create({ data: { name: 'x', avatar, notes: { list: [1] } } })
  created.avatar?.fill(0)
  ;(created.notes as { list: number[] }).list.push(2)
  expect([...avatar]).toEqual([1, 2, 3])
  const found = await client.prisma.user.findUniqueOrThrow({ where: { id: created.id } })
  expect(found).toMatchObject({ avatar, notes: { list: [1] } })
})

test('classes and objects without a prototype are data like any other', async () => {
  class UserInput {
    name = 'of a class'
    email = 'class@example.com'
  }
  const bare = Object.assign(Object.create(null) as object, {
    name: 'of no class',
    email: 'bare@example.com',
  })
  for (const data of [new UserInput(), bare as UserInput]) {
    const created = await client.prisma.user.create({ data })
    expect(created).toMatchObject({ name: data.name, email: data.email })
    const row = await database.stored('"User"', created.id)
    expect([row['name'], row['email']]).toEqual([
      expect.stringMatching(/^S0UB/),
      expect.stringMatching(/^S0UB/),
    ])
  }
})

test("Prisma's null markers and values of many kinds in Json", async () => {
  const values = [
    0,
    '',
    false,
    [],
    {},
    [null],
    { nested: { deep: [{ a: null }] } },
    'text',
    1e300,
    { email: 'not a field' },
  ]
  for (const notes of values) {
    const created = await client.prisma.user.create({
      data: { name: 'x', notes: notes as Prisma.InputJsonValue },
    })
    expect(created.notes).toEqual(notes)
    expect((await database.reader.user.findUnique({ where: { id: created.id } }))?.notes).toEqual(notes)
  }
  const nulls = await Promise.all(
    [Prisma.JsonNull, Prisma.DbNull].map((notes) =>
      client.prisma.user.create({ data: { name: 'x', notes } }),
    ),
  )
  const [json, database_] = await Promise.all(
    nulls.map((user) => database.sql(`SELECT notes::text AS notes FROM "User" WHERE id = $1`, user.id)),
  )
  expect([json?.[0]?.['notes'], database_?.[0]?.['notes']]).toEqual(['null', null])
})
