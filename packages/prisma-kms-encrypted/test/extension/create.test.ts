import { createDatabase, runSql, type TestDatabase } from '../support/database.js'
import { createExtendedClient } from '../support/extended-client.js'

let database: TestDatabase
let client: ReturnType<typeof createExtendedClient>

beforeAll(async () => {
  database = await createDatabase()
  client = createExtendedClient({ url: database.url })
})
afterAll(async () => {
  await client.plain.$disconnect()
  await database.drop()
})
beforeEach(() => {
  client.queries.length = 0
  client.kms.reset()
})

test('a record is stored sealed and comes back open', async () => {
  const { prisma } = client
  const created = await prisma.user.create({
    data: { name: 'Ada Lovelace', email: 'ada@example.com', notes: { likes: ['engines'] }, phone: '+44' },
  })
  expect(created).toMatchObject({ name: 'Ada Lovelace', email: 'ada@example.com', notes: { likes: ['engines'] }, phone: '+44' })
  expect(await prisma.user.findUnique({ where: { id: created.id } })).toEqual(created)
  const [row] = await runSql(database.url, 'SELECT * FROM "User" WHERE id = $1', [created.id])
  expect(row).toMatchObject({ email: expect.stringMatching(/^S0UB/), encryptedKmsKey: expect.stringMatching(/^v1:/) })
})

test('creating one user costs one nextval, one wrap, one INSERT and no unwrap', async () => {
  const { prisma, queries, kms } = client
  await prisma.user.findMany({ take: 1 }) // the catalogue is read once per process, before
  await prisma.user.create({ data: { name: 'x' } })
  queries.length = 0
  kms.reset()
  await prisma.user.create({ data: { name: 'Ada', email: 'ada@example.com' } })
  expect(queries.map(({ sql }) => sql.trim().split(/\s/)[0])).toEqual(['SELECT', 'INSERT'])
  expect(kms.counts.wrap).toEqual({ calls: 1, items: 1 })
  expect(kms.counts.unwrap).toEqual({ calls: 0, items: 0 })
})
