import { createIndexKey } from '../../src/extension/index-key.js'
import { localKms } from '../../src/providers/local.js'
import { indexKey, localKeys } from '../support/extended-client.js'
import { useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient

beforeAll(() => {
  client = database.connect()
})
beforeEach(() => database.sql('DELETE FROM "Account"'))

const create = (data: object) => client.prisma.account.create({ data })

test('an index is filled, follows its field, and is cleared with it', async () => {
  const { prisma } = client
  const created = await create({ email: '  Ada@Example.com ' })
  expect(created.emailBidx).toMatch(/^[A-Za-z0-9+/]{43}=$/)
  const other = await prisma.account.update({
    where: { id: created.id },
    data: { email: 'grace@example.com' },
  })
  expect(other.emailBidx).not.toBe(created.emailBidx)
  const same = await prisma.account.update({ where: { id: created.id }, data: { email: 'ADA@example.com' } })
  expect(same.emailBidx).toBe(created.emailBidx)
  const cleared = await prisma.account.update({ where: { id: created.id }, data: { email: null } })
  expect(cleared).toMatchObject({ email: null, emailBidx: null })
})

test('unique criteria find, update, upsert, delete and connect by an encrypted field', async () => {
  const { prisma } = client
  const { id } = await create({ email: 'ada@example.com' })
  expect(
    await prisma.account.findUnique({ where: { email: 'ADA@example.com' }, select: { id: true } }),
  ).toEqual({ id })
  expect(await prisma.account.findUnique({ where: { email: 'nobody@example.com' } })).toBeNull()
  await prisma.account.update({ where: { email: 'ada@example.com' }, data: { phone: '123', label: 'l' } })
  const upsert = (email: string) =>
    prisma.account.upsert({
      where: { email },
      create: { email, phone: 'created' },
      update: { phone: 'updated' },
    })
  expect(await upsert('ada@example.com')).toMatchObject({ id, phone: 'updated' })
  expect(await upsert('new@example.com')).toMatchObject({ email: 'new@example.com', phone: 'created' })
  const user = await prisma.user.create({
    data: { name: 'owner', accounts: { connect: { email: 'ada@example.com' } } },
  })
  expect(await prisma.account.findUnique({ where: { id }, select: { ownerId: true } })).toEqual({
    ownerId: user.id,
  })
  expect(await prisma.account.delete({ where: { email: 'ada@example.com' } })).toMatchObject({ id })
})

test('a compound unique criterion with an encrypted field', async () => {
  const { prisma } = client
  const org = await prisma.org.create({ data: { name: 'org' } })
  const { id } = await create({ taxId: 'T-1', orgId: org.id })
  const where = { orgId_taxId: { orgId: org.id, taxId: 'T-1' } }
  expect(await prisma.account.findUnique({ where })).toMatchObject({ id, taxId: 'T-1' })
  expect(await prisma.account.update({ where, data: { taxId: 'T-2' } })).toMatchObject({ id, taxId: 'T-2' })
})

test('filters: equals, in, notIn, not, null, AND, OR, NOT and relations', async () => {
  const { prisma } = client
  const owner = await prisma.user.create({ data: { name: 'owner' } })
  await create({ phone: '+1 (23) 4', ownerId: owner.id, label: 'a' })
  await create({ phone: '555', label: 'b' })
  await create({ label: 'c' })
  const labels = async (where: object) =>
    (await prisma.account.findMany({ where, orderBy: { label: 'asc' }, select: { label: true } })).map(
      ({ label }) => label,
    )
  expect(await labels({ phone: '1234' })).toEqual(['a'])
  expect(await labels({ phone: { equals: '12-34' } })).toEqual(['a'])
  expect(await labels({ phone: { in: ['1234', '555', '9'] } })).toEqual(['a', 'b'])
  expect(await labels({ phone: { notIn: ['1234'] } })).toEqual(['b'])
  expect(await labels({ phone: { not: '1234' } })).toEqual(['b'])
  expect(await labels({ phone: { not: { equals: '1234' } } })).toEqual(['b'])
  expect(await labels({ phone: { not: { in: ['1234'] } } })).toEqual(['b'])
  expect(await labels({ phone: null })).toEqual(['c'])
  expect(await labels({ phone: { not: null } })).toEqual(['a', 'b'])
  expect(await labels({ phone: { not: null, in: ['555'] } })).toEqual(['b'])
  expect(await labels({ OR: [{ phone: '555' }, { label: 'c' }] })).toEqual(['b', 'c'])
  expect(await labels({ NOT: { phone: '555' } })).toEqual(['a'])
  expect(await labels({ AND: [{ phone: '555' }, { label: 'b' }] })).toEqual(['b'])
  expect(
    await prisma.user.findMany({ where: { accounts: { some: { phone: '1234' } } }, select: { id: true } }),
  ).toEqual([{ id: owner.id }])
  expect(await prisma.account.count({ where: { phone: '555' } })).toBe(1)
})

test('operators that an index cannot serve are refused', async () => {
  const { prisma } = client
  for (const where of [
    { phone: { contains: '5' } },
    { phone: { equals: '5', mode: 'insensitive' } },
    { phone: { gt: '5' } },
  ]) {
    await expect(prisma.account.findMany({ where: where as object })).rejects.toMatchObject({
      code: 'ENCRYPTED_FILTER',
    })
  }
})

test('a truncated index finds without false positives, and is refused where they could not be removed', async () => {
  const { prisma } = client
  const cities = Array.from({ length: 64 }, (_, index) => `Город ${index}`)
  await prisma.account.createMany({ data: [...cities, 'Zürich'].map((city) => ({ city, label: city })) })
  for (const city of cities.slice(0, 4)) {
    expect((await prisma.account.findMany({ where: { city } })).map(({ label }) => label)).toEqual([city])
  }
  expect(await prisma.account.findMany({ where: { city: 'ZURICH' }, select: { city: true } })).toEqual([
    { city: 'Zürich' },
  ])
  for (const call of [
    () => prisma.account.findMany({ where: { city: 'x' }, take: 1 }),
    () => prisma.account.findFirst({ where: { city: 'x' } }),
    () => prisma.account.count({ where: { city: 'x' } }),
    () => prisma.account.findMany({ where: { OR: [{ city: 'x' }] } }),
    () => prisma.account.findMany({ where: { city: { not: 'x' } } }),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'ENCRYPTED_FILTER' })
  }
})

test('an index that somebody copied does not let its row be found in place of another', async () => {
  const { prisma } = client
  const victim = await create({ email: 'victim@example.com', badge: 'B-1' })
  const thief = await create({ email: 'thief@example.com', badge: 'B-2' })
  await database.sql('UPDATE "Account" SET "emailBidx"=NULL, badge_bidx=NULL WHERE id=$1', victim.id)
  await database.sql(
    'UPDATE "Account" SET "emailBidx"=$2, badge_bidx=$3 WHERE id=$1',
    thief.id,
    victim.emailBidx,
    victim.badgeBidx,
  )
  const where = { email: 'victim@example.com' }
  const mismatch = { code: 'INDEX_MISMATCH' }
  await expect(prisma.account.findUnique({ where })).rejects.toMatchObject(mismatch)
  await expect(prisma.account.findUnique({ where, select: { id: true } })).rejects.toMatchObject(mismatch)
  await expect(prisma.account.findMany({ where })).rejects.toMatchObject(mismatch)
  await expect(prisma.account.update({ where, data: { label: 'x' } })).rejects.toMatchObject(mismatch)
  await expect(prisma.account.update({ where, data: { phone: 'x' } })).rejects.toMatchObject(mismatch)
  await expect(prisma.account.upsert({ where, create: {}, update: { label: 'x' } })).rejects.toMatchObject(
    mismatch,
  )
  await expect(prisma.account.delete({ where })).rejects.toMatchObject(mismatch)
  expect(await prisma.account.findUnique({ where: { badge: 'B-1' }, select: { id: true } })).toEqual({
    id: thief.id,
  })
  expect(await prisma.account.count()).toBe(2)
})

test('index columns cannot be written by callers', async () => {
  await expect(create({ emailBidx: 'x' })).rejects.toMatchObject({ code: 'MANAGED_COLUMN' })
})

test('a unique violation names the field, not its index column', async () => {
  const { prisma } = client
  await create({ email: 'ada@example.com' })
  const error = await create({ email: 'Ada@example.com' }).then(
    () => null,
    (error: unknown) => error as Error & { code: string; meta: unknown },
  )
  expect(error?.code).toBe('P2002')
  expect(error?.message).toContain('email')
  expect(error?.message).not.toContain('emailBidx')
  expect(JSON.stringify(error?.meta)).not.toContain('emailBidx')
  await expect(prisma.plainAccount.create({ data: { email: 'x' } })).resolves.toBeDefined()
})

test('50 searches by an encrypted field in one tick are one SELECT', async () => {
  const { prisma, queries } = client
  await prisma.account.createMany({
    data: Array.from({ length: 50 }, (_, index) => ({ email: `u${index}@example.com` })),
  })
  queries.length = 0
  const found = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      prisma.account.findUnique({ where: { email: `u${index}@example.com` } }),
    ),
  )
  expect(found.map((account) => account?.email)).toEqual(
    Array.from({ length: 50 }, (_, index) => `u${index}@example.com`),
  )
  expect(queries).toHaveLength(1)
})

test('while rows move to a new index key, both versions are searched and the new one is written', async () => {
  const next = {
    keyId: 'local/app',
    key: await createIndexKey({ keyId: 'local/app', providers: [localKms({ keys: localKeys })] }),
  }
  const old = await create({ email: 'old@example.com', phone: '1' })
  const both = database.connect({ indexKey: { current: 2, versions: { 1: indexKey, 2: next } } })
  const { prisma } = both
  const added = await prisma.account.create({ data: { email: 'new@example.com', phone: '1', label: 'new' } })
  const found = await prisma.account.findMany({ where: { phone: '1' }, orderBy: { id: 'asc' } })
  expect(found.map(({ email }) => email)).toEqual(['old@example.com', 'new@example.com'])
  expect(await prisma.account.findUnique({ where: { email: 'old@example.com' } })).toMatchObject({
    id: old.id,
  })
  expect(await prisma.account.findUnique({ where: { email: 'new@example.com' } })).toMatchObject({
    id: added.id,
  })
  expect(await prisma.account.findUnique({ where: { email: 'nobody@example.com' } })).toBeNull()
  const moved = await prisma.account.update({
    where: { email: 'old@example.com' },
    data: { email: 'old@example.com' },
  })
  expect(moved.emailBidx).not.toBe(old.emailBidx)
  expect(
    await prisma.account.upsert({ where: { email: 'old@example.com' }, create: {}, update: { label: 'l' } }),
  ).toMatchObject({ id: old.id })
  expect(
    await prisma.account.findMany({
      where: { phone: { equals: '1', in: ['1', '2'] }, label: { not: 'new' } },
    }),
  ).toHaveLength(1)
})
