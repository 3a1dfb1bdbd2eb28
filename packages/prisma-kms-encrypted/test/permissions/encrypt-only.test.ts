/** An encrypt-only server: every write works without a single unwrap, and what it cannot know is refused or left out. */
import { Prisma } from '../generated/prisma/client.js'
import { codeOf as codeThrown } from '../kms/code-of.js'
import { codeOf, errorOf, forget, useExtendedDatabase } from '../support/extended-database.js'
import { withoutDecryption } from '../../src/extension/stored-values.js'

const database = useExtendedDatabase()

let client: ReturnType<typeof database.connect>
beforeEach(() => {
  client = database.connect({ mode: 'encrypt-only' })
})
afterEach(() => {
  expect(client.kms.counts.unwrap.calls).toBe(0)
})

const full = {
  name: 'name 1',
  email: 'email 1',
  notes: { n: 1 },
  avatar: new Uint8Array([1]),
  phone: '+1',
}

async function entriesOf(id: number): Promise<number> {
  const { encryptedKmsKey } = await database.stored('"User"', id)
  return encryptedKmsKey === null ? 0 : String(encryptedKmsKey).split(' ').length
}

describe('writes', () => {
  test('create returns every value from memory', async () => {
    const created = await client.prisma.user.create({ data: full })
    expect(created).toMatchObject(full)
    expect(await database.reader.user.findUnique({ where: { id: created.id } })).toMatchObject(full)
  })

  test('a partial update appends a fresh entry, keeps what the other fields need, and returns only what it wrote', async () => {
    const { id } = await client.prisma.user.create({ data: full })
    const updated = await client.prisma.user.update({
      where: { id },
      data: { email: 'email 2', nickname: 'nick' },
    })
    expect(updated).toMatchObject({ id, email: 'email 2', nickname: 'nick' })
    expect(Object.keys(updated)).not.toEqual(expect.arrayContaining(['name']))
    expect(JSON.parse(JSON.stringify(updated))).not.toHaveProperty('phone')
    expect(codeThrown(() => updated.name)).toBe('DECRYPT_NOT_PERMITTED')
    expect(await entriesOf(id)).toBe(2)
    expect(await database.reader.user.findUnique({ where: { id } })).toMatchObject({
      ...full,
      email: 'email 2',
    })
  })

  test('entries are bounded by fields + 1, whatever is written, and every field opens', async () => {
    const { id } = await client.prisma.user.create({ data: full })
    const expected: Record<string, unknown> = { ...full }
    const writes = [
      { email: 'a' },
      { name: 'b', email: null },
      { notes: { deep: [1] } },
      { avatar: new Uint8Array([9]), phone: '+2' },
      { email: 'c' },
      { phone: null, notes: 2 },
      { name: 'd', email: 'e', notes: 'f', avatar: new Uint8Array([7]) },
    ]
    for (let round = 0; round < 21; round++) {
      const data = writes[(round * 3) % writes.length] ?? {}
      Object.assign(expected, data)
      await client.prisma.user.update({ where: { id }, data, select: { id: true } })
      expect(await entriesOf(id)).toBeLessThanOrEqual(5)
    }
    expect(await database.reader.user.findUnique({ where: { id } })).toMatchObject(expected)
  })

  test('a full write leaves one entry', async () => {
    const { id } = await client.prisma.post.create({
      data: { title: 't', body: 'one', author: { create: { name: 'n' } } },
    })
    await client.prisma.post.update({ where: { id }, data: { body: 'two' } })
    const { encryptedKmsKey } = await database.stored('"Post"', id)
    expect(encryptedKmsKey).not.toContain(' ')
    expect((await database.reader.post.findUnique({ where: { id } }))?.body).toBe('two')
  })

  test('a field set to null and then again', async () => {
    const { id } = await client.prisma.post.create({
      data: { title: 't', body: 'one', author: { create: { name: 'n' } } },
    })
    await client.prisma.post.update({ where: { id }, data: { body: null } })
    const updated = await client.prisma.post.update({ where: { id }, data: { body: 'two' } })
    expect(updated.body).toBe('two')
    expect((await database.reader.post.findUnique({ where: { id } }))?.body).toBe('two')
  })

  test('interactive transactions, with two writes of one row in it', async () => {
    const { id } = await client.prisma.user.create({ data: full })
    await client.prisma.$transaction(async (tx) => {
      await tx.user.update({ where: { id }, data: { email: 'tx 1' } })
      await tx.user.update({ where: { id }, data: { phone: 'tx 2' } })
      await tx.user.update({ where: { id }, data: { notes: 'tx 3' } })
    })
    expect(await database.reader.user.findUnique({ where: { id } })).toMatchObject({
      ...full,
      email: 'tx 1',
      phone: 'tx 2',
      notes: 'tx 3',
    })
  })

  test('batch transactions', async () => {
    const { id } = await client.prisma.user.create({ data: full })
    const [first, second] = await client.prisma.$transaction([
      client.prisma.user.update({ where: { id }, data: { email: 'batch 1' } }),
      client.prisma.user.update({ where: { id }, data: { name: 'batch 2' } }),
    ])
    expect(first.email).toBe('batch 1')
    expect(second.name).toBe('batch 2')
    expect(codeThrown(() => second.email)).toBe('DECRYPT_NOT_PERMITTED')
    expect(await database.reader.user.findUnique({ where: { id } })).toMatchObject({
      ...full,
      email: 'batch 1',
      name: 'batch 2',
    })
  })

  test('updateMany and updateManyAndReturn', async () => {
    const role = 'ADMIN'
    const ids = await Promise.all(
      [1, 2, 3].map(async () => (await client.prisma.user.create({ data: { ...full, role } })).id),
    )
    const where = { id: { in: ids } }
    expect(await client.prisma.user.updateMany({ where, data: { email: 'many' } })).toEqual({ count: 3 })
    const rows = await client.prisma.user.updateManyAndReturn({ where, data: { phone: 'many' } })
    expect(rows.map(({ phone }) => phone)).toEqual(['many', 'many', 'many'])
    expect(Object.keys(rows[0] ?? {})).not.toContain('email')
    for (const row of await database.reader.user.findMany({ where }))
      expect(row).toMatchObject({ ...full, email: 'many', phone: 'many' })
  })

  test('upsert: both sides, at the root and nested', async () => {
    const upsert = (email: string) =>
      client.prisma.user.upsert({
        where: { handle: 'upsert' },
        create: { handle: 'upsert', name: 'created', email },
        update: { email, profile: { upsert: { create: { bio: 'b 1' }, update: { headline: email } } } },
        include: { profile: true },
      })
    const created = await upsert('e 1')
    expect(created).toMatchObject({ name: 'created', email: 'e 1' })
    const updated = await upsert('e 2')
    expect(updated.email).toBe('e 2')
    expect(updated.profile?.bio).toBe('b 1')
    const again = await upsert('e 3')
    expect(again.profile?.headline).toBe('e 3')
    expect(codeThrown(() => again.profile?.bio)).toBe('DECRYPT_NOT_PERMITTED')
    expect(
      await database.reader.user.findUnique({ where: { handle: 'upsert' }, include: { profile: true } }),
    ).toMatchObject({ name: 'created', email: 'e 3', profile: { bio: 'b 1', headline: 'e 3' } })
  })

  test('nested updates, creates and connectOrCreate', async () => {
    const { id } = await client.prisma.user.create({
      data: {
        ...full,
        posts: {
          create: [
            { title: 'a', body: 'a' },
            { title: 'b', body: 'b' },
          ],
        },
      },
    })
    const [a, b] = await client.prisma.post.findMany({
      where: { authorId: id },
      select: { id: true },
      orderBy: { title: 'asc' },
    })
    const updated = await client.prisma.user.update({
      where: { id },
      data: { email: 'nested', posts: { update: { where: { id: a?.id ?? 0 }, data: { body: 'a 2' } } } },
      include: { posts: { orderBy: { title: 'asc' } } },
    })
    const bodies = updated.posts.map((post) => (Object.keys(post).includes('body') ? post.body : 'left out'))
    expect(bodies).toEqual(['a 2', 'left out'])
    await client.prisma.user.update({
      where: { id },
      data: {
        posts: {
          connectOrCreate: [
            { where: { id: b?.id ?? 0 }, create: { title: 'never', body: 'never' } },
            { where: { id: 999_999 }, create: { title: 'c', body: 'c' } },
          ],
        },
      },
    })
    await client.prisma.user.update({
      where: { id },
      data: { posts: { updateMany: { where: { title: { in: ['b', 'c'] } }, data: { body: 'many' } } } },
    })
    const read = await database.reader.user.findUnique({
      where: { id },
      include: { posts: { orderBy: { title: 'asc' } } },
    })
    expect(read).toMatchObject({ ...full, email: 'nested' })
    expect(read?.posts.map(({ body }) => body)).toEqual(['a 2', 'many', 'many'])
  })

  test('two nested writes of one record keep both values', async () => {
    const { id, posts } = await client.prisma.user.create({
      data: { ...full, posts: { create: { title: 'x', body: 'one', comments: { create: { text: 'c' } } } } },
      include: { posts: true },
    })
    const postId = posts[0]?.id ?? 0
    await client.prisma.post.update({
      where: { id: postId },
      data: {
        body: 'two',
        author: { update: { email: 'by post', editedPosts: { connect: { id: postId } } } },
      },
    })
    await client.prisma.post.update({
      where: { id: postId },
      data: { author: { update: { email: 'author' } }, editor: { update: { phone: 'editor' } } },
    })
    await client.prisma.post.update({
      where: { id: postId },
      data: { author: { update: { name: 'author' } }, editor: { update: { notes: 'editor' } } },
    })
    expect(await database.reader.user.findUnique({ where: { id } })).toMatchObject({
      ...full,
      name: 'author',
      email: 'author',
      notes: 'editor',
      phone: 'editor',
    })
    expect((await database.reader.post.findUnique({ where: { id: postId } }))?.body).toBe('two')
  })

  test('connecting a record and deleting one return them without what cannot be opened', async () => {
    const other = await client.prisma.user.create({ data: full })
    const post = await client.prisma.post.create({
      data: { title: 't', body: 'fresh', author: { connect: { id: other.id } } },
      include: { author: true },
    })
    expect(post.body).toBe('fresh')
    expect(Object.keys(post.author)).not.toContain('email')
    expect(codeThrown(() => post.author.email)).toBe('DECRYPT_NOT_PERMITTED')
    const deleted = await client.prisma.user.delete({ where: { id: other.id } })
    expect(deleted.id).toBe(other.id)
    expect(Object.keys(deleted)).not.toContain('email')
    expect(await database.reader.user.findUnique({ where: { id: other.id } })).toBeNull()
  })

  test('required, text and compound ids', async () => {
    const { id: userId } = await client.prisma.user.create({ data: full })
    const profile = await client.prisma.profile.create({ data: { bio: 'b', headline: 'h', userId } })
    await client.prisma.profile.update({ where: { userId }, data: { headline: 'h 2' } })
    const org = await client.prisma.org.create({
      data: { name: 'o', members: { create: { userNo: 1, secret: 's' } } },
    })
    await client.prisma.membership.update({
      where: { orgId_userNo: { orgId: org.id, userNo: 1 } },
      data: { secret: 's 2' },
    })
    expect(await database.reader.profile.findUnique({ where: { id: profile.id } })).toMatchObject({
      bio: 'b',
      headline: 'h 2',
    })
    expect(await database.reader.membership.findFirst({ where: { orgId: org.id } })).toMatchObject({
      secret: 's 2',
    })
  })

  test('a missing record stays P2025', async () => {
    const missing = { where: { id: 999_999 }, data: { email: 'e' } }
    expect(await codeOf(client.prisma.user.update(missing))).toBe('P2025')
  })

  test('ciphertext without a key is KEY_MISSING, never a reason to mint one', async () => {
    const { id } = await client.prisma.user.create({ data: full })
    await database.sql('UPDATE "User" SET "encryptedKmsKey" = NULL WHERE id = $1', id)
    const update = client.prisma.user.update({ where: { id }, data: { email: 'e' } })
    expect(await codeOf(update)).toBe('KEY_MISSING')
  })
})

describe('what is refused at planning', () => {
  const where = { id: 1 }

  test.each([
    ['findMany', () => client.prisma.user.findMany()],
    ['findUnique', () => client.prisma.user.findUnique({ where })],
    ['a selected field', () => client.prisma.user.findFirst({ select: { id: true, email: true } })],
    ['a field that omit leaves', () => client.prisma.user.findFirst({ omit: { email: true } })],
    ['an included relation', () => client.prisma.org.findMany({ include: { users: true } })],
    ['a fluent call', () => client.prisma.user.findUnique({ where }).posts()],
    [
      'a selected field of an update',
      () => {
        return client.prisma.user.update({ where, data: { name: 'n' }, select: { email: true } })
      },
    ],
    [
      'a selected field of a delete',
      () => {
        return client.prisma.user.delete({ where, select: { email: true } })
      },
    ],
    [
      'a field that only one side of an upsert writes',
      () => {
        const create = { name: 'n', email: 'e' }
        return client.prisma.user.upsert({ where, create, update: { name: 'n' }, select: { email: true } })
      },
    ],
    [
      'a selected field of a connected record',
      () => {
        const data = { title: 't', author: { connect: { id: 1 } } }
        return client.prisma.post.create({ data, select: { author: { select: { email: true } } } })
      },
    ],
    [
      'a selected field of records beside the written ones',
      () => {
        const data = { posts: { create: { title: 't', body: 'b' } } }
        return client.prisma.user.update({ where, data, select: { posts: { select: { body: true } } } })
      },
    ],
    [
      'a search by an index that has to be checked',
      () => {
        return client.prisma.account.findUnique({ where: { email: 'e' }, select: { id: true } })
      },
    ],
    [
      'a search by a truncated index',
      () => {
        return client.prisma.account.findMany({ where: { city: 'c' }, select: { id: true } })
      },
    ],
    [
      'an update by an index that has to be checked',
      () => {
        return client.prisma.account.update({
          where: { email: 'e' },
          data: { label: 'l' },
          select: { id: true },
        })
      },
    ],
    [
      'an upsert by an index that has to be checked',
      () => {
        return client.prisma.account.upsert({
          where: { email: 'e' },
          create: {},
          update: {},
          select: { id: true },
        })
      },
    ],
    [
      'a nested search by an index that has to be checked',
      () => {
        const accounts = { where: { email: 'e' }, select: { id: true } }
        return client.prisma.user.findMany({ select: { accounts } })
      },
    ],
    ['$kms.openRows', () => client.prisma.$kms.openRows('User', [{ id: 1 }])],
  ])('%s', async (_, run) => {
    await client.prisma.$kms.seal('User', { email: 'index keys are loaded' }, { id: 1 })
    forget(client)
    const error = await errorOf(run())
    expect(error.code).toBe('DECRYPT_NOT_PERMITTED')
    expect(client.queries).toEqual([])
    expect(client.kms.totalCalls).toBe(0)
  })
})

describe('what works', () => {
  test('reads of plain fields, counts, filters by null, and by an index that is not checked', async () => {
    const { id } = await client.prisma.user.create({ data: full })
    const account = await client.prisma.account.create({ data: { badge: 'b-1', email: 'x@y', label: 'l' } })
    expect(await client.prisma.user.findUnique({ where: { id }, select: { id: true } })).toEqual({ id })
    const omit = { name: true, email: true, notes: true, avatar: true, phone: true }
    expect(await client.prisma.user.findUnique({ where: { id }, omit })).toMatchObject({ id, role: 'MEMBER' })
    expect(await client.prisma.user.count({ where: { email: { not: null } } })).toBeGreaterThan(0)
    expect(
      await client.prisma.account.findUnique({ where: { badge: 'b-1' }, select: { label: true } }),
    ).toEqual({ label: 'l' })
    expect(
      await client.prisma.account.update({
        where: { badge: 'b-1' },
        data: { email: 'z@y' },
        select: { id: true },
      }),
    ).toEqual({ id: account.id })
    expect(await database.reader.account.findUnique({ where: { email: 'z@y' } })).toMatchObject({
      badge: 'b-1',
    })
  })

  test('selecting what this very write knows', async () => {
    const created = await client.prisma.user.create({
      data: { name: 'n', email: 'e', posts: { create: [{ title: 't', body: 'b' }] } },
      select: { email: true, phone: true, posts: { select: { body: true } } },
    })
    expect(created).toEqual({ email: 'e', phone: null, posts: [{ body: 'b' }] })
    const { id } = await client.prisma.user.create({ data: full })
    const updated = await client.prisma.user.update({
      where: { id },
      data: { email: 'e 2', notes: Prisma.DbNull, profile: { create: { bio: 'b' } } },
      select: { email: true, notes: true, profile: { select: { bio: true, headline: true } } },
    })
    expect(updated).toEqual({ email: 'e 2', notes: null, profile: { bio: 'b', headline: null } })
  })

  test('stored values inside withoutDecryption()', async () => {
    const { id } = await client.prisma.user.create({ data: full })
    const row = await withoutDecryption(() => client.prisma.user.findUnique({ where: { id } }))
    expect(row?.email).toMatch(/^S0UB/)
  })

  test('a client whose global omit hides the encrypted fields reads without a word', async () => {
    const omit = { user: { name: true, email: true, notes: true, avatar: true, phone: true } } as const
    const omitting = database.connect({ mode: 'encrypt-only' }, { prisma: { omit } })
    const { id } = await omitting.prisma.user.create({ data: full })
    expect(await omitting.prisma.user.findUnique({ where: { id } })).toMatchObject({ id })
    expect(omitting.kms.counts.unwrap.calls).toBe(0)
  })

  test('a computed field says so when it needs what is left out', async () => {
    const extended = client.prisma.$extends({
      result: {
        user: {
          shout: { needs: { name: true }, compute: ({ name }) => name.toUpperCase() },
          place: { needs: { nickname: true }, compute: ({ nickname }) => nickname ?? 'none' },
        },
      },
    })
    const { id } = await client.prisma.user.create({ data: full })
    const updated = await extended.user.update({ where: { id }, data: { email: 'e' } })
    expect(updated.place).toBe('none')
    expect(codeThrown(() => updated.shout)).toBe('DECRYPT_NOT_PERMITTED')
  })
})
