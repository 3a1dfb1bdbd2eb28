import { rotateAll } from '../../src/index.js'
import { createDatabase, runSql, type TestDatabase } from '../support/database.js'
import { createExtendedClient } from '../support/extended-client.js'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

const twoVersions = (current: number) => ({
  keys: {
    default: { current, versions: { 1: { keyId: 'local/app' }, 2: { keyId: 'local/next' } } },
    phone: { keyId: 'local/phone' },
  },
})

test('all data keys move to the current version, the values and timestamps stay', async () => {
  const before = createExtendedClient({ url: database.url }, twoVersions(1))
  for (let index = 0; index < 7; index++) {
    await before.prisma.user.create({ data: { name: `user ${index}`, email: `${index}@example.com`, phone: `${index}` } })
  }
  const users = await before.prisma.user.findMany({ orderBy: { id: 'asc' }, omit: { encryptedKmsKey: true } })
  const after = createExtendedClient({ url: database.url }, twoVersions(2))
  const progress: number[] = []
  const result = await rotateAll(after.prisma.user, { batchSize: 3, onProgress: ({ rotated }) => progress.push(rotated) })
  expect(result).toEqual({ rotated: 7, skipped: 7, failed: 0, failures: [] })
  expect(progress).toEqual([3, 6, 7])
  expect(await after.prisma.user.findMany({ orderBy: { id: 'asc' }, omit: { encryptedKmsKey: true } })).toEqual(users)
  const rows = await runSql(database.url, `SELECT DISTINCT left("encryptedKmsKey", 3) AS v FROM "User"`)
  expect(rows).toEqual([{ v: 'v2:' }])
  expect(await rotateAll(after.prisma.user)).toMatchObject({ rotated: 0, skipped: 14 })
  expect(await rotateAll(after.prisma.user, { key: 'default', force: true })).toMatchObject({ rotated: 7, skipped: 0 })
  await before.plain.$disconnect()
  await after.plain.$disconnect()
})
