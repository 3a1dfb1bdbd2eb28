import { encryptionStatus } from '../../src/rotation/status.js'
import { codeOf, useExtendedDatabase, versionsAt } from '../support/extended-database.js'

const database = useExtendedDatabase()

test('counts rows, key versions, plaintext and missing keys of each key of a model', async () => {
  const first = database.connect(versionsAt(1))
  const second = database.connect(versionsAt(2))
  const create = (client: typeof first, data: object) =>
    client.prisma.user.create({ data: { name: 'n', ...data } })
  for (let n = 0; n < 3; n++) await create(first, { phone: '1', notes: { n } })
  for (let n = 0; n < 2; n++) await create(second, { avatar: Buffer.from('x') })
  await database.sql(
    `INSERT INTO "User" (name, email, notes, avatar, "updatedAt") VALUES
     ('plain', 'a@b.c', '{"a":1}', 'plain', now()), ('plain', NULL, 'null', NULL, now())`,
  )
  await database.sql(`UPDATE "User" SET "encryptedKmsKey" = NULL WHERE id = 1`)
  await database.sql(`UPDATE "User" SET "encryptedKmsKey" = 'v1:nothing secret text' WHERE id = 2`)
  await database.sql(`UPDATE "User" SET "encryptedKmsKey" = 'v7:AAAA' WHERE id = 3`)

  const status = await encryptionStatus(second.prisma.user)
  expect(status.model).toBe('User')
  expect(status.rows).toBe(7)
  expect(status.keys).toEqual([
    {
      key: 'default',
      keyId: 'local/next',
      currentVersion: 2,
      encrypted: 5,
      plaintext: 2,
      empty: 0,
      keysMissing: 1,
      keysUnreadable: 1,
      current: 2,
      outdated: 1,
      versions: [
        { version: 7, keyId: null, rows: 1 },
        { version: 2, keyId: 'local/next', rows: 2 },
        { version: 1, keyId: 'local/app', rows: 0 },
      ],
      fields: [
        { field: 'email', encrypted: 0, plaintext: 1, empty: 6 },
        { field: 'name', encrypted: 5, plaintext: 2, empty: 0 },
        { field: 'notes', encrypted: 3, plaintext: 1, empty: 3 },
        { field: 'avatar', encrypted: 2, plaintext: 1, empty: 4 },
      ],
    },
    {
      key: 'phone',
      keyId: 'local/phone',
      currentVersion: 1,
      encrypted: 3,
      plaintext: 0,
      empty: 4,
      keysMissing: 0,
      keysUnreadable: 0,
      current: 3,
      outdated: 0,
      versions: [{ version: 1, keyId: 'local/phone', rows: 3 }],
      fields: [{ field: 'phone', encrypted: 3, plaintext: 0, empty: 4 }],
    },
  ])
  expect(JSON.stringify(status)).not.toContain('secret text')
  expect((await encryptionStatus(second.prisma.user, { key: 'phone' })).keys).toEqual([status.keys[1]])
})

test('reading page by page, as on other databases, gives the same as one statement', async () => {
  const client = database.connect(versionsAt(2))
  const bySql = await encryptionStatus(client.prisma.user)
  const paged = database.connect(versionsAt(2))
  Object.assign(paged.plain, { _activeProvider: 'another' })
  paged.queries.length = 0
  expect(await encryptionStatus(paged.prisma.user)).toEqual(bySql)
  expect(paged.queries.every(({ sql }) => sql.startsWith('SELECT "public"."User"."id"'))).toBe(true)
})

test('tells how much of a field its blind indexes cover', async () => {
  const { prisma } = database.connect()
  for (let n = 0; n < 4; n++) await prisma.account.create({ data: { email: `${n}@b.c`, phone: `${n}` } })
  await database.sql(`UPDATE "Account" SET "emailBidx" = NULL WHERE id = 1`)
  await database.sql(`UPDATE "Account" SET phone = NULL WHERE id = 2`)
  const { indexes } = await encryptionStatus(prisma.account)
  expect(indexes.map(({ index, values, indexed, stale }) => [index, values, indexed, stale])).toEqual([
    ['emailBidx', 4, 3, 0],
    ['phoneBidx', 3, 3, 1],
    ['cityBidx', 0, 0, 0],
    ['taxIdBidx', 0, 0, 0],
    ['badgeBidx', 0, 0, 0],
  ])
})

test('is one statement on PostgreSQL, whatever the model has, and calls no key service', async () => {
  const client = database.connect()
  for (const name of ['user', 'comment', 'auditEntry', 'membership', 'device', 'account'] as const) {
    client.queries.length = 0
    await encryptionStatus(client.prisma[name])
    expect(client.queries.map(({ sql }) => sql.slice(0, 6))).toEqual(['SELECT'])
  }
  expect(client.kms.totalCalls).toBe(0)
})

test('entries of several versions in one key column are counted for each', async () => {
  const { prisma } = database.connect(versionsAt(2))
  const label = Buffer.alloc(16).toString('base64url')
  const other = Buffer.alloc(16, 1).toString('base64url')
  await database.sql(`UPDATE "User" SET "encryptedKmsKey" = 'v2:AAAA.${label} v1:AAAA.${other}' WHERE id = 4`)
  const [key] = (await encryptionStatus(prisma.user)).keys
  expect(key?.versions.map(({ version, rows }) => [version, rows])).toEqual([
    [7, 1],
    [2, 2],
    [1, 1],
  ])
  expect([key?.current, key?.outdated]).toEqual([1, 2])
})

test('refuses what is no encrypted model, an unknown key, and ends when aborted', async () => {
  const { prisma, plain } = database.connect()
  expect(await codeOf(encryptionStatus(plain.user))).toBe('INVALID_CONFIGURATION')
  expect(await codeOf(encryptionStatus(prisma.org))).toBe('INVALID_CONFIGURATION')
  expect(await codeOf(encryptionStatus(prisma.user, { key: 'fax' }))).toBe('INVALID_CONFIGURATION')
  expect(await codeOf(encryptionStatus(prisma.user, { keys: 'phone' } as object))).toBe(
    'INVALID_CONFIGURATION',
  )
  const aborted = encryptionStatus(prisma.user, { signal: AbortSignal.abort() })
  await expect(aborted).rejects.toThrow(/abort/i)
})
