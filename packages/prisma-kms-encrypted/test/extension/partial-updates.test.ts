/** Updates that set some of a record's encrypted fields: under which key they are sealed, and what stays an error. */
import { Prisma } from '../generated/prisma/client.js'
import {
  codeOf,
  errorOf,
  forget,
  statementsOf,
  useExtendedDatabase,
  type ExtendedClient,
} from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient

beforeAll(() => {
  client = database.connect()
})
beforeEach(() => {
  forget(client)
})

const keyOf = async (id: number) => (await database.stored('"User"', id))['encryptedKmsKey']

/** Runs an update outside and inside an interactive transaction; both must do the same. */
const places = [
  [
    'outside a transaction',
    (use: ExtendedClient, args: Prisma.UserUpdateArgs) => use.prisma.user.update(args),
  ],
  [
    'inside an interactive transaction',
    (use: ExtendedClient, args: Prisma.UserUpdateArgs) =>
      use.prisma.$transaction((tx) => tx.user.update(args)),
  ],
] as const

describe.each(places)('%s', (_, update) => {
  test('a value is sealed under the stored key, the other fields keep their bytes', async () => {
    const { id } = await client.prisma.user.create({
      data: { name: 'Ada', email: 'a', notes: { n: 1 }, phone: '1' },
    })
    const before = await database.stored('"User"', id)
    const updated = await update(client, { where: { id }, data: { email: 'b' } })
    expect(updated).toMatchObject({ name: 'Ada', email: 'b', notes: { n: 1 }, phone: '1' })
    const after = await database.stored('"User"', id)
    const { email, updatedAt } = after
    expect(after).toEqual({ ...before, email, updatedAt })
    expect(email).not.toBe(before['email'])
    expect(await database.reader.user.findUnique({ where: { id } })).toEqual(updated)
  })

  test('every type, { set } included, and back to null', async () => {
    const { id } = await client.prisma.user.create({ data: { name: 'Ada' } })
    const data = {
      name: { set: 'Bob' },
      email: '',
      notes: [null, { set: 1 }],
      avatar: new Uint8Array([0, 1]),
      phone: '☎',
    }
    await update(client, { where: { id }, data })
    const fields = { name: true, email: true, notes: true, avatar: true, phone: true }
    expect(await database.reader.user.findUnique({ where: { id }, select: fields })).toEqual({
      ...data,
      name: 'Bob',
    })
    await update(client, {
      where: { id },
      data: { email: null, notes: Prisma.DbNull, avatar: { set: null }, phone: null },
    })
    expect(await database.reader.user.findUnique({ where: { id }, select: fields })).toEqual({
      name: 'Bob',
      email: null,
      notes: null,
      avatar: null,
      phone: null,
    })
  })

  test("a group's first value gets a fresh key", async () => {
    const { id } = await client.prisma.user.create({ data: { name: 'Ada' } })
    expect(await update(client, { where: { id }, data: { phone: '1' } })).toMatchObject({ phone: '1' })
    expect((await database.stored('"User"', id))['encryptedKmsKeyPhone']).toMatch(/^v1:[A-Za-z0-9+/]+=*$/)
    expect((await database.reader.user.findUnique({ where: { id } }))?.phone).toBe('1')
  })

  test('a value set on a record whose fields had all become null is sealed under its old key', async () => {
    const { id } = await client.prisma.user.create({ data: { name: 'Ada', phone: '1' } })
    await update(client, { where: { id }, data: { phone: null } })
    const before = await database.stored('"User"', id)
    await update(client, { where: { id }, data: { phone: '2' } })
    expect((await database.stored('"User"', id))['encryptedKmsKeyPhone']).toBe(before['encryptedKmsKeyPhone'])
    expect((await database.reader.user.findUnique({ where: { id } }))?.phone).toBe('2')
  })

  test('fields next to each other in two groups', async () => {
    const { id } = await client.prisma.user.create({ data: { name: 'Ada', email: 'a', phone: '1' } })
    const select = { email: true, phone: true }
    expect(await update(client, { where: { id }, data: { email: 'b', phone: '2' }, select })).toEqual({
      email: 'b',
      phone: '2',
    })
  })

  test('ciphertext whose key column was emptied is an error, never a reason for a new key', async () => {
    const { id } = await client.prisma.user.create({ data: { name: 'Ada', email: 'a' } })
    await database.sql('UPDATE "User" SET "encryptedKmsKey" = NULL WHERE id = $1', id)
    const before = await database.stored('"User"', id)
    expect(await codeOf(client.prisma.user.findUnique({ where: { id } }))).toBe('KEY_MISSING')
    expect(await codeOf(update(client, { where: { id }, data: { notes: 1 } }))).toBe('KEY_MISSING')
    expect(await codeOf(update(client, { where: { id }, data: { email: 'b' } }))).toBe('KEY_MISSING')
    expect(
      await codeOf(update(client, { where: { id }, data: { name: 'B', email: 'b' }, select: { id: true } })),
    ).toBe('KEY_MISSING')
    expect(await database.stored('"User"', id)).toEqual(before)
    expect(client.kms.counts.unwrap.calls).toBe(0)
  })

  test('a missing record stays P2025, also by a further condition', async () => {
    const { id } = await client.prisma.user.create({ data: { name: 'Ada', loginCount: 3 } })
    expect(await codeOf(update(client, { where: { id: 999_999 }, data: { email: 'x' } }))).toBe('P2025')
    expect(await codeOf(update(client, { where: { id, loginCount: 4 }, data: { email: 'x' } }))).toBe('P2025')
    expect(await codeOf(update(client, { where: { id, posts: { some: {} } }, data: { email: 'x' } }))).toBe(
      'P2025',
    )
    const where = { id, loginCount: 3, AND: [{ nickname: null }], NOT: { role: 'ADMIN' as const } }
    expect(await update(client, { where, data: { email: 'x' } })).toMatchObject({ email: 'x' })
  })

  test('a missing nested connect stays P2025, and nothing is written', async () => {
    const { id } = await client.prisma.user.create({ data: { name: 'Ada', email: 'a' } })
    forget(client)
    const data = { email: 'b', org: { connect: { id: 999_999 } } }
    expect(await codeOf(update(client, { where: { id }, data }))).toBe('P2025')
    expect(statementsOf(client).length).toBeLessThan(12)
    expect(await database.reader.user.findUnique({ where: { id }, select: { email: true } })).toEqual({
      email: 'a',
    })
  })

  test('a record found by another unique column, which the same update changes', async () => {
    const { id } = await client.prisma.user.create({ data: { name: 'Ada', handle: `old ${_}` } })
    const data = { handle: `new ${_}`, email: 'x' }
    expect(await update(client, { where: { handle: `old ${_}` }, data })).toMatchObject({ id, ...data })
  })

  test('a value that fits no column is refused before anything is sent', async () => {
    const { id } = await client.prisma.user.create({
      data: { name: 'Ada', profile: { create: { bio: 'b' } } },
    })
    forget(client)
    const profile = { update: { headline: 'x'.repeat(150) } }
    expect(await codeOf(update(client, { where: { id }, data: { profile } }))).toBe('VALUE_TOO_LONG')
    expect(await codeOf(update(client, { where: { id }, data: { email: '\ud800' } }))).toBe('INVALID_VALUE')
    expect(statementsOf(client)).not.toContain('UPDATE')
    expect(await keyOf(id)).toMatch(/^v1:/)
  })
})

test.each(['update', 'delete'] as const)('an invalid where is reported as one of %s', async (operation) => {
  const { prisma } = client
  const call = prisma.user[operation] as (args: object) => Promise<unknown> // both take these arguments
  const { message } = await errorOf(
    call({ where: {}, ...(operation === 'update' ? { data: { email: 'e' } } : {}) }),
  )
  expect(message).not.toContain('findUnique')
})

test('the empty string is encrypted', async () => {
  const { id } = await client.prisma.user.create({ data: { name: '' } })
  expect((await database.stored('"User"', id))['name']).toMatch(/^S0UB/)
  expect((await database.reader.user.findUnique({ where: { id } }))?.name).toBe('')
})

test('the key is keyed by the id, whatever type it has', async () => {
  const { prisma } = client
  const owner = await prisma.user.create({ data: { name: 'owner' } })
  const device = await prisma.device.create({ data: { token: new Uint8Array([1]), ownerId: owner.id } })
  const post = await prisma.post.create({ data: { title: 't', authorId: owner.id } })
  const comment = await prisma.comment.create({ data: { text: 'a', postId: post.id } })
  const org = await prisma.org.create({ data: { name: 'o', members: { create: { userNo: 1 } } } })
  const audit = await prisma.auditEntry.create({ data: { action: 'a' } })
  for (const use of [prisma, database.reader]) {
    await use.device.update({ where: { id: device.id.toUpperCase() }, data: { token: new Uint8Array([2]) } })
    await use.comment.update({ where: { id: comment.id }, data: { text: 'b' } })
    await use.membership.update({
      where: { orgId_userNo: { orgId: org.id, userNo: 1 } },
      data: { secret: 's' },
    })
    await use.auditEntry.update({ where: { id: audit.id }, data: { payload: { p: 1 } } })
    await use.$transaction(async (tx) => {
      await tx.device.update({ where: { id: device.id.toUpperCase() }, data: { token: new Uint8Array([2]) } })
      await tx.comment.update({ where: { id: comment.id }, data: { text: 'b' } })
      await tx.membership.update({
        where: { orgId_userNo: { orgId: org.id, userNo: 1 } },
        data: { secret: 's' },
      })
      await tx.auditEntry.update({ where: { id: audit.id }, data: { detail: 'd' } })
    })
  }
  const fresh = database.reader
  expect((await fresh.device.findFirst())?.token).toEqual(new Uint8Array([2]))
  expect((await fresh.comment.findFirst())?.text).toBe('b')
  expect((await fresh.membership.findFirst())?.secret).toBe('s')
  expect(await fresh.auditEntry.findFirst()).toMatchObject({ detail: 'd', payload: { p: 1 } })
})
