/** Raw SQL beside the extension: `$kms.openRows`, `$kms.seal`, `$kms.context`, `$kms.flush`. */
import { createIndexKey } from '../../src/index.js'
import { localKms } from '../../src/providers/local.js'
import { localKeys } from '../support/extended-client.js'
import { codeOf, forget, useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient
beforeAll(() => {
  client = database.connect()
})

type Rows = Record<string, unknown>[]

describe('openRows', () => {
  test('rows of $queryRaw, all columns', async () => {
    const { prisma } = client
    const { id } = await prisma.user.create({
      data: {
        name: 'Ada',
        email: 'ada@example.com',
        phone: '1',
        notes: { a: [1] },
        avatar: new Uint8Array([7]),
      },
    })
    const rows = await prisma.$queryRaw<Rows>`SELECT * FROM "User" WHERE id = ${id}`
    expect(rows[0]?.['name']).toMatch(/^S0UB/)
    const [opened] = await prisma.$kms.openRows('User', rows)
    expect(opened).toMatchObject({ id, name: 'Ada', email: 'ada@example.com', phone: '1', notes: { a: [1] } })
    expect(Buffer.from(opened?.['avatar'] as Uint8Array)).toEqual(Buffer.from([7]))
    expect(rows[0]?.['name']).toMatch(/^S0UB/) // the given rows stay as they are
  })

  test('columns beside those of the model, other order, nulls', async () => {
    const { prisma } = client
    const { id } = await prisma.user.create({ data: { name: 'Ada' } })
    const rows = await prisma.$queryRaw<Rows>`
      SELECT 5 AS five, email, name, "encryptedKmsKey", id FROM "User" WHERE id = ${id}`
    const opened = await prisma.$kms.openRows('User', rows)
    expect(opened).toEqual([
      { five: 5, email: null, name: 'Ada', encryptedKmsKey: rows[0]?.['encryptedKmsKey'], id },
    ])
  })

  test('BigInt ids and mapped columns, under the names of columns or of fields', async () => {
    const { prisma } = client
    const { id: authorId } = await prisma.user.create({ data: { name: 'Ada' } })
    const post = await prisma.post.create({ data: { title: 't', authorId } })
    const { id } = await prisma.comment.create({ data: { text: 'hello', postId: post.id } })
    expect(typeof id).toBe('bigint')
    const columns = await prisma.$queryRaw<Rows>`SELECT * FROM comments WHERE id = ${id}`
    expect(await prisma.$kms.openRows('Comment', columns)).toMatchObject([
      { id, comment_text: 'hello', post_id: post.id },
    ])
    const fields = await prisma.$queryRaw<Rows>`
      SELECT id, comment_text AS text, encrypted_kms_key AS "encryptedKmsKey" FROM comments WHERE id = ${id}`
    expect(await prisma.$kms.openRows('Comment', fields)).toMatchObject([{ id, text: 'hello' }])
  })

  test('a mapped model of another schema, and a compound id', async () => {
    const { prisma } = client
    const { id } = await prisma.auditEntry.create({ data: { action: 'a', detail: 'd', payload: { p: 1 } } })
    const entries = await prisma.$queryRaw<Rows>`SELECT * FROM audit.audit_entries WHERE entry_id = ${id}`
    expect(await prisma.$kms.openRows('AuditEntry', entries)).toMatchObject([
      { entry_id: id, detail_text: 'd', payload_json: { p: 1 } },
    ])
    const org = await prisma.org.create({ data: { name: 'o' } })
    await prisma.membership.create({ data: { orgId: org.id, userNo: 7, secret: 's' } })
    const members = await prisma.$queryRaw<Rows>`SELECT * FROM "Membership" WHERE "orgId" = ${org.id}`
    expect(await prisma.$kms.openRows('Membership', members)).toMatchObject([{ userNo: 7, secret: 's' }])
  })

  test('many rows cost one call; no rows none', async () => {
    const { prisma, kms } = client
    await prisma.user.createMany({
      data: Array.from({ length: 20 }, (_, n) => ({ name: `raw ${n}`, nickname: 'raw' })),
    })
    const rows = await prisma.$queryRaw<Rows>`SELECT * FROM "User" WHERE nickname = 'raw' ORDER BY id`
    forget(client)
    expect((await prisma.$kms.openRows('User', rows)).map(({ name }) => name)).toEqual(
      rows.map((_, n) => `raw ${n}`),
    )
    expect(await prisma.$kms.openRows('User', [])).toEqual([])
    expect(kms.counts.unwrap).toEqual({ calls: 1, items: 20 })
  })

  test.each<[string, string, string]>([
    ['without the key column', 'id, name', 'KEY_MISSING'],
    ['without the id', 'name, "encryptedKmsKey"', 'INVALID_CONTEXT'],
    ['of another row', 'id + 1 AS id, name, "encryptedKmsKey"', 'DECRYPTION_FAILED'],
    ['with plaintext', `id, 'plain' AS name, "encryptedKmsKey"`, 'PLAINTEXT_FOUND'],
  ])('rows %s are refused', async (_, columns, code) => {
    const { prisma } = client
    const { id } = await prisma.user.create({ data: { name: 'Ada' } })
    const rows = await prisma.$queryRawUnsafe<Rows>(`SELECT ${columns} FROM "User" WHERE id = ${id}`)
    expect(await codeOf(prisma.$kms.openRows('User', rows))).toBe(code)
  })

  test('an unknown or plain model is refused', async () => {
    const { prisma } = client
    expect(await codeOf(prisma.$kms.openRows('Nobody' as never, []))).toBe('INVALID_CONFIGURATION')
    expect(await codeOf(prisma.$kms.openRows('Org' as never, []))).toBe('INVALID_CONFIGURATION')
  })
})

describe('seal', () => {
  test('prepares a raw INSERT that Prisma reads', async () => {
    const { prisma } = client
    const id = 50_001
    const sealed = await prisma.$kms.seal(
      'User',
      { name: 'raw', email: 'raw@example.com', phone: '5', nickname: 'n' },
      { id },
    )
    expect(sealed).toMatchObject({ id, nickname: 'n' })
    expect(JSON.stringify(sealed)).not.toContain('raw@example.com')
    await prisma.$executeRaw`
      INSERT INTO "User" (id, name, email, phone, nickname, "encryptedKmsKey", "encryptedKmsKeyPhone", "updatedAt")
      VALUES (${id}, ${sealed['name']}, ${sealed['email']}, ${sealed['phone']}, ${sealed['nickname']},
        ${sealed['encryptedKmsKey']}, ${sealed['encryptedKmsKeyPhone']}, now())`
    expect(await prisma.user.findUnique({ where: { id } })).toMatchObject({
      name: 'raw',
      email: 'raw@example.com',
      phone: '5',
      nickname: 'n',
    })
    await prisma.user.update({ where: { id }, data: { email: 'changed' } })
    expect(await prisma.user.findUnique({ where: { id } })).toMatchObject({ name: 'raw', email: 'changed' })
  })

  test('fills index columns, so that the record is found', async () => {
    const { prisma } = client
    const id = 50_002
    const sealed = await prisma.$kms.seal(
      'Account',
      { email: 'Raw@Example.com', badge: 'RAW', city: 'Bonn' },
      { id },
    )
    await prisma.$executeRaw`
      INSERT INTO "Account" (id, email, "emailBidx", badge, badge_bidx, city, "cityBidx", "encryptedKmsKey", "updatedAt")
      VALUES (${id}, ${sealed['email']}, ${sealed['emailBidx']}, ${sealed['badge']}, ${sealed['badgeBidx']},
        ${sealed['city']}, ${sealed['cityBidx']}, ${sealed['encryptedKmsKey']}, now())`
    expect(await prisma.account.findUnique({ where: { email: 'raw@example.com' } })).toMatchObject({
      id,
      badge: 'RAW',
    })
    expect(await prisma.account.findUnique({ where: { badge: 'RAW' }, select: { id: true } })).toEqual({ id })
    expect(await prisma.account.findMany({ where: { city: 'bonn' }, select: { id: true } })).toEqual([{ id }])
  })

  test('compound and BigInt ids', async () => {
    const { prisma } = client
    const org = await prisma.org.create({ data: { name: 'o' } })
    const id = { orgId: org.id, userNo: 8 }
    const member = await prisma.$kms.seal('Membership', { secret: 's' }, { id })
    await prisma.$executeRaw`INSERT INTO "Membership" ("orgId", "userNo", secret, "encryptedKmsKey")
      VALUES (${member['orgId']}, ${member['userNo']}, ${member['secret']}, ${member['encryptedKmsKey']})`
    expect(await prisma.membership.findUnique({ where: { orgId_userNo: id } })).toMatchObject({ secret: 's' })
    const comment = await prisma.$kms.seal('Comment', { text: 't' }, { id: 900_719_925_474_099_300n })
    expect(comment['id']).toBe(900_719_925_474_099_300n)
    const rows = [
      { id: comment['id'], comment_text: comment['text'], encrypted_kms_key: comment['encryptedKmsKey'] },
    ]
    expect(await prisma.$kms.openRows('Comment', rows)).toMatchObject([{ comment_text: 't' }])
  })

  test('refuses managed columns, values that cannot be stored, and an id of another type', async () => {
    const { $kms } = client.prisma
    expect(await codeOf($kms.seal('User', { encryptedKmsKey: 'v1:AAAA' }, { id: 1 }))).toBe('MANAGED_COLUMN')
    expect(await codeOf($kms.seal('User', { name: '\ud800' }, { id: 1 }))).toBe('INVALID_VALUE')
    expect(await codeOf($kms.seal('Profile', { headline: 'x'.repeat(103) }, { id: 'p' }))).toBe(
      'VALUE_TOO_LONG',
    )
    expect(await codeOf($kms.seal('User', { name: 'x' }, { id: 'one' }))).toBe('INVALID_CONTEXT')
  })
})

describe('context', () => {
  test('is what the key service gets', () => {
    const { $kms } = client.prisma
    expect($kms.context('User', 42)).toEqual({ model_name: 'User', model_id: '42' })
    expect($kms.context('User', 42, 'phone')).toEqual({ model_name: 'User', model_id: '42' })
    expect($kms.context('Comment', 42n)).toEqual({ model_name: 'Comment', model_id: '42' })
    expect($kms.context('Device', '0F8FAD5B-D9CB-469F-A165-70867728950E')).toEqual({
      model_name: 'Device',
      model_id: '0f8fad5b-d9cb-469f-a165-70867728950e',
    })
    expect($kms.context('Membership', { orgId: 1, userNo: 2 })).toEqual({
      model_name: 'Membership',
      model_id: '["1","2"]',
    })
    expect(() => $kms.context('User', 42, 'nothing')).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIGURATION' }) as Error,
    )
  })
})

describe('flush', () => {
  test('makes the next use ask the key service again: for data keys and for the index key', async () => {
    const providers = [localKms({ keys: localKeys })]
    const indexKey = await createIndexKey({ keyId: 'local/app', providers })
    const cached = database.connect({ cache: { maxEntries: 10, ttlMs: 60_000 }, indexKey })
    const { id } = await cached.prisma.user.create({ data: { name: 'Ada' } })
    await cached.prisma.account.create({ data: { email: 'flushed@example.com' } })
    const asked: object[] = []
    cached.kms.fault = ({ item }) => {
      asked.push(item.context)
      return undefined
    }
    const read = async () => {
      expect(await cached.prisma.user.findUnique({ where: { id } })).toMatchObject({ name: 'Ada' })
      const where = { email: 'flushed@example.com' }
      expect(await cached.prisma.account.findUnique({ where })).toMatchObject(where)
    }
    await read()
    asked.length = 0
    await read()
    expect(asked).toEqual([])
    cached.prisma.$kms.flush()
    await read()
    expect(asked).toHaveLength(3)
    expect(asked).toEqual(
      expect.arrayContaining([
        { purpose: 'blind-index' },
        cached.prisma.$kms.context('User', id),
        expect.objectContaining({ model_name: 'Account' }),
      ]),
    )
  })
})
