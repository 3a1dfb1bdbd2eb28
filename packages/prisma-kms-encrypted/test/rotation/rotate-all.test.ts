/** rotateAll: every data key moves to the current version, and nothing else changes. */
import { rotateAll, type RotateProgress } from '../../src/index.js'
import {
  codeOf,
  forget,
  statementsOf,
  useExtendedDatabase,
  versionsAt,
  type ExtendedClient,
} from '../support/extended-database.js'

const database = useExtendedDatabase()
/** Servers at version 1 and at version 2. */
let one: ExtendedClient
let two: ExtendedClient
const versionsOf = async (table: string, column = '"encryptedKmsKey"') =>
  (
    await database.sql(
      `SELECT DISTINCT left(${column}, 3) AS v FROM ${table} WHERE ${column} IS NOT NULL ORDER BY v`,
    )
  ).map(({ v }) => v)

beforeAll(() => {
  one = database.connect(versionsAt(1))
  two = database.connect(versionsAt(2))
})
beforeEach(async () => {
  two.kms.fault = undefined
  two.kms.latencyMs = 0
  await database.sql('TRUNCATE "User", "Org", "Tag", audit.audit_entries RESTART IDENTITY CASCADE')
  forget(two)
})

async function createUsers(count: number): Promise<number[]> {
  const { prisma } = one
  const data = Array.from({ length: count }, (_, index) => ({
    name: `name ${index}`,
    email: `email ${index}`,
    phone: `${index}`,
  }))
  return (await prisma.user.createManyAndReturn({ data, select: { id: true } })).map(({ id }) => id)
}

test('keys move, values and timestamps keep their bytes', async () => {
  await createUsers(7)
  const before = await database.sql('SELECT * FROM "User" ORDER BY id')
  const { prisma } = two
  const users = await prisma.user.findMany({ orderBy: { id: 'asc' }, omit: { encryptedKmsKey: true } })
  expect(await rotateAll(prisma.user)).toEqual({
    done: 7,
    total: 7,
    skipped: 0,
    failed: 0,
    failures: [],
    finished: true,
    rowsPerSecond: expect.any(Number) as number,
    etaMs: 0,
    cursor: '[7]',
  })
  const after = await database.sql('SELECT * FROM "User" ORDER BY id')
  expect(after).toEqual(
    before.map((row, index) => ({ ...row, encryptedKmsKey: after[index]?.['encryptedKmsKey'] })),
  )
  expect(await versionsOf('"User"')).toEqual(['v2:'])
  expect(await prisma.user.findMany({ orderBy: { id: 'asc' }, omit: { encryptedKmsKey: true } })).toEqual(
    users,
  )
})

test('running again does only what is left', async () => {
  await createUsers(3)
  const { prisma, kms } = two
  await rotateAll(prisma.user)
  kms.reset()
  expect(await rotateAll(prisma.user)).toMatchObject({ done: 0, skipped: 3, total: 3 })
  expect(kms.totalCalls).toBe(0)
  await createUsers(2)
  expect(await rotateAll(prisma.user)).toMatchObject({ done: 2, skipped: 3, total: 5 })
})

test('key names one group, force takes current ones too', async () => {
  await createUsers(4)
  const { prisma, kms } = two
  expect(await rotateAll(prisma.user, { key: 'phone' })).toMatchObject({ done: 0, skipped: 4 })
  expect(await versionsOf('"User"')).toEqual(['v1:'])
  expect(await rotateAll(prisma.user, { key: 'default' })).toMatchObject({ done: 4, skipped: 0 })
  const before = await database.sql('SELECT "encryptedKmsKeyPhone" AS k FROM "User" ORDER BY id')
  kms.reset()
  expect(await rotateAll(prisma.user, { key: 'phone', force: true })).toMatchObject({
    done: 4,
    skipped: 0,
  })
  const after = await database.sql('SELECT "encryptedKmsKeyPhone" AS k FROM "User" ORDER BY id')
  expect(after.filter(({ k }, index) => k === before[index]?.['k'])).toEqual([])
  // Same key and context: the service rewraps by itself, no data key leaves it.
  expect(kms.counts).toMatchObject({ rewrap: { items: 4 }, wrap: { items: 0 }, unwrap: { items: 0 } })
  expect(await prisma.user.findMany({ select: { phone: true }, orderBy: { id: 'asc' } })).toMatchObject([
    { phone: '0' },
    {},
    {},
    {},
  ])
})

test('batches: two statements each after the count, progress after each and at the end', async () => {
  await createUsers(7)
  const client = two
  const progress: RotateProgress[] = []
  await rotateAll(client.prisma.user, {
    key: 'default',
    batchSize: 3,
    concurrency: 1,
    onProgress: (now) => progress.push(now),
  })
  expect(progress.map(({ done, total, cursor }) => [done, total, cursor])).toEqual([
    [3, 7, '[3]'],
    [6, 7, '[6]'],
    [7, 7, '[7]'],
    [7, 7, '[7]'],
  ])
  expect(progress.at(-1)).toMatchObject({ skipped: 0, failed: 0, etaMs: 0 })
  expect(statementsOf(client)).toEqual([
    'SELECT',
    'SELECT',
    ...['SELECT', 'WITH', 'SELECT', 'WITH', 'SELECT', 'WITH'],
  ])
  expect(client.kms.counts).toMatchObject({ unwrap: { calls: 3, items: 7 }, wrap: { calls: 3, items: 7 } })
})

test('rows without a key are not touched', async () => {
  await database.sql(`INSERT INTO "User" (name, "updatedAt") VALUES ('never sealed', now())`)
  const { prisma } = two
  expect(await rotateAll(prisma.user)).toMatchObject({ done: 0, total: 0, failed: 0, finished: true })
})

test('every kind of id, mapped names and a second schema', async () => {
  const { prisma } = one
  const user = await prisma.user.create({
    data: {
      name: 'x',
      profile: { create: { bio: 'uuid as text' } },
      devices: { create: [{ token: new Uint8Array([1]) }, { token: new Uint8Array([2]) }] },
      posts: {
        create: {
          title: 't',
          body: 'b',
          comments: { create: [{ text: 'BigInt' }, { id: 9_007_199_254_740_993n, text: 'beyond 2^53' }] },
        },
      },
      auditEntries: { create: { action: 'a', detail: 'mapped', payload: [1] } },
      org: {
        create: {
          name: 'o',
          members: {
            create: Array.from({ length: 5 }, (_, userNo) => ({ userNo, secret: `compound ${userNo}` })),
          },
        },
      },
    },
  })
  await prisma.org.create({ data: { name: 'p', members: { create: [{ userNo: 3, secret: 'other org' }] } } })
  const options = { batchSize: 2 }
  expect(await rotateAll(two.prisma.profile, options)).toMatchObject({ done: 1, failed: 0 })
  expect(await rotateAll(two.prisma.device, options)).toMatchObject({ done: 2, failed: 0 })
  expect(await rotateAll(two.prisma.comment, options)).toMatchObject({ done: 2, failed: 0 })
  expect(await rotateAll(two.prisma.membership, options)).toMatchObject({ done: 6, failed: 0 })
  expect(await rotateAll(two.prisma.auditEntry, options)).toMatchObject({ done: 1, failed: 0 })
  expect(await versionsOf('"Membership"')).toEqual(['v2:'])
  expect(await versionsOf('comments', 'encrypted_kms_key')).toEqual(['v2:'])
  expect(await versionsOf('audit.audit_entries', 'encrypted_kms_key')).toEqual(['v2:'])
  const found = await two.prisma.user.findUniqueOrThrow({
    where: { id: user.id },
    include: {
      profile: true,
      devices: true,
      auditEntries: true,
      posts: { include: { comments: true } },
      org: { include: { members: true } },
    },
  })
  expect(found).toMatchObject({
    profile: { bio: 'uuid as text' },
    auditEntries: [{ detail: 'mapped', payload: [1] }],
  })
  expect(found.posts[0]?.comments.map(({ text }) => text).sort()).toEqual(['BigInt', 'beyond 2^53'])
  expect(found.org?.members.map(({ secret }) => secret).sort()).toEqual(
    [0, 1, 2, 3, 4].map((n) => `compound ${n}`),
  )
})

test('a row with several entries: all of them move, labels stay', async () => {
  const [id = 0] = await createUsers(1)
  const { prisma } = two
  await prisma.user.update({ where: { id }, data: { email: 'second entry' } })
  const labels = (text: unknown) =>
    String(text)
      .split(' ')
      .map((entry) => entry.split('.')[1])
  const before = await database.stored('"User"', id)
  expect(await rotateAll(prisma.user, { key: 'default' })).toMatchObject({ done: 1 })
  const after = await database.stored('"User"', id)
  expect(
    String(after['encryptedKmsKey'])
      .split(' ')
      .map((entry) => entry.slice(0, 3)),
  ).toEqual(['v2:', 'v2:'])
  expect(labels(after['encryptedKmsKey'])).toEqual(labels(before['encryptedKmsKey']))
  expect(await prisma.user.findUnique({ where: { id } })).toMatchObject({
    name: 'name 0',
    email: 'second entry',
  })
})

test.each([{ batchSize: 0 }, { batchSize: 10_001 }, { key: 'fax' }, { forced: true }, { onProgress: 1 }])(
  'unusable options are refused: %j',
  async (options) => {
    const { prisma } = two
    expect(await codeOf(rotateAll(prisma.user, options as object))).toBe('INVALID_CONFIGURATION')
  },
)
