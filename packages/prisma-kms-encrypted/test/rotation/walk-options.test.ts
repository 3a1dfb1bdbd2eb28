/** What the options of rotateAll do: filters, ranges, cursors, signals, dry runs, verification, one record. */
import { rotate, rotateAll, rotationRanges, type RotateProgress, type RowRange } from '../../src/index.js'
import {
  codeOf,
  errorOf,
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

beforeAll(() => {
  one = database.connect(versionsAt(1))
  two = database.connect(versionsAt(2))
})
beforeEach(async () => {
  two.kms.fault = undefined
  two.kms.latencyMs = 0
  await database.sql('TRUNCATE "User", "Account", "Org", audit.audit_entries RESTART IDENTITY CASCADE')
  forget(two)
})

async function createUsers(count: number): Promise<number[]> {
  const data = Array.from({ length: count }, (_, index) => ({ name: `name ${index}`, loginCount: index }))
  return (await one.prisma.user.createManyAndReturn({ data, select: { id: true } })).map(({ id }) => id)
}

/** Ids of the rows that are still under version 1. */
async function left(): Promise<unknown[]> {
  const rows = await database.sql(`SELECT id FROM "User" WHERE "encryptedKmsKey" LIKE 'v1:%' ORDER BY id`)
  return rows.map(({ id }) => id)
}

async function rangesOf(size: number): Promise<RowRange[]> {
  const ranges: RowRange[] = []
  for await (const range of rotationRanges(two.prisma.user, { size })) ranges.push(range)
  return ranges
}

test('as a method of the model, by the model’s own fields', async () => {
  const ids = await createUsers(6)
  const { prisma } = two
  expect(await prisma.user.rotateAll({ where: { loginCount: { gte: 4 } } })).toMatchObject({
    done: 2,
    total: 2,
  })
  expect(await left()).toEqual(ids.slice(0, 4))
  expect(
    await prisma.user.rotateAll({ where: { OR: [{ loginCount: 0 }, { nickname: 'x' }] } }),
  ).toMatchObject({
    done: 1,
  })
  expect(await left()).toEqual(ids.slice(1, 4))
})

test('where names encrypted fields by their indexes, and refuses those that have none', async () => {
  await one.prisma.account.createMany({ data: [{ email: 'Ada@example.com' }, { email: 'bob@example.com' }] })
  const { prisma } = two
  expect(await rotateAll(prisma.account, { where: { email: 'ada@example.com ' } })).toMatchObject({ done: 1 })
  const keys = await database.sql('SELECT left("encryptedKmsKey", 3) AS v FROM "Account" ORDER BY id')
  expect(keys).toEqual([{ v: 'v2:' }, { v: 'v1:' }])
  expect(await codeOf(rotateAll(prisma.user, { where: { name: 'name 1' } }))).toBe('ENCRYPTED_FILTER')
})

test('one record, by any criterion that finds exactly one', async () => {
  const [, second = 0, ...others] = await createUsers(4)
  const { prisma } = two
  expect(await rotate(prisma.user, { where: { id: second } })).toBe(true)
  expect(await rotate(prisma.user, { where: { id: second } })).toBe(false)
  expect(await rotate(prisma.user, { where: { id: second }, mode: 're-encrypt', force: true })).toBe(true)
  expect(await left()).toEqual([1, ...others])
  expect(await prisma.user.findUnique({ where: { id: second } })).toMatchObject({ name: 'name 1' })
  expect(await codeOf(rotate(prisma.user, { where: { id: 0 } }))).toBe('INVALID_CONFIGURATION')
  expect(await codeOf(rotate(prisma.user, { where: { loginCount: { gte: 0 } } }))).toBe(
    'INVALID_CONFIGURATION',
  )
  await one.prisma.account.create({ data: { email: 'ada@example.com' } })
  expect(await rotate(prisma.account, { where: { email: 'ADA@example.com' } })).toBe(true)
})

test('one record that cannot be rotated is an error, not a report', async () => {
  const [id = 0] = await createUsers(1)
  await database.sql(`UPDATE "User" SET "encryptedKmsKey" = 'no key'`)
  expect(await codeOf(rotate(two.prisma.user, { where: { id } }))).toBe('INVALID_KEY_COLUMN')
})

test('a dry run reports what would be done and what would fail, and writes nothing', async () => {
  const ids = await createUsers(4)
  await database.sql(`UPDATE "User" SET "encryptedKmsKey" = 'no key' WHERE id = $1`, ids[1])
  const before = await database.sql('SELECT * FROM "User" ORDER BY id')
  for (const mode of ['rewrap', 're-encrypt'] as const) {
    forget(two)
    expect(await rotateAll(two.prisma.user, { dryRun: true, mode })).toMatchObject({
      done: 3,
      failed: 1,
      failures: [{ id: String(ids[1]), key: 'default', error: { code: 'INVALID_KEY_COLUMN' } }],
    })
    expect(statementsOf(two).filter((verb) => verb !== 'SELECT')).toEqual([])
  }
  expect(await database.sql('SELECT * FROM "User" ORDER BY id')).toEqual(before)
})

test('verify reports rows whose keys are fine but whose values do not open', async () => {
  const ids = await createUsers(3)
  await database.sql(
    'UPDATE "User" SET name = (SELECT name FROM "User" WHERE id = $2) WHERE id = $1',
    ids[1],
    ids[2],
  )
  const { prisma } = two
  expect(await rotateAll(prisma.user, { verify: true })).toMatchObject({
    done: 2,
    failed: 1,
    failures: [{ id: String(ids[1]), error: { code: 'DECRYPTION_FAILED' } }],
  })
  expect(await left()).toEqual([])
})

test('the cursor goes on where a walk was ended by its signal', async () => {
  const ids = await createUsers(10)
  const controller = new AbortController()
  const seen: RotateProgress[] = []
  const options = {
    batchSize: 2,
    concurrency: 1,
    onProgress: (progress: RotateProgress) => {
      seen.push(progress)
      if (progress.done === 4) controller.abort()
    },
  }
  const first = await rotateAll(two.prisma.user, { ...options, signal: controller.signal })
  expect(first).toMatchObject({ finished: false, done: 4, failed: 0, total: 10, cursor: `[${ids[3] ?? ''}]` })
  expect(await left()).toEqual(ids.slice(4))
  expect(seen.at(-1)).toMatchObject({ done: 4, cursor: first.cursor })
  const second = await rotateAll(two.prisma.user, { ...options, cursor: first.cursor ?? '' })
  expect(second).toMatchObject({ finished: true, done: 6, total: 6, skipped: 0 })
  expect(await left()).toEqual([])
})

test('a signal that is aborted already changes nothing; one that comes during a call to the key service ends it', async () => {
  const ids = await createUsers(3)
  const signal = AbortSignal.abort()
  expect(await rotateAll(two.prisma.user, { signal })).toMatchObject({
    finished: false,
    done: 0,
    cursor: null,
  })
  two.kms.latencyMs = 5_000
  const start = Date.now()
  const result = await rotateAll(two.prisma.user, { signal: AbortSignal.timeout(100) })
  expect(result).toMatchObject({ finished: false, done: 0, failed: 0 })
  expect(Date.now() - start).toBeLessThan(4_000)
  expect(await left()).toEqual(ids)
})

test('onError: stop throws the first error; what was done stays done', async () => {
  const ids = await createUsers(9)
  await database.sql(`UPDATE "User" SET "encryptedKmsKey" = 'no key' WHERE id = $1`, ids[4])
  const failures: string[] = []
  const error = await errorOf(
    rotateAll(two.prisma.user, {
      batchSize: 3,
      concurrency: 1,
      onError: 'stop',
      onFailure: ({ id }) => failures.push(id),
    }),
  )
  expect(error).toMatchObject({ code: 'INVALID_KEY_COLUMN' })
  expect(failures).toEqual([String(ids[4])])
  expect(await left()).toEqual(ids.slice(6))
})

test('a key service that refuses one row after another ends the walk instead of failing the whole table', async () => {
  await createUsers(300)
  const { prisma, kms } = two
  kms.fault = () => new Error('down, with a token')
  const error = await errorOf(rotateAll(prisma.user, { batchSize: 20, concurrency: 1 }))
  expect(error).toMatchObject({ code: 'KMS_UNAVAILABLE' })
  expect(JSON.stringify(error) + String(error)).not.toContain('token')
  expect(kms.counts.unwrap.items).toBe(100)
})

test.each([1, 3, 5, 7, 8, 100])('ranges of %i rows neither overlap nor leave a row out', async (size) => {
  const ids = await createUsers(7)
  const ranges = await rangesOf(size)
  expect(ranges[0]?.after).toBeNull()
  expect(ranges.at(-1)?.upTo).toBeNull()
  expect(ranges.slice(1).map(({ after }) => after)).toEqual(ranges.slice(0, -1).map(({ upTo }) => upTo))
  let done = 0
  for (const range of ranges) {
    const result = await rotateAll(two.prisma.user, { range, batchSize: 2 })
    expect(result.done).toBeLessThanOrEqual(size)
    done += result.done
  }
  expect(done).toBe(ids.length)
  expect(await left()).toEqual([])
})

test('ranges of compound ids, in any order of work', async () => {
  const members = (orgs: number) =>
    Array.from({ length: 5 }, (_, userNo) => ({ userNo: userNo * 10 + orgs, secret: `s ${orgs} ${userNo}` }))
  for (let n = 0; n < 3; n++)
    await one.prisma.org.create({ data: { name: `o${n}`, members: { create: members(n) } } })
  const ranges: RowRange[] = []
  for await (const range of rotationRanges(two.prisma.membership, { size: 4 })) ranges.push(range)
  expect(ranges).toHaveLength(4)
  const results = await Promise.all(
    ranges.reverse().map((range) => rotateAll(two.prisma.membership, { range, batchSize: 2 })),
  )
  expect(results.map(({ done, total }) => [done, total])).toEqual([3, 4, 4, 4].map((n) => [n, n]))
  const keys = await database.sql('SELECT DISTINCT left("encryptedKmsKey", 3) AS v FROM "Membership"')
  expect(keys).toEqual([{ v: 'v2:' }])
})

test.each([1, 4])('up to %i batches are in hand at once', async (concurrency) => {
  await createUsers(16)
  two.kms.latencyMs = 200
  await rotateAll(two.prisma.user, { key: 'default', batchSize: 2, concurrency })
  const [, , ...statements] = statementsOf(two) // the first two count
  const read = statements.indexOf('WITH')
  if (concurrency === 1) expect(read).toBe(1)
  else expect(read).toBeGreaterThan(1)
  expect(read).toBeLessThanOrEqual(concurrency)
})

test('inside a transaction it is refused', async () => {
  const [id = 0] = await createUsers(1)
  const codes = await two.prisma.$transaction(async (tx) => [
    await codeOf(rotateAll(tx.user)),
    await codeOf(tx.user.rotateAll()),
    await codeOf(rotate(tx.user, { where: { id } })),
  ])
  expect(codes).toEqual(['INVALID_CONFIGURATION', 'INVALID_CONFIGURATION', 'INVALID_CONFIGURATION'])
})

test.each([
  { concurrency: 0 },
  { concurrency: 65 },
  { cursor: '' },
  { cursor: 'x' },
  { cursor: '[]' },
  { cursor: '["1","2"]' },
  { range: { after: null } },
  { range: { after: 'x', upTo: null } },
  { mode: 'reencrypt' },
  { onError: 'ignore' },
  { signal: {} },
  { where: 5 },
  { verify: 'yes' },
])('unusable options are refused: %j', async (options) => {
  expect(await codeOf(rotateAll(two.prisma.user, options as object))).toBe('INVALID_CONFIGURATION')
})
