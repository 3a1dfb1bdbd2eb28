/** `idBlock`: ids taken from sequences ahead of the creates that use them. */
import { errorOf, forget, statementsOf, useExtendedDatabase } from '../support/extended-database.js'

const database = useExtendedDatabase()

test('one trip to the sequence serves as many creates as the block has ids', async () => {
  const client = database.connect({ idBlock: 50 })
  await client.prisma.user.create({ data: { name: 'reads the catalogue' } })
  forget(client)
  for (let number = 0; number < 100; number++) {
    await client.prisma.user.create({ data: { name: `person ${number}` } })
  }
  // 49 ids were left; 100 creates take two more blocks.
  expect(statementsOf(client)).toEqual([
    ...Array<string>(49).fill('INSERT'),
    'SELECT',
    ...Array<string>(50).fill('INSERT'),
    'SELECT',
    'INSERT',
  ])
  const users = await database.reader.user.findMany({ orderBy: { id: 'asc' } })
  expect(users.map(({ name }) => name)).toEqual([
    'reads the catalogue',
    ...Array.from({ length: 100 }, (_, number) => `person ${number}`),
  ])
})

test('concurrent creates share a block, and no id is given twice', async () => {
  const [one, two] = [database.connect({ idBlock: 10 }), database.connect({ idBlock: 10 })]
  const created = await Promise.all(
    Array.from({ length: 60 }, (_, number) =>
      (number % 2 === 0 ? one : two).prisma.post.create({
        data: { title: `${number}`, body: `${number}`, author: { create: { name: `${number}` } } },
        include: { author: true },
      }),
    ),
  )
  expect(new Set(created.map(({ id }) => id)).size).toBe(60)
  expect(new Set(created.map(({ author }) => author.id)).size).toBe(60)
  expect(created.map(({ body }) => body)).toEqual(created.map(({ title }) => title))
  for (const { queries } of [one, two]) {
    const trips = queries.filter(({ sql }) => sql.includes('nextval'))
    expect(trips.length).toBeLessThanOrEqual(4) // 30 of each model, in blocks of ten
  }
})

test('an operation that needs more than a block gets its ids in one trip, in the order of its data', async () => {
  const client = database.connect({ idBlock: 5 })
  const data = Array.from({ length: 12 }, (_, number) => ({ name: `ordered ${number}` }))
  const users = await client.prisma.user.createManyAndReturn({ data })
  expect(users.map(({ name }) => name)).toEqual(data.map(({ name }) => name))
  const ids = users.map(({ id }) => id)
  expect(ids).toEqual([...ids].sort((a, b) => a - b))
  expect(client.queries.filter(({ sql }) => sql.includes('nextval'))).toHaveLength(1)
})

test("inside the caller's transaction each operation takes its own ids, and a rollback skips only them", async () => {
  const client = database.connect({ idBlock: 10 })
  const first = await client.prisma.user.create({ data: { name: 'before' } })
  const undone = client.prisma.$transaction(async (tx) => {
    const { id } = await tx.user.create({ data: { name: 'undone' } })
    expect(id).toBe(first.id + 10) // not from the block, of which nine are left
    throw new Error('roll back')
  })
  expect((await errorOf(undone)).message).toBe('roll back')
  const next = await client.prisma.user.create({ data: { name: 'after' } })
  expect(next.id).toBe(first.id + 1)
})

test('after the sequence was set back, flush() forgets the ids taken before', async () => {
  const client = database.connect({ idBlock: 10 })
  await client.prisma.user.create({ data: { name: 'before' } })
  await database.sql('TRUNCATE "User" RESTART IDENTITY CASCADE')
  client.prisma.$kms.flush()
  expect((await client.prisma.user.create({ data: { name: 'after' } })).id).toBe(1)
})

test.each([1, 0, -5, 2.5, 10_001])('a block of %d ids is refused', (idBlock) => {
  let refusal: unknown
  try {
    database.connect({ idBlock })
  } catch (error) {
    refusal = error
  }
  expect(refusal).toMatchObject({ code: 'INVALID_CONFIGURATION' })
})
