/** Key columns with several entries: when one is added, which are kept, and how many there can be. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Prisma } from '../generated/prisma/client.js'
import { codeOf, forget, useExtendedDatabase, versionsAt } from '../support/extended-database.js'

const database = useExtendedDatabase()

/** A record whose fields are all set, under version 1. */
async function createUnderVersion1() {
  const { prisma } = database.connect(versionsAt(1))
  const data = { name: 'name 1', email: 'email 1', notes: { n: 1 }, avatar: new Uint8Array([1]) }
  return prisma.user.create({ data })
}

async function entriesOf(id: number): Promise<string[]> {
  const { encryptedKmsKey } = await database.stored('"User"', id)
  return String(encryptedKmsKey).split(' ')
}

test('a partial update under a new version adds a labelled entry of that version before the old one', async () => {
  const { id } = await createUnderVersion1()
  const [bare] = await entriesOf(id)
  const { prisma, kms } = database.connect(versionsAt(2))
  const updated = await prisma.user.update({ where: { id }, data: { email: 'email 2' } })
  expect(updated).toMatchObject({ name: 'name 1', email: 'email 2', notes: { n: 1 } })
  const label = String.raw`\.[A-Za-z0-9_-]{22}`
  const [fresh, old, none] = await entriesOf(id)
  expect(fresh).toMatch(new RegExp(`^v2:[A-Za-z0-9+/]+=*${label}$`))
  expect(old).toMatch(new RegExp(`${label}$`))
  expect(old?.slice(0, bare?.length)).toBe(bare)
  expect(none).toBeUndefined()
  expect(kms.log.filter(({ operation }) => operation === 'wrap')).toEqual([
    { operation: 'wrap', keyId: 'local/next', items: 1 },
  ])
})

test('a value is never sealed under an entry of a version that is not current', async () => {
  const { id } = await createUnderVersion1()
  const two = database.connect(versionsAt(2))
  await two.prisma.user.update({ where: { id }, data: { email: 'email 2' } })
  forget(two)
  await two.prisma.user.update({ where: { id }, data: { name: 'name 2' }, select: { id: true } })
  expect(two.kms.counts.wrap.calls).toBe(0)
  // Rolled back to version 1, the newest entry is not of the current version: a fresh one comes first.
  await database
    .connect(versionsAt(1))
    .prisma.user.update({ where: { id }, data: { avatar: new Uint8Array([3]) } })
  expect((await entriesOf(id)).map((entry) => entry.slice(0, 3))).toEqual(['v1:', 'v2:', 'v1:'])
  const found = await database.connect(versionsAt(2)).prisma.user.findUnique({ where: { id } })
  expect(found).toMatchObject({
    name: 'name 2',
    email: 'email 2',
    notes: { n: 1 },
    avatar: new Uint8Array([3]),
  })
})

test('entries that no value needs any more are dropped; there are never more than fields + 1', async () => {
  const { id } = await createUnderVersion1()
  const [one, two] = [database.connect(versionsAt(1)).prisma, database.connect(versionsAt(2)).prisma]
  const writes = [
    { email: 'a' },
    { name: 'b' },
    { notes: [1] },
    { avatar: new Uint8Array([9]) },
    { email: null },
    { email: 'c' },
  ]
  for (let round = 0; round < 24; round++) {
    const data = writes[(round * 5) % writes.length] ?? {}
    await (round % 2 === 0 ? two : one).user.update({ where: { id }, data })
    expect((await entriesOf(id)).length).toBeLessThanOrEqual(5)
  }
  const found = await database.connect(versionsAt(2)).prisma.user.findUniqueOrThrow({ where: { id } })
  expect(found).toMatchObject({ name: 'b', notes: [1], avatar: new Uint8Array([9]) })
  await two.user.update({
    where: { id },
    data: { name: 'x', email: 'x', notes: 1, avatar: new Uint8Array([1]) },
  })
  expect((await entriesOf(id)).length).toBeLessThanOrEqual(2)
})

test('a value that another server seals under the old entry, while that is about to be dropped, is not lost', async () => {
  const [one, two] = [database.connect(versionsAt(1)), database.connect(versionsAt(2))]
  const { id } = await one.prisma.auditEntry.create({ data: { action: 'a', detail: 'detail 1' } })
  await two.prisma.auditEntry.findFirst()
  two.kms.latencyMs = 150
  const updating = two.prisma.auditEntry.update({
    where: { id },
    data: { detail: 'detail 2' },
    select: { id: true },
  })
  void updating.then(() => null)
  await sleep(60) // it has read the row, in which only `detail` needs the old entry
  await one.prisma.auditEntry.update({ where: { id }, data: { payload: { late: true } } })
  await updating
  two.kms.latencyMs = 0
  expect(await two.prisma.auditEntry.findUnique({ where: { id } })).toMatchObject({
    detail: 'detail 2',
    payload: { late: true },
  })
  const { encrypted_kms_key: entries } = await database.stored('audit.audit_entries', id, 'entry_id')
  expect(String(entries).split(' ')).toHaveLength(2)
})

test.each([
  ['JSON null', Prisma.JsonNull],
  ['SQL NULL', Prisma.DbNull],
])('%s among the siblings is no conflict', async (_, notes) => {
  const { id } = await database.connect(versionsAt(1)).prisma.user.create({ data: { name: 'x', notes } })
  const { prisma, kms } = database.connect(versionsAt(2))
  expect(await prisma.user.update({ where: { id }, data: { email: 'e' } })).toMatchObject({
    email: 'e',
    notes: null,
  })
  expect(kms.counts.wrap.calls).toBe(1)
})

test('a missing nested connect stays P2025 after one more attempt, Bytes among the siblings', async () => {
  const { id } = await createUnderVersion1()
  const { prisma, kms } = database.connect(versionsAt(2))
  const update = { email: 'e', org: { connect: { id: 99_999 } } }
  expect(await codeOf(prisma.user.update({ where: { id }, data: update }))).toBe('P2025')
  expect(kms.counts.wrap.calls).toBeLessThanOrEqual(2)
})

test('rows with several entries are read in one unwrap pass, only the entries that are needed', async () => {
  const { id } = await createUnderVersion1()
  const client = database.connect(versionsAt(2))
  await client.prisma.user.update({ where: { id }, data: { email: 'email 2' } })
  forget(client)
  await client.prisma.user.findUnique({ where: { id }, select: { email: true } })
  expect(client.kms.log).toEqual([{ operation: 'unwrap', keyId: 'local/next', items: 1 }])
  forget(client)
  await client.prisma.user.findUnique({ where: { id } })
  expect(client.kms.log.map(({ keyId, items }) => [keyId, items]).sort()).toEqual([
    ['local/app', 1],
    ['local/next', 1],
  ])
})

test('the bare entry of an old row is usable as it is after a switch, without a write', async () => {
  const { id } = await createUnderVersion1()
  const [before] = await entriesOf(id)
  expect(await database.connect(versionsAt(2)).prisma.user.findUnique({ where: { id } })).toMatchObject({
    name: 'name 1',
  })
  expect(await entriesOf(id)).toEqual([before])
})

test('a server that does not know the newest version yet keeps its entry beside a fresh one of its own', async () => {
  const { id } = await database
    .connect(versionsAt(2))
    .prisma.user.create({ data: { name: 'name 2', email: 'email 2' } })
  const { prisma } = database.connect()
  expect(await codeOf(prisma.user.findUnique({ where: { id } }))).toBe('UNKNOWN_KEY_VERSION')
  expect(await codeOf(prisma.user.update({ where: { id }, data: { email: 'email 1' } }))).toBe(
    'UNKNOWN_KEY_VERSION',
  )
  await prisma.user.update({ where: { id }, data: { email: 'email 1' }, select: { id: true } })
  expect(await prisma.user.findUnique({ where: { id }, select: { email: true } })).toEqual({
    email: 'email 1',
  })
  const found = await database.connect(versionsAt(2)).prisma.user.findUnique({ where: { id } })
  expect(found).toMatchObject({ name: 'name 2', email: 'email 1' })
})

test("with rowBinding: 'off' a second entry is refused, a full write is not", async () => {
  const at = (current: 1 | 2) => {
    const { versions } = versionsAt(current).keys.default
    const context = () => ({ app: 'mine' })
    return database.connect({
      keys: { default: { current, versions, context, rowBinding: 'off' }, phone: { keyId: 'local/phone' } },
    }).prisma
  }
  const { id } = await at(1).user.create({ data: { name: 'name 1', email: 'email 1' } })
  expect(await codeOf(at(2).user.update({ where: { id }, data: { email: 'x' } }))).toBe(
    'UNSUPPORTED_OPERATION',
  )
  await at(2).user.update({ where: { id }, data: { name: 'name 2', email: 'email 2' } })
  expect(await at(2).user.findUnique({ where: { id } })).toMatchObject({ name: 'name 2', email: 'email 2' })
})
