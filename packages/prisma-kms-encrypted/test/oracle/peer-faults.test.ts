/** Known faults of earlier libraries for field encryption, each with a test that fails on it. */
import { useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient

beforeAll(() => {
  client = database.connect()
})

const createUser = (data: object = {}) => client.prisma.user.create({ data: { name: 'Ada', ...data } })

describe('`notIn` and `not` return the excluded row, `in` returns nothing', () => {
  test.each([
    ['notIn', { notIn: ['ada@example.com'] }],
    ['not', { not: { equals: 'ada@example.com' } }],
    ['in', { in: ['ada@example.com'] }],
    ['equals', { equals: 'ada@example.com' }],
  ])('without a blind index `%s` is refused before anything is sent', async (_, email) => {
    await createUser({ email: 'ada@example.com' })
    client.queries.length = 0
    await expect(client.prisma.user.findMany({ where: { email } })).rejects.toMatchObject({
      code: 'ENCRYPTED_FILTER',
    })
    expect(client.queries).toEqual([])
  })
})

describe('`update` to null leaves something behind', () => {
  test.each([['null', null] as const, ['{ set: null }', { set: null }] as const])('%s', async (_, email) => {
    const { id } = await createUser({ email: 'ada@example.com', phone: '1' })
    await client.prisma.user.update({ where: { id }, data: { email } })
    const [row] = await database.sql('SELECT email, name, phone FROM "User" WHERE id = $1', id)
    expect(row?.['email']).toBeNull()
    expect(await client.prisma.user.findMany({ where: { id, email: null } })).toMatchObject([
      { name: 'Ada', phone: '1' },
    ])
    expect(await client.prisma.user.findMany({ where: { id, email: { not: null } } })).toEqual([])
  })
})

describe('JSON is corrupted', () => {
  const notes = {
    email: 'in json',
    name: { notes: [{ phone: '1', email: null }] },
    encryptedKmsKey: 'v1:AAAA',
    number: 0.1,
    nested: [[], {}, '', false],
  }

  test('keys that are named like encrypted fields stay content', async () => {
    const { id } = await createUser({ notes })
    expect(await client.prisma.user.findUnique({ where: { id } })).toMatchObject({ notes })
    const [row] = await database.sql('SELECT notes FROM "User" WHERE id = $1', id)
    expect(row?.['notes']).toEqual(expect.stringMatching(/^S0UB/))
  })

  test('`set` inside JSON is content, not an operation', async () => {
    const { id } = await createUser({ notes: {} })
    await client.prisma.user.update({ where: { id }, data: { notes: { set: { email: 'x' } } } })
    expect(await client.prisma.user.findUnique({ where: { id } })).toMatchObject({
      notes: { set: { email: 'x' } },
    })
  })
})

describe('ciphertext that was moved decrypts', () => {
  test('to another column of the same row', async () => {
    const { id } = await createUser({ email: 'ada@example.com' })
    await database.sql('UPDATE "User" SET email = name, name = email WHERE id = $1', id)
    await expect(client.prisma.user.findUnique({ where: { id } })).rejects.toMatchObject({
      code: 'DECRYPTION_FAILED',
    })
  })

  test('to the same column of another row, alone or together with its key', async () => {
    const [one, two] = [await createUser({ email: 'one' }), await createUser({ email: 'two' })]
    const copy = (columns: string) =>
      database.sql(
        `UPDATE "User" t SET ${columns} FROM "User" s WHERE t.id = $1 AND s.id = $2`,
        one.id,
        two.id,
      )
    await copy('email = s.email')
    await expect(client.prisma.user.findUnique({ where: { id: one.id } })).rejects.toMatchObject({
      code: expect.stringMatching(/^(DECRYPTION_FAILED|KEY_MISSING)$/) as unknown,
    })
    await copy('email = s.email, name = s.name, "encryptedKmsKey" = s."encryptedKmsKey"')
    await expect(client.prisma.user.findUnique({ where: { id: one.id } })).rejects.toMatchObject({
      code: 'DECRYPTION_FAILED',
    })
  })
})

describe('the fluent API returns ciphertext', () => {
  test('lists, single records and chains', async () => {
    const { prisma } = client
    const { id } = await createUser({
      posts: { create: { title: 'a', body: 'body' } },
      profile: { create: { bio: 'bio' } },
    })
    const where = { id }
    expect(await prisma.user.findUnique({ where }).posts()).toMatchObject([{ title: 'a', body: 'body' }])
    expect(await prisma.user.findUnique({ where }).posts({ select: { body: true } })).toEqual([
      { body: 'body' },
    ])
    expect(await prisma.user.findUniqueOrThrow({ where }).profile()).toMatchObject({ bio: 'bio' })
    expect(await prisma.user.findFirst({ where }).profile().user()).toMatchObject({ name: 'Ada' })
    expect(await prisma.user.update({ where, data: { nickname: 'x' } }).profile()).toMatchObject({
      bio: 'bio',
    })
    const post = prisma.post.create({ data: { title: 'b', body: 'other', author: { connect: where } } })
    expect(await post.author()).toMatchObject({ name: 'Ada' })
  })
})

describe('`orderBy` is silently dropped', () => {
  test.each([
    ['at the root', () => client.prisma.user.findMany({ orderBy: { email: 'asc' } })],
    ['in a list', () => client.prisma.user.findMany({ orderBy: [{ id: 'asc' }, { name: 'desc' }] })],
    ['of a relation', () => client.prisma.post.findMany({ orderBy: { author: { name: 'asc' } } })],
    ['nested', () => client.prisma.user.findMany({ include: { posts: { orderBy: { body: 'asc' } } } })],
  ])('%s it is refused before anything is sent', async (_, run) => {
    client.queries.length = 0
    await expect(run()).rejects.toMatchObject({ code: 'ENCRYPTED_ORDER' })
    expect(client.queries).toEqual([])
  })
})

describe('a failure to decrypt is only logged', () => {
  test('changed ciphertext throws, and hides nothing else', async () => {
    const [good, bad] = [await createUser({ email: 'good' }), await createUser({ email: 'bad' })]
    // 32 bytes of header and nonce are 43 characters; the next ones are ciphertext.
    const flip = `overlay(email placing CASE WHEN substr(email, 50, 1) = 'A' THEN 'B' ELSE 'A' END from 50)`
    await database.sql(`UPDATE "User" SET email = ${flip} WHERE id = $1`, bad.id)
    await expect(client.prisma.user.findUnique({ where: { id: bad.id } })).rejects.toMatchObject({
      name: 'KmsEncryptedError',
    })
    await expect(
      client.prisma.user.findMany({ where: { id: { in: [good.id, bad.id] } } }),
    ).rejects.toMatchObject({
      name: 'KmsEncryptedError',
    })
    expect(await client.prisma.user.findUnique({ where: { id: good.id } })).toMatchObject({ email: 'good' })
  })

  test('plaintext where ciphertext is expected throws', async () => {
    const { id } = await createUser({ email: 'x' })
    await database.sql(`UPDATE "User" SET email = 'plain@example.com' WHERE id = $1`, id)
    await expect(client.prisma.user.findUnique({ where: { id } })).rejects.toMatchObject({
      code: 'PLAINTEXT_FOUND',
    })
  })

  test('a lost key throws', async () => {
    const { id } = await createUser({ email: 'x' })
    await database.sql('UPDATE "User" SET "encryptedKmsKey" = NULL WHERE id = $1', id)
    await expect(client.prisma.user.findUnique({ where: { id } })).rejects.toMatchObject({
      code: 'KEY_MISSING',
    })
    await expect(client.prisma.user.update({ where: { id }, data: { email: 'y' } })).rejects.toMatchObject({
      code: 'KEY_MISSING',
    })
  })
})
