/** rotateAll on a table that others write meanwhile, and on rows that cannot be rotated. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { rotateAll } from '../../src/index.js'
import {
  errorOf,
  forget,
  useExtendedDatabase,
  versionsAt,
  type ExtendedClient,
} from '../support/extended-database.js'

const database = useExtendedDatabase()
/** Servers at version 1 and at version 2. */
let one: ExtendedClient
let two: ExtendedClient

beforeAll(() => {
  one = database.connect(versionsAt(1))
  two = database.connect(versionsAt(2))
})
beforeEach(async () => {
  two.kms.fault = undefined
  two.kms.latencyMs = 0
  await database.sql('TRUNCATE "User" RESTART IDENTITY CASCADE')
  forget(two)
})

async function createUsers(count: number): Promise<number[]> {
  const { prisma } = one
  const data = Array.from({ length: count }, (_, index) => ({
    name: `name ${index}`,
    email: `email ${index}`,
  }))
  return (await prisma.user.createManyAndReturn({ data, select: { id: true } })).map(({ id }) => id)
}

test('a row deleted between its SELECT and its UPDATE is neither rotated nor failed', async () => {
  const [first, second] = await createUsers(3)
  const client = two
  client.kms.latencyMs = 150
  const rotating = rotateAll(client.prisma.user)
  await sleep(60)
  await database.sql('DELETE FROM "User" WHERE id IN ($1, $2)', first, second)
  expect(await rotating).toMatchObject({ done: 1, failed: 0, failures: [] })
})

test('rows deleted between pages, the one that the walk stands on included, end nothing early', async () => {
  const ids = await createUsers(9)
  const { prisma } = two
  let deleting: Promise<unknown> = Promise.resolve()
  const result = rotateAll(prisma.user, {
    batchSize: 3,
    onProgress: ({ done }) => {
      if (done === 3) deleting = database.sql('DELETE FROM "User" WHERE id = ANY($1)', ids.slice(2, 4))
    },
  })
  expect(await result).toMatchObject({ failed: 0 })
  await deleting
  const left = await database.sql(`SELECT FROM "User" WHERE "encryptedKmsKey" LIKE 'v1:%'`)
  expect(left).toEqual([])
})

test('a key that another writer changed meanwhile is read again, not overwritten', async () => {
  const [id = 0] = await createUsers(1)
  const client = two
  client.kms.latencyMs = 150
  const rotating = rotateAll(client.prisma.user)
  await sleep(60)
  // Another server, already at version 2, adds an entry.
  await two.prisma.user.update({ where: { id }, data: { email: 'meanwhile' } })
  expect(await rotating).toMatchObject({ done: 1, failed: 0 })
  expect(await client.prisma.user.findUnique({ where: { id } })).toMatchObject({
    name: 'name 0',
    email: 'meanwhile',
  })
  const { encryptedKmsKey } = await database.stored('"User"', id)
  expect(String(encryptedKmsKey)).not.toContain('v1:')
})

test.each(['rewrap', 're-encrypt'] as const)(
  '%s never waits for a lock, and comes back to the row',
  async (mode) => {
    const [first, second] = await createUsers(4)
    const seen: [number, string | null][] = []
    const other = new pg.Client({ connectionString: database.url })
    await other.connect()
    await other.query('BEGIN')
    await other.query('SELECT FROM "User" WHERE id = $1 FOR UPDATE', [second])
    const rotating = rotateAll(two.prisma.user, {
      mode,
      key: 'default',
      onProgress: ({ done, cursor }) => {
        seen.push([done, cursor])
        // The other three are done while the lock is held; then the other writer goes on with the row, and commits.
        if (done === 3)
          void other
            .query('UPDATE "User" SET "loginCount" = 7 WHERE id = $1', [second])
            .then(() => other.query('COMMIT'))
      },
    })
    expect(await rotating).toMatchObject({ done: 4, failed: 0, finished: true })
    await other.end()
    expect(seen[0]).toEqual([3, null])
    const rows = await database.sql(
      'SELECT id, "loginCount" AS n, left("encryptedKmsKey", 3) AS v FROM "User" ORDER BY id',
    )
    expect(rows[1]).toEqual({ id: second, n: 7, v: 'v2:' })
    expect(rows[0]).toEqual({ id: first, n: 0, v: 'v2:' })
  },
)

test.each(['rewrap', 're-encrypt'] as const)(
  'new child rows, whose foreign keys lock their parent, do not hold it back: %s',
  async (mode) => {
    const [first] = await createUsers(2)
    const other = new pg.Client({ connectionString: database.url })
    await other.connect()
    await other.query('BEGIN')
    await other.query('INSERT INTO "Post" (title, "authorId") VALUES ($1, $2)', ['t', first])
    expect(await rotateAll(two.prisma.user, { mode })).toMatchObject({ done: 2 })
    await other.query('COMMIT')
    await other.end()
  },
)

test('a row that another rotation has done is skipped', async () => {
  await createUsers(4)
  const [slowly, fast] = [two, database.connect(versionsAt(2), {})]
  slowly.kms.latencyMs = 150
  const results = await Promise.all([rotateAll(slowly.prisma.user), rotateAll(fast.prisma.user)])
  const [late, early] = results
  expect(late.done + early.done).toBe(4)
  expect(late.done + late.skipped).toBe(4)
  expect(late.failed + early.failed).toBe(0)
})

test('rows that cannot be opened are reported with their reasons and left as they are', async () => {
  const ids = await createUsers(5)
  const [moved, tampered, unknown, emptied] = ids
  await database.sql(
    'UPDATE "User" SET "encryptedKmsKey" = (SELECT "encryptedKmsKey" FROM "User" WHERE id = $2) WHERE id = $1',
    moved,
    ids[4],
  )
  await database.sql(`UPDATE "User" SET "encryptedKmsKey" = 'no key' WHERE id = $1`, tampered)
  await database.sql(
    `UPDATE "User" SET "encryptedKmsKey" = replace("encryptedKmsKey", 'v1', 'v9') WHERE id = $1`,
    unknown,
  )
  await database.sql('UPDATE "User" SET "encryptedKmsKey" = NULL WHERE id = $1', emptied)
  const bad = () => database.sql('SELECT * FROM "User" WHERE id = ANY($1) ORDER BY id', ids.slice(0, 4))
  const before = await bad()
  const { prisma } = two
  const result = await rotateAll(prisma.user)
  expect(result).toMatchObject({ done: 1, skipped: 0, failed: 3 })
  expect(result.failures.map(({ id, key, error }) => [id, key, (error as { code?: unknown }).code])).toEqual(
    expect.arrayContaining([
      [String(moved), 'default', 'DECRYPTION_FAILED'],
      [String(tampered), 'default', 'INVALID_KEY_COLUMN'],
      [String(unknown), 'default', 'UNKNOWN_KEY_VERSION'],
    ]),
  )
  expect(await bad()).toEqual(before)
})

test('a key service that refuses single items fails those rows only', async () => {
  const [, second] = await createUsers(3)
  const { prisma, kms } = two
  kms.fault = ({ item }) => (item.context['model_id'] === String(second) ? new Error('refused') : undefined)
  const result = await rotateAll(prisma.user)
  expect(result).toMatchObject({
    done: 2,
    failed: 1,
    failures: [{ id: String(second), error: { code: 'KMS_UNAVAILABLE' } }],
  })
  kms.fault = undefined
  expect(await rotateAll(prisma.user)).toMatchObject({ done: 1, skipped: 2, failed: 0 })
})

test('at most 100 failures are kept, all are counted', async () => {
  await createUsers(120)
  await database.sql(`UPDATE "User" SET "encryptedKmsKey" = 'no key'`)
  const { failed, failures } = await rotateAll(two.prisma.user)
  expect([failed, failures.length]).toEqual([120, 100])
})

test('a key service that is down as a whole is an error of the library, and what was done stays done', async () => {
  await createUsers(6)
  const { prisma, kms } = two
  kms.fault = ({ call }) => {
    if (call > 2) throw new Error('down, with a token')
    return undefined
  }
  const error = await errorOf(
    rotateAll(prisma.user, { batchSize: 3 }).then(({ failed, failures }) => {
      if (failed > 0) throw failures[0]?.error ?? new Error('no failure kept')
    }),
  )
  expect(error).toMatchObject({ code: 'KMS_UNAVAILABLE' })
  expect(String(error)).not.toContain('token')
  kms.fault = undefined
  expect(await rotateAll(prisma.user)).toMatchObject({ done: 3, skipped: 3, failed: 0 })
})

test('writers of both versions during repeated rotations lose nothing', async () => {
  const ids = await createUsers(4)
  const clients = [one.prisma, two.prisma]
  const last = new Map<number, string>()
  let rotating = true
  const writing = ids.map(async (id, index) => {
    for (let round = 0; rotating || round < 10; round++) {
      const name = `writer ${index} round ${round}`
      await clients[round % 2]?.user.update({ where: { id }, data: { name }, select: { id: true } })
      last.set(id, name)
    }
  })
  for (let round = 0; round < 15; round++) {
    expect(await rotateAll(clients[1]?.user, { force: round % 2 === 0, batchSize: 2 })).toMatchObject({
      failed: 0,
    })
  }
  rotating = false
  await Promise.all(writing)
  const users = await two.prisma.user.findMany({ orderBy: { id: 'asc' } })
  expect(users.map(({ id, name }) => [id, name])).toEqual([...last].sort(([a], [b]) => a - b))
  expect(users.map(({ email }) => email)).toEqual(ids.map((_, index) => `email ${index}`))
})
