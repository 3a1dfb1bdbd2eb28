/** rotateAll with mode: 're-encrypt': new data keys, the same values, nothing lost to other writers. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createFieldCipher } from '../../src/envelope/cipher.js'
import { deriveDataKey, type DataKey } from '../../src/envelope/data-key.js'
import { valueTypes } from '../../src/envelope/field-format.js'
import { parseKeyColumn } from '../../src/envelope/key-column.js'
import { rotateAll } from '../../src/index.js'
import { localKms } from '../../src/providers/local.js'
import { localKeys } from '../support/extended-client.js'
import {
  forget,
  statementsOf,
  useExtendedDatabase,
  versionsAt,
  type ExtendedClient,
} from '../support/extended-database.js'

const database = useExtendedDatabase()
const mode = 're-encrypt'
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
  await database.sql('TRUNCATE "User", "Account", audit.audit_entries RESTART IDENTITY CASCADE')
  forget(two)
})

const sealedColumns = ['name', 'email', 'notes', 'avatar', 'phone', 'encryptedKmsKey', 'encryptedKmsKeyPhone']

/** The commitment in the header of a sealed text: which data key it is under. */
function commitmentOf(sealed: unknown): string {
  return Buffer.from(String(sealed), 'base64').subarray(4, 20).toString('hex')
}

/** Seals and opens the text of a Json column without going through JavaScript's numbers. */
const payload = createFieldCipher({
  model: 'AuditEntry',
  field: 'payload',
  valueType: valueTypes.json,
  where: 'AuditEntry.payload',
})

async function dataKeyOf(keyColumn: unknown, id: number): Promise<DataKey> {
  const [entry] = parseKeyColumn(String(keyColumn), 'AuditEntry.encryptedKmsKey')
  const item = {
    ciphertext: entry?.ciphertext ?? Buffer.alloc(0),
    context: { model_name: 'AuditEntry', model_id: String(id) },
  }
  const keyId = entry?.version === 1 ? 'local/app' : 'local/next'
  const [outcome] = await localKms({ keys: localKeys }).unwrap(keyId, [item], {})
  if (!outcome?.ok) throw outcome?.error ?? new Error('no outcome')
  return deriveDataKey(outcome.value)
}

test('every value is sealed under a new data key; plain columns and timestamps stay', async () => {
  await one.prisma.user.createMany({
    data: [
      {
        name: 'a',
        email: 'a@x',
        notes: { n: 1 },
        avatar: new Uint8Array([1, 2]),
        phone: '1',
        nickname: 'plain',
      },
      { name: 'b', phone: '2', loginCount: 7 },
      { name: '' },
    ],
  })
  const all = () => database.sql('SELECT * FROM "User" ORDER BY id')
  const [before, opened] = [await all(), await one.prisma.user.findMany({ orderBy: { id: 'asc' } })]
  expect(await rotateAll(two.prisma.user, { mode, force: true, batchSize: 2, verify: true })).toMatchObject({
    done: 3,
    failed: 0,
  })
  const after = await all()
  after.forEach((row, index) => {
    for (const [name, value] of Object.entries(before[index] ?? {})) {
      if (sealedColumns.includes(name) && value !== null) expect(row[name]).not.toEqual(value)
      else expect(row[name]).toEqual(value)
    }
    expect(commitmentOf(row['name'])).not.toBe(commitmentOf(before[index]?.['name']))
  })
  const withoutKeys = (rows: typeof opened) =>
    rows.map((row) => ({ ...row, encryptedKmsKey: null, encryptedKmsKeyPhone: null }))
  expect(withoutKeys(await two.prisma.user.findMany({ orderBy: { id: 'asc' } }))).toEqual(withoutKeys(opened))
})

test('only rows of older versions are due, so that running it again does only what is left', async () => {
  await one.prisma.user.createMany({ data: [{ name: 'a' }, { name: 'b' }] })
  expect(await rotateAll(two.prisma.user, { mode })).toMatchObject({ done: 2, total: 2 })
  two.kms.reset()
  expect(await rotateAll(two.prisma.user, { mode })).toMatchObject({ done: 0, skipped: 2, total: 2 })
  expect(two.kms.totalCalls).toBe(0)
})

test('a batch is one statement to read, one to look at it again, and one to write', async () => {
  await one.prisma.user.createMany({ data: [{ name: 'a' }, { name: 'b' }, { name: 'c' }] })
  forget(two)
  expect(await rotateAll(two.prisma.user, { mode, key: 'default' })).toMatchObject({ done: 3 })
  const counts = 2 // before the walk
  expect(statementsOf(two)).toEqual([...Array<string>(counts).fill('SELECT'), 'SELECT', 'SELECT', 'WITH'])
})

test('several entries of a row become one', async () => {
  const { id } = await one.prisma.user.create({ data: { name: 'first', notes: { first: true } } })
  await two.prisma.user.update({ where: { id }, data: { email: 'second' } })
  expect(String((await database.stored('"User"', id))['encryptedKmsKey'])).toContain(' ')
  expect(await rotateAll(two.prisma.user, { mode, key: 'default' })).toMatchObject({ done: 1 })
  const stored = await database.stored('"User"', id)
  expect(stored['encryptedKmsKey']).toMatch(/^v2:[^ .]+$/)
  expect(commitmentOf(stored['name'])).toBe(commitmentOf(stored['email']))
  expect(await two.prisma.user.findUnique({ where: { id } })).toMatchObject({
    name: 'first',
    email: 'second',
    notes: { first: true },
  })
})

test('numbers in Json beyond 2^53 survive, and so do the nulls of both kinds', async () => {
  const big = '{"n": 12345678901234567890}'
  const { id } = await one.prisma.auditEntry.create({ data: { action: 'a', payload: { n: 1 } } })
  // What a writer in another language may have sealed: the text itself, which JavaScript cannot hold as a number.
  const stored = await database.stored('audit.audit_entries', id, 'entry_id')
  const sealed = payload
    .seal(Buffer.from(big), await dataKeyOf(stored['encrypted_kms_key'], id))
    .toString('base64')
  await database.sql('UPDATE audit.audit_entries SET payload_json = to_jsonb($1::text)', sealed)
  await database.sql(`INSERT INTO audit.audit_entries (action_name, payload_json, detail_text, encrypted_kms_key)
    SELECT 'json null', 'null'::jsonb, NULL, encrypted_kms_key FROM audit.audit_entries WHERE entry_id = 1`)
  expect(await rotateAll(two.prisma.auditEntry, { mode })).toMatchObject({ done: 2, failed: 0 })
  const [row, nulls] = await database.sql('SELECT * FROM audit.audit_entries ORDER BY entry_id')
  const text = payload.open(
    Buffer.from(String(row?.['payload_json']), 'base64'),
    await dataKeyOf(row?.['encrypted_kms_key'], id),
  )
  expect(text.toString()).toBe(big)
  // No value is left for its key to open.
  expect(nulls).toMatchObject({ payload_json: null, encrypted_kms_key: null })
  expect(
    await database.sql(
      `SELECT payload_json = 'null'::jsonb AS kept FROM audit.audit_entries WHERE entry_id = 2`,
    ),
  ).toEqual([{ kept: true }])
})

test('blind indexes are computed again, stale ones too', async () => {
  const account = await one.prisma.account.create({
    data: { email: 'Ada@example.com', phone: '0123', city: 'Zürich', badge: 'b' },
  })
  const before = await database.stored('"Account"', account.id)
  await database.sql(`UPDATE "Account" SET "phoneBidx" = 'stale', "taxIdBidx" = 'stale'`)
  expect(await rotateAll(two.prisma.account, { mode })).toMatchObject({ done: 1, failed: 0 })
  const after = await database.stored('"Account"', account.id)
  for (const name of ['emailBidx', 'phoneBidx', 'cityBidx', 'badge_bidx', 'taxIdBidx'])
    expect(after[name]).toBe(before[name])
  expect(await two.prisma.account.findUnique({ where: { email: 'ada@example.com' } })).toMatchObject({
    phone: '0123',
  })
})

test('an index that another row has already fails that row alone', async () => {
  const data = [{ email: 'a@x' }, { email: 'b@x' }, { email: 'c@x' }]
  await one.prisma.account.createMany({ data })
  // Somebody gave the third row the index that belongs to the first.
  await database.sql(`UPDATE "Account" SET "emailBidx" = 'elsewhere' WHERE id = 1`)
  await database.sql(
    `UPDATE "Account" SET "emailBidx" = $1 WHERE id = 3`,
    (await two.prisma.$kms.seal('Account', { email: 'a@x' }, { id: 9 }))['emailBidx'],
  )
  const result = await rotateAll(two.prisma.account, { mode })
  expect(result).toMatchObject({
    done: 2,
    failed: 1,
    failures: [{ id: '1', error: { code: 'WRITE_CONFLICT' } }],
  })
})

test('a value that another writer changes meanwhile is read again, never set back', async () => {
  const { id } = await one.prisma.user.create({ data: { name: 'before', email: 'kept' } })
  two.kms.latencyMs = 150
  const rotating = rotateAll(two.prisma.user, { mode, key: 'default' })
  await sleep(60)
  // Under the stored key, so that the key column stays as it is: only the value tells.
  await one.prisma.user.update({ where: { id }, data: { name: 'meanwhile' } })
  expect(await rotating).toMatchObject({ done: 1, failed: 0 })
  expect(await two.prisma.user.findUnique({ where: { id } })).toMatchObject({
    name: 'meanwhile',
    email: 'kept',
  })
  expect((await database.stored('"User"', id))['encryptedKmsKey']).toMatch(/^v2:/)
})

test('rows that do not open are reported and left as they are', async () => {
  await one.prisma.user.createMany({ data: [{ name: 'a' }, { name: 'b' }, { name: 'c' }, { name: 'd' }] })
  await database.sql(`UPDATE "User" SET name = 'plaintext' WHERE id = 1`)
  await database.sql(`UPDATE "User" SET name = (SELECT name FROM "User" WHERE id = 3) WHERE id = 2`)
  const bad = () => database.sql('SELECT * FROM "User" WHERE id <= 2 ORDER BY id')
  const before = await bad()
  const result = await rotateAll(two.prisma.user, { mode })
  expect(result).toMatchObject({ done: 2, failed: 2 })
  expect(result.failures.map(({ id, error }) => [id, error.code]).sort()).toEqual([
    ['1', 'PLAINTEXT_FOUND'],
    ['2', 'DECRYPTION_FAILED'],
  ])
  expect(await bad()).toEqual(before)
})

test('writers of both versions during repeated re-encryptions lose nothing', async () => {
  const created = await one.prisma.user.createManyAndReturn({
    data: Array.from({ length: 4 }, (_, n) => ({ name: `name ${n}`, email: `email ${n}` })),
    select: { id: true },
  })
  const ids = created.map(({ id }) => id)
  const clients = [one.prisma, two.prisma]
  const last = new Map<number, string>()
  let rotating = true
  const writing = ids.map(async (id, index) => {
    for (let round = 0; rotating || round < 10; round++) {
      const name = `writer ${index} round ${round}`
      await clients[round % 2]?.user.update({ where: { id }, data: { name }, select: { id: true } })
      last.set(id, name)
      await sleep(1)
    }
  })
  let done = 0
  for (let round = 0; round < 15; round++) {
    const result = await rotateAll(two.prisma.user, { mode, force: true, batchSize: 2 })
    // A row that its writers never leave alone makes them wait.
    expect(result).toMatchObject({ failed: 0, failures: [], finished: true })
    done += result.done
  }
  rotating = false
  await Promise.all(writing)
  expect(done).toBeGreaterThan(15)
  expect(await rotateAll(two.prisma.user, { mode, force: true })).toMatchObject({ done: 4, failed: 0 })
  const users = await two.prisma.user.findMany({ orderBy: { id: 'asc' } })
  expect(users.map(({ id, name }) => [id, name])).toEqual([...last].sort(([a], [b]) => a - b))
  expect(users.map(({ email }) => email)).toEqual(ids.map((_, index) => `email ${index}`))
})
