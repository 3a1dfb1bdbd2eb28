/** encryptAll: plaintext to ciphertext, indexes, and everything that it must leave alone. */
import { createIndexKey, encryptAll, type EncryptProgress } from '../../src/index.js'
import {
  codeOf,
  forget,
  useExtendedDatabase,
  versionsAt,
  type ExtendedClient,
} from '../support/extended-database.js'
import { indexKey } from '../support/extended-client.js'

const database = useExtendedDatabase()
let reading: ExtendedClient
let writing: ExtendedClient
let finished: ExtendedClient

beforeAll(() => {
  reading = database.connect({ migrating: { User: 'read', Account: 'read' } })
  writing = database.connect({ migrating: { User: 'write', Account: 'write' } })
  finished = database.connect()
})
beforeEach(async () => {
  for (const { kms } of [reading, writing, finished]) {
    kms.fault = undefined
    kms.latencyMs = 0
  }
  await database.sql('TRUNCATE "User", "Org", "Account", audit.audit_entries RESTART IDENTITY CASCADE')
  for (const client of [reading, writing, finished]) forget(client)
})

const old = () => finished.plain
const sealed = expect.stringMatching(/^S0UB/) as unknown
const key = expect.stringMatching(/^v1:/) as unknown

async function createPlain(count: number) {
  const data = Array.from({ length: count }, (_, index) => ({
    name: `name ${index}`,
    email: index % 3 === 0 ? null : `email ${index}`,
    phone: `${index}`,
    notes: { index },
    avatar: new Uint8Array([index, 255]),
  }))
  await old().user.createMany({ data })
  return data
}

test('everything is encrypted, in batches, and reads as before', async () => {
  const data = await createPlain(25)
  await database.sql(`UPDATE "User" SET "updatedAt" = '2020-01-01' WHERE id > 3`)
  const before = await database.sql('SELECT id, nickname, "updatedAt", "createdAt" FROM "User" ORDER BY id')
  const progress: EncryptProgress[] = []
  const result = await encryptAll(writing.prisma.user, {
    batchSize: 10,
    concurrency: 1,
    verify: true,
    onProgress: (now) => progress.push(now),
  })
  expect(result).toMatchObject({ done: 25, total: 25, skipped: 0, failed: 0, finished: true, failures: [] })
  expect(progress.map(({ done }) => done)).toEqual([10, 20, 25, 25])
  // Two groups, three batches: one wrap call each.
  expect(writing.kms.counts.wrap.items).toBe(50)
  expect(writing.kms.counts.wrap.calls).toBeLessThanOrEqual(6)
  const rows = await finished.prisma.user.findMany({ orderBy: { id: 'asc' } })
  expect(rows).toMatchObject(data)
  const after = await database.sql('SELECT id, nickname, "updatedAt", "createdAt" FROM "User" ORDER BY id')
  expect(after).toEqual(before)
  expect(await database.stored('"User"', 2)).toMatchObject({
    name: sealed,
    email: sealed,
    notes: sealed,
    phone: sealed,
    encryptedKmsKey: key,
    encryptedKmsKeyPhone: key,
  })
  expect(Buffer.from((await database.stored('"User"', 2))['avatar'] as Uint8Array).subarray(0, 3)).toEqual(
    Buffer.from([0x4b, 0x45, 1]),
  )
})

test('running again changes nothing, and new plaintext is all that is left to do', async () => {
  await createPlain(5)
  await encryptAll(writing.prisma.user)
  const before = await database.sql('SELECT *, xmin::text FROM "User" ORDER BY id')
  expect(await encryptAll(writing.prisma.user)).toMatchObject({ done: 0, skipped: 5, failed: 0 })
  expect(await database.sql('SELECT *, xmin::text FROM "User" ORDER BY id')).toEqual(before)
  await old().user.update({ where: { id: 2 }, data: { name: 'plain again' } })
  expect(await encryptAll(writing.prisma.user)).toMatchObject({ done: 1, skipped: 4 })
  // Under the key that the row has: its other values keep their bytes.
  const row = await database.stored('"User"', 2)
  expect(row).toMatchObject({
    name: sealed,
    email: before[1]?.['email'],
    encryptedKmsKey: before[1]?.['encryptedKmsKey'],
  })
  expect(await finished.prisma.user.findUnique({ where: { id: 2 } })).toMatchObject({
    name: 'plain again',
    email: 'email 1',
  })
})

test('a row with several kinds of values, under a key of an older version', async () => {
  const [one, two] = [
    database.connect(versionsAt(1)),
    database.connect({ ...versionsAt(2), migrating: { User: 'write' } }),
  ]
  const { id } = await one.prisma.user.create({ data: { name: 'sealed', notes: { s: 1 } } })
  await old().user.update({ where: { id }, data: { email: 'plain', notes: { p: 1 } } })
  expect(await encryptAll(two.prisma.user)).toMatchObject({ done: 1, failed: 0 })
  expect(await two.prisma.user.findUnique({ where: { id } })).toMatchObject({
    name: 'sealed',
    email: 'plain',
    notes: { p: 1 },
  })
  expect(
    String((await database.stored('"User"', id))['encryptedKmsKey'])
      .split(' ')
      .map((entry) => entry.slice(0, 3)),
  ).toEqual(['v2:', 'v1:'])
})

test('JSON moves as text: numbers beyond 2^53 survive, and both nulls stay', async () => {
  const text = '{"id": 12345678901234567890, "list": [0.1234567890123456789], "text": "\\u00e9"}'
  await database.sql(
    `INSERT INTO audit.audit_entries (action_name, payload_json) VALUES ('a', $1), ('b', 'null'), ('c', NULL)`,
    text,
  )
  const client = database.connect({ migrating: { AuditEntry: 'write' } })
  const [before] = await database.sql(
    'SELECT payload_json::text AS p FROM audit.audit_entries ORDER BY entry_id',
  )
  expect(await encryptAll(client.prisma.auditEntry)).toMatchObject({ done: 1, failed: 0 })
  const rows = await database.sql('SELECT payload_json::text AS p FROM audit.audit_entries ORDER BY entry_id')
  expect(rows).toMatchObject([{ p: expect.stringMatching(/^"S0UB/) }, { p: 'null' }, { p: null }])
  expect(await finished.prisma.auditEntry.findFirst({ where: { action: 'a' } })).toMatchObject({
    payload: JSON.parse(String(before?.['p'])) as object,
  })
  // What was sealed is the text itself.
  const opened: string[] = []
  const parse = JSON.parse
  JSON.parse = (given: string, ...rest: []) => {
    opened.push(given)
    return parse(given, ...rest) as unknown
  }
  await finished.prisma.auditEntry.findFirst({ where: { action: 'a' } })
  JSON.parse = parse
  expect(opened).toContain(before?.['p'])
})

describe('plaintext that looks like ciphertext', () => {
  test.each([
    ['alone', `S0UB${'A'.repeat(80)}`, 'KEY_MISSING'],
    ['of no valid form', 'S0UB, a band', 'INVALID_CIPHERTEXT'],
  ])('is reported, never skipped or encrypted: %s', async (_, name, code) => {
    await createPlain(3)
    await database.sql('UPDATE "User" SET name = $1 WHERE id = 2', name)
    const before = await database.stored('"User"', 2)
    const result = await encryptAll(writing.prisma.user)
    expect(result).toMatchObject({
      done: 2,
      failed: 1,
      failures: [{ id: '2', key: 'default', error: { code } }],
    })
    expect(result.failures[0]?.error.why).toContain('plaintext')
    expect(JSON.stringify(result.failures)).not.toContain(name)
    expect(await database.stored('"User"', 2)).toEqual(before)
  })

  test('beside a key, it is ciphertext of another row: found by opening it', async () => {
    const [a, b] = [
      await writing.prisma.user.create({ data: { name: 'a' } }),
      await writing.prisma.user.create({ data: { name: 'b' } }),
    ]
    const copied = String((await database.stored('"User"', a.id))['name'])
    await old().user.update({ where: { id: b.id }, data: { name: copied } })
    const { failures, done } = await encryptAll(writing.prisma.user)
    expect([done, failures]).toMatchObject([0, [{ id: String(b.id), error: { code: 'DECRYPTION_FAILED' } }]])
    expect(await encryptAll(writing.prisma.user, { openSealed: false })).toMatchObject({ done: 0, failed: 0 })
  })
})

describe('indexes', () => {
  test("'read' fills them and leaves the values, so that 'write' meets no duplicate", async () => {
    await old().account.createMany({ data: [{ email: ' Ada@x ', phone: '+1 2' }, { label: 'none' }] })
    expect(await encryptAll(reading.prisma.account)).toMatchObject({ done: 1, failed: 0 })
    const [row, empty] = await database.sql('SELECT * FROM "Account" ORDER BY id')
    expect(row).toMatchObject({
      email: ' Ada@x ',
      emailBidx: expect.any(String),
      phoneBidx: expect.any(String),
      encryptedKmsKey: null,
    })
    expect(empty).toMatchObject({ emailBidx: null })
    expect(await codeOf(writing.prisma.account.create({ data: { email: 'ada@x' } }))).toBe('P2002')
    expect(await encryptAll(reading.prisma.account)).toMatchObject({ done: 0 })
    expect(await encryptAll(writing.prisma.account)).toMatchObject({ done: 1, failed: 0 })
    expect(await finished.prisma.account.findUnique({ where: { email: 'ADA@X' } })).toMatchObject({
      email: ' Ada@x ',
      phone: '+1 2',
    })
  })

  test('an index that an old writer left behind is corrected, also that of a null', async () => {
    await reading.prisma.account.create({ data: { email: 'a', phone: '1' } })
    await old().account.update({ where: { id: 1 }, data: { email: 'b', phone: null } })
    expect(await encryptAll(writing.prisma.account)).toMatchObject({ done: 1 })
    expect(await database.stored('"Account"', 1)).toMatchObject({ phone: null, phoneBidx: null })
    expect(await finished.prisma.account.findUnique({ where: { email: 'b' } })).toMatchObject({ id: 1 })
  })

  test('a duplicate is reported, its neighbours are done', async () => {
    await old().account.createMany({ data: ['a@x', 'A@x ', 'b@x'].map((email) => ({ email })) })
    expect(await encryptAll(writing.prisma.account)).toMatchObject({
      done: 2,
      failed: 1,
      failures: [{ id: '2', error: { code: 'WRITE_CONFLICT' } }],
    })
    expect(await database.stored('"Account"', 2)).toMatchObject({ email: 'A@x ', encryptedKmsKey: null })
  })

  test('a new index beside ciphertext is filled without `migrating`', async () => {
    await finished.prisma.account.createMany({
      data: [{ email: 'a@x' }, { email: 'b@x' }, { label: 'none' }],
    })
    await database.sql('UPDATE "Account" SET "emailBidx" = NULL')
    expect(await finished.prisma.account.findUnique({ where: { email: 'a@x' } })).toBeNull()
    expect(await encryptAll(finished.prisma.account)).toMatchObject({ done: 2, failed: 0 })
    expect(await finished.prisma.account.findUnique({ where: { email: 'a@x' } })).toMatchObject({ id: 1 })
    forget(finished)
    expect(await encryptAll(finished.prisma.account)).toMatchObject({ done: 0, total: 3, skipped: 3 })
    expect(finished.kms.totalCalls).toBe(0)
  })

  test('openSealed computes all of them again, as after a change of the index key', async () => {
    await finished.prisma.account.createMany({ data: [{ email: 'a@x', city: 'Paris' }, { email: 'b@x' }] })
    const versions = {
      1: indexKey,
      2: { keyId: 'insecure-test-key', key: await createIndexKey({ keyId: 'insecure-test-key' }) },
    }
    const both = database.connect({ indexKey: { current: 2, versions } })
    const newest = database.connect({ indexKey: { keyId: 'insecure-test-key', key: versions[2].key } })
    expect(await encryptAll(both.prisma.account)).toMatchObject({ done: 0 })
    expect(await encryptAll(both.prisma.account, { openSealed: true })).toMatchObject({ done: 2, failed: 0 })
    expect(await newest.prisma.account.findUnique({ where: { email: 'a@x' } })).toMatchObject({
      city: 'Paris',
    })
    expect(await newest.prisma.account.findMany({ where: { city: 'paris' } })).toMatchObject([{ id: 1 }])
    expect(await encryptAll(both.prisma.account, { openSealed: true })).toMatchObject({ done: 0 })
  })
})

describe('a server that may do only one side', () => {
  const only = (mode: 'encrypt-only' | 'decrypt-only') =>
    database.connect({ mode, migrating: { User: 'write', Account: 'write' } })

  test('encrypt-only: seals what is plaintext, and counts what is sealed already as it is', async () => {
    const client = only('encrypt-only')
    const sealedRow = await writing.prisma.user.create({ data: { name: 'sealed', notes: { n: 1 } } })
    const mixed = await writing.prisma.user.create({ data: { name: 'sealed too' } })
    await old().user.update({ where: { id: mixed.id }, data: { email: 'plain beside' } })
    const plain = await old().user.create({ data: { name: 'plain', phone: '1' } })
    expect(await encryptAll(client.prisma.user)).toMatchObject({
      done: 2,
      skipped: 1,
      failed: 0,
      failures: [],
      finished: true,
    })
    expect(client.kms.counts.unwrap.calls).toBe(0)
    expect(await finished.prisma.user.findMany({ orderBy: { id: 'asc' } })).toMatchObject([
      { id: sealedRow.id, name: 'sealed', notes: { n: 1 } },
      { id: mixed.id, name: 'sealed too', email: 'plain beside' },
      { id: plain.id, name: 'plain', phone: '1' },
    ])
    expect(await encryptAll(client.prisma.user)).toMatchObject({ done: 0, skipped: 3, failed: 0 })
  })

  test.each([
    ['without a key', `S0UB${'A'.repeat(80)}`, 'KEY_MISSING'],
    ['of no valid form', 'S0UB, a band', 'INVALID_CIPHERTEXT'],
  ])(
    'encrypt-only: plaintext that looks like ciphertext is reported all the same: %s',
    async (_, name, code) => {
      await createPlain(2)
      await database.sql('UPDATE "User" SET name = $1 WHERE id = 2', name)
      const result = await encryptAll(only('encrypt-only').prisma.user)
      expect(result).toMatchObject({ done: 1, failed: 1, failures: [{ id: '2', error: { code } }] })
      expect(await database.stored('"User"', 2)).toMatchObject({ name })
    },
  )

  test('encrypt-only: an index that only the opened value could fill is reported', async () => {
    await writing.prisma.account.createMany({ data: [{ email: 'a@x' }, { email: 'b@x' }] })
    await old().account.create({ data: { email: 'c@x' } })
    await database.sql('UPDATE "Account" SET "emailBidx" = NULL WHERE id = 2')
    const result = await encryptAll(only('encrypt-only').prisma.account)
    expect(result).toMatchObject({ done: 1, skipped: 1, failed: 1 })
    expect(result.failures).toMatchObject([{ id: '2', error: { code: 'DECRYPT_NOT_PERMITTED' } }])
    expect(await finished.prisma.account.findUnique({ where: { email: 'C@x' } })).toMatchObject({ id: 3 })
  })

  test('what the mode does not permit is refused before anything is read', async () => {
    const [sealing, opening] = [only('encrypt-only'), only('decrypt-only')]
    for (const options of [{ openSealed: true }, { verify: true }])
      expect(await codeOf(encryptAll(sealing.prisma.user, options))).toBe('DECRYPT_NOT_PERMITTED')
    expect(await codeOf(encryptAll(opening.prisma.user))).toBe('ENCRYPT_NOT_PERMITTED')
    expect([...sealing.queries, ...opening.queries]).toEqual([])
  })
})

test('a newly encrypted field beside existing ones needs no `migrating`', async () => {
  const { id } = await finished.prisma.user.create({ data: { name: 'sealed' } })
  await old().user.update({ where: { id }, data: { email: 'was a plain column' } })
  expect(await encryptAll(finished.prisma.user)).toMatchObject({ done: 1 })
  expect(await finished.prisma.user.findUnique({ where: { id } })).toMatchObject({
    name: 'sealed',
    email: 'was a plain column',
  })
  await old().user.create({ data: { name: 'without any key' } })
  expect(await finished.prisma.user.encryptAll()).toMatchObject({ done: 1, failed: 0 })
})

test('dryRun tells what would be done, and where, key, cursor and signal choose', async () => {
  await createPlain(10)
  const before = await database.sql('SELECT *, xmin::text FROM "User" ORDER BY id')
  expect(await encryptAll(writing.prisma.user, { dryRun: true })).toMatchObject({ done: 10, failed: 0 })
  expect(await database.sql('SELECT *, xmin::text FROM "User" ORDER BY id')).toEqual(before)
  expect(await encryptAll(writing.prisma.user, { where: { id: { lte: 4 } }, key: 'phone' })).toMatchObject({
    done: 4,
    total: 4,
  })
  expect(await database.stored('"User"', 1)).toMatchObject({
    phone: sealed,
    name: 'name 0',
    encryptedKmsKey: null,
  })
  const controller = new AbortController()
  const stopped = await encryptAll(writing.prisma.user, {
    batchSize: 3,
    concurrency: 1,
    signal: controller.signal,
    onProgress: () => {
      controller.abort()
    },
  })
  expect(stopped).toMatchObject({ done: 3, finished: false })
  const rest = await encryptAll(writing.prisma.user, {
    ...(stopped.cursor === null ? {} : { cursor: stopped.cursor }),
  })
  expect(rest).toMatchObject({ done: 7, finished: true })
  expect(await codeOf(encryptAll(writing.prisma.user, { key: 'fax' }))).toBe('INVALID_CONFIGURATION')
  expect(await codeOf(encryptAll(writing.prisma.user, { batch: 3 } as object))).toBe('INVALID_CONFIGURATION')
})

test('a key service that refuses single rows fails those only; onError stop ends at the first', async () => {
  await createPlain(4)
  writing.kms.fault = ({ item }) =>
    item.context['model_id'] === '2' ? new Error('refused, with a token') : undefined
  const result = await encryptAll(writing.prisma.user)
  expect(result).toMatchObject({
    done: 3,
    failed: 1,
    failures: [{ id: '2', error: { code: 'KMS_UNAVAILABLE' } }],
  })
  expect(await database.stored('"User"', 2)).toMatchObject({ name: 'name 1', encryptedKmsKey: null })
  expect(await codeOf(encryptAll(writing.prisma.user, { onError: 'stop' }))).toBe('KMS_UNAVAILABLE')
})

test('values that do not fit once they are encrypted are reported', async () => {
  const user = await old().user.create({ data: { name: 'n' } })
  await old().profile.create({ data: { bio: 'b', headline: 'x'.repeat(150), userId: user.id } })
  const client = database.connect({ migrating: { Profile: 'write' } })
  expect(await encryptAll(client.prisma.profile)).toMatchObject({
    failed: 1,
    failures: [{ error: { code: 'VALUE_TOO_LONG' } }],
  })
})

test('every kind of id, mapped names and a second schema', async () => {
  await database.sql('TRUNCATE comments, "Device", "Membership" CASCADE')
  const user = await old().user.create({
    data: {
      name: 'x',
      devices: { create: { token: new Uint8Array([1]) } },
      posts: {
        create: { title: 't', comments: { create: [{ id: 9_007_199_254_740_993n, text: 'beyond 2^53' }] } },
      },
      auditEntries: { create: { action: 'a', detail: 'mapped' } },
      org: {
        create: {
          name: 'o',
          members: { create: [0, 1, 2].map((userNo) => ({ userNo, secret: `s${userNo}` })) },
        },
      },
    },
  })
  const migrating = { Device: 'write', Comment: 'write', AuditEntry: 'write', Membership: 'write' } as const
  const { prisma } = database.connect({ migrating })
  const options = { batchSize: 2 }
  expect(await encryptAll(prisma.device, options)).toMatchObject({ done: 1, failed: 0 })
  expect(await encryptAll(prisma.comment, options)).toMatchObject({ done: 1, failed: 0 })
  expect(await encryptAll(prisma.auditEntry, options)).toMatchObject({ done: 1, failed: 0 })
  expect(await encryptAll(prisma.membership, options)).toMatchObject({ done: 3, failed: 0 })
  await encryptAll(writing.prisma.user)
  const found = await finished.prisma.user.findUniqueOrThrow({
    where: { id: user.id },
    include: {
      devices: true,
      auditEntries: true,
      posts: { include: { comments: true } },
      org: { include: { members: { orderBy: { userNo: 'asc' } } } },
    },
  })
  expect(found).toMatchObject({
    auditEntries: [{ detail: 'mapped' }],
    posts: [{ comments: [{ text: 'beyond 2^53' }] }],
    org: { members: [{ secret: 's0' }, { secret: 's1' }, { secret: 's2' }] },
  })
})
