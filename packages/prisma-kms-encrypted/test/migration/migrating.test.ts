/** A table of plaintext on its way to ciphertext: three generations of deployments read and write it at once. */
import {
  errorOf,
  codeOf,
  forget,
  useExtendedDatabase,
  type ExtendedClient,
} from '../support/extended-database.js'

const database = useExtendedDatabase()
/** Instances in each stage; `plain` of any of them is an old deployment, which knows nothing of this library. */
let reading: ExtendedClient
let writing: ExtendedClient
let finished: ExtendedClient

beforeAll(() => {
  reading = database.connect({ migrating: { User: 'read', Account: 'read' } })
  writing = database.connect({ migrating: { User: 'write', Account: 'write' } })
  finished = database.connect()
})
beforeEach(async () => {
  await database.sql('TRUNCATE "User", "Org", "Account" RESTART IDENTITY CASCADE')
  for (const client of [reading, writing, finished]) forget(client)
})

const old = () => finished.plain
const sealed = /^S0UB/

describe('reading', () => {
  test('plaintext is returned as it is, at any depth, without a call to the key service', async () => {
    const data = {
      name: 'Ada',
      email: 'ada@example.com',
      notes: { deep: [1, 2.5, null] },
      avatar: new Uint8Array([0, 255]),
      phone: '+44',
      accounts: { create: { email: 'Ada@example.com', label: 'a' } },
    }
    await old().user.create({ data })
    for (const { prisma, kms } of [reading, writing]) {
      const user = await prisma.user.findFirstOrThrow({ include: { accounts: true } })
      expect(user).toMatchObject({ ...data, accounts: [{ email: 'Ada@example.com' }] })
      expect(kms.totalCalls).toBe(0)
    }
  })

  test('rows with both are opened field by field', async () => {
    const { id } = await writing.prisma.user.create({
      data: { name: 'Ada', email: 'sealed', notes: { a: 1 } },
    })
    await old().user.update({ where: { id }, data: { email: 'plain again' } })
    for (const { prisma } of [reading, writing]) {
      expect(await prisma.user.findUnique({ where: { id } })).toMatchObject({
        name: 'Ada',
        email: 'plain again',
        notes: { a: 1 },
      })
    }
  })

  test('without `migrating` plaintext is an error', async () => {
    await old().user.create({ data: { name: 'Ada' } })
    const error = await errorOf(finished.prisma.user.findMany())
    expect(error).toMatchObject({ code: 'PLAINTEXT_FOUND' })
    expect(error['fix']).toContain('migrating')
  })

  test('plaintext that looks like ciphertext is never taken for plaintext', async () => {
    await old().user.create({ data: { name: `S0UB${'A'.repeat(80)}` } })
    for (const { prisma } of [reading, writing])
      expect(await codeOf(prisma.user.findMany())).toBe('KEY_MISSING')
  })

  test('what only begins like base64 of the magic is plaintext', async () => {
    await old().user.create({
      data: { name: 'S0UA', email: 's0ub lower case', avatar: new Uint8Array(Buffer.from('KENYA')) },
    })
    expect(await reading.prisma.user.findFirst()).toMatchObject({ name: 'S0UA', email: 's0ub lower case' })
  })
})

describe("'read'", () => {
  test('stores plaintext, and costs the key service nothing', async () => {
    const { prisma, kms } = reading
    const { id } = await prisma.user.create({
      data: { name: 'Ada', notes: { a: 1 }, avatar: new Uint8Array([1]) },
    })
    await prisma.user.update({ where: { id }, data: { email: { set: 'ada@example.com' }, phone: '+44' } })
    expect(await database.stored('"User"', id)).toMatchObject({
      name: 'Ada',
      email: 'ada@example.com',
      phone: '+44',
      notes: { a: 1 },
      encryptedKmsKey: null,
      encryptedKmsKeyPhone: null,
    })
    expect(kms.totalCalls).toBe(0)
  })

  test('fills the indexes, so that uniqueness holds before anything is encrypted', async () => {
    const { id } = await reading.prisma.account.create({ data: { email: ' Ada@Example.com' } })
    const row = await database.stored('"Account"', id)
    expect(row).toMatchObject({ email: ' Ada@Example.com', encryptedKmsKey: null })
    expect(row['emailBidx']).toEqual(expect.any(String))
    expect(await codeOf(writing.prisma.account.create({ data: { email: 'ada@example.com' } }))).toBe('P2002')
    await reading.prisma.account.update({ where: { id }, data: { email: null } })
    expect(await database.stored('"Account"', id)).toMatchObject({ email: null, emailBidx: null })
  })

  test('overwrites ciphertext with plaintext, and its neighbours stay readable', async () => {
    const { id } = await writing.prisma.user.create({ data: { name: 'Ada', email: 'sealed' } })
    await reading.prisma.user.update({ where: { id }, data: { email: 'plain' } })
    const row = await database.stored('"User"', id)
    expect(row).toMatchObject({ name: expect.stringMatching(sealed), email: 'plain' })
    for (const { prisma } of [reading, writing])
      expect(await prisma.user.findUnique({ where: { id } })).toMatchObject({ name: 'Ada', email: 'plain' })
  })

  test('refuses plaintext that could not be told from ciphertext', async () => {
    const { prisma } = reading
    const text = `S0UB${'A'.repeat(80)}`
    expect(await codeOf(prisma.user.create({ data: { name: text } }))).toBe('INVALID_VALUE')
    expect(await codeOf(prisma.user.create({ data: { name: 'n', notes: text } }))).toBe('INVALID_VALUE')
    const bytes = new Uint8Array([0x4b, 0x45, 1, 2])
    expect(await codeOf(prisma.user.create({ data: { name: 'n', avatar: bytes } }))).toBe('INVALID_VALUE')
    // 'write' encrypts it like anything else.
    const { id } = await writing.prisma.user.create({ data: { name: text, notes: text, avatar: bytes } })
    expect(await reading.prisma.user.findUnique({ where: { id } })).toMatchObject({ name: text, notes: text })
  })
})

describe("'write'", () => {
  test('encrypts what it writes and leaves plaintext beside it', async () => {
    const { id } = await old().user.create({ data: { name: 'Ada', email: 'old', notes: { big: 1 } } })
    await writing.prisma.user.update({ where: { id }, data: { email: 'new' } })
    expect(await database.stored('"User"', id)).toMatchObject({
      name: 'Ada',
      email: expect.stringMatching(sealed),
      notes: { big: 1 },
      encryptedKmsKey: expect.stringMatching(/^v1:/),
    })
    expect(await reading.prisma.user.findUnique({ where: { id } })).toMatchObject({
      name: 'Ada',
      email: 'new',
    })
    await writing.prisma.user.update({ where: { id }, data: { name: 'Ada L', notes: { big: 2 } } })
    expect(await finished.prisma.user.findUnique({ where: { id } })).toMatchObject({
      name: 'Ada L',
      email: 'new',
      notes: { big: 2 },
    })
  })

  test('a JSON neighbour with numbers beyond 2^53 does not keep it from writing', async () => {
    const [row] = await database.sql(
      `INSERT INTO "User" (name, notes, "updatedAt") VALUES ('Ada', '{"n": 12345678901234567890.123}', now()) RETURNING id`,
    )
    const id = Number(row?.['id'])
    await writing.prisma.user.update({ where: { id }, data: { email: 'new' } })
    const [after] = await database.sql('SELECT notes::text FROM "User" WHERE id = $1', id)
    expect(after?.['notes']).toBe('{"n": 12345678901234567890.123}')
  })

  test.each(['updateMany', 'upsert', 'nested'])('%s on plaintext rows', async (way) => {
    const { id } = await old().user.create({
      data: { name: 'Ada', email: 'old', accounts: { create: { email: 'a@example.com' } } },
    })
    const { prisma } = writing
    if (way === 'updateMany') await prisma.user.updateMany({ data: { email: 'new' } })
    else if (way === 'upsert')
      await prisma.user.upsert({ where: { id }, create: { name: 'n' }, update: { email: 'new' } })
    else
      await prisma.user.update({
        where: { id },
        data: { email: 'new', accounts: { updateMany: { where: {}, data: { phone: '1' } } } },
      })
    expect(await database.stored('"User"', id)).toMatchObject({
      name: 'Ada',
      email: expect.stringMatching(sealed),
    })
    expect(
      await reading.prisma.user.findUnique({ where: { id }, include: { accounts: true } }),
    ).toMatchObject({
      name: 'Ada',
      email: 'new',
      accounts: [{ email: 'a@example.com', phone: way === 'nested' ? '1' : null }],
    })
  })

  test('concurrent writers of all three kinds: every field holds what one of them wrote last', async () => {
    const { id } = await old().user.create({ data: { name: 'start', email: 'start', phone: 'start' } })
    const clients = [old(), reading.prisma, writing.prisma, writing.prisma] as const
    const fields = ['name', 'email', 'phone', 'nickname'] as const
    // Each field has one writer at a time, so the last value of each is known.
    for (let turn = 0; turn < 4; turn++) {
      await Promise.all(
        fields.map(async (field, index) => {
          const client = clients[(index + turn) % 4] ?? old()
          for (let round = 0; round < 5; round++)
            await client.user.update({
              where: { id },
              data: { [field]: `${field} ${turn} ${round}` },
              select: { id: true },
            })
        }),
      )
      expect(await reading.prisma.user.findUnique({ where: { id } })).toMatchObject(
        Object.fromEntries(fields.map((field) => [field, `${field} ${turn} 4`])),
      )
    }
  })
})

describe('searching by an indexed field', () => {
  /** Three rows with the same kind of value, stored in three ways. */
  async function threeKinds() {
    const plain = await old().account.create({ data: { email: 'old@example.com', taxId: 't1' } })
    const indexed = await reading.prisma.account.create({ data: { email: 'read@example.com', taxId: 't2' } })
    const encrypted = await writing.prisma.account.create({
      data: { email: 'write@example.com', taxId: 't3' },
    })
    await old().account.create({ data: { label: 'no email' } })
    return [plain.id, indexed.id, encrypted.id]
  }
  const emails = ['old@example.com', 'read@example.com', 'write@example.com']

  test('finds all kinds with every operator', async () => {
    const ids = await threeKinds()
    for (const { prisma } of [reading, writing]) {
      const found = async (email: object | string | null) =>
        (await prisma.account.findMany({ where: { email }, orderBy: { id: 'asc' } })).map(({ id }) => id)
      for (const [index, email] of emails.entries()) {
        expect(await found(email)).toEqual([ids[index]])
        expect(await found({ equals: email })).toEqual([ids[index]])
        expect(await found({ not: email })).toEqual(ids.filter((_, other) => other !== index))
        expect(await found({ not: { not: email } })).toEqual([ids[index]])
        expect(await prisma.account.count({ where: { email } })).toBe(1)
        expect(await prisma.account.count({ where: { NOT: { email } } })).toBe(2)
        expect(await prisma.account.findFirst({ where: { email } })).toMatchObject({ email })
        expect(await prisma.account.findUnique({ where: { email } })).toMatchObject({ email })
        expect(await prisma.account.findUniqueOrThrow({ where: { email } })).toMatchObject({ email })
      }
      expect(await found({ in: emails.slice(1) })).toEqual(ids.slice(1))
      expect(await found({ notIn: emails.slice(1) })).toEqual(ids.slice(0, 1))
      expect(await found({ not: { in: emails.slice(1) } })).toEqual(ids.slice(0, 1))
      expect(await found({ not: null })).toEqual(ids)
      expect(await found({ in: [] })).toEqual([])
      expect((await found({ notIn: [] })).length).toBe(4) // null included, as in Prisma
      expect((await found(null)).length).toBe(1)
      expect(await found({ not: emails[0], in: emails })).toEqual(ids.slice(1))
    }
  })

  test('an index that an old writer left behind finds nothing, and is no error', async () => {
    const { id } = await reading.prisma.account.create({
      data: { email: 'before@example.com', phone: '123' },
    })
    await old().account.update({ where: { id }, data: { email: 'after@example.com', phone: '456' } })
    for (const { prisma } of [reading, writing]) {
      expect(await prisma.account.findMany({ where: { email: 'before@example.com' } })).toEqual([])
      expect(await prisma.account.findUnique({ where: { email: 'before@example.com' } })).toBeNull()
      expect(await prisma.account.findUnique({ where: { email: 'after@example.com' } })).toMatchObject({ id })
      expect(
        await codeOf(prisma.account.update({ where: { email: 'before@example.com' }, data: { label: 'x' } })),
      ).toBe('P2025')
      expect(await prisma.account.findMany({ where: { phone: '456' } })).toMatchObject([{ id }])
    }
  })

  test('update, delete and upsert name one record by it, whichever way that is stored', async () => {
    for (const { prisma } of [reading, writing]) {
      await database.sql('TRUNCATE "Account" RESTART IDENTITY CASCADE')
      const ids = await threeKinds()
      for (const [index, email] of emails.entries()) {
        expect(await prisma.account.update({ where: { email }, data: { city: 'Paris' } })).toMatchObject({
          id: ids[index],
          city: 'Paris',
          email,
        })
        expect(
          await prisma.account.upsert({ where: { email }, create: { email }, update: { city: 'Rome' } }),
        ).toMatchObject({ id: ids[index], city: 'Rome' })
      }
      expect(
        await prisma.account.upsert({
          where: { email: 'new@example.com' },
          create: { email: 'new@example.com' },
          update: { city: 'Rome' },
        }),
      ).toMatchObject({ email: 'new@example.com', city: null })
      for (const email of emails)
        expect(await prisma.account.delete({ where: { email } })).toMatchObject({ email })
      expect(await codeOf(prisma.account.delete({ where: { email: 'old@example.com' } }))).toBe('P2025')
      expect(await prisma.account.count()).toBe(2)
    }
  })

  test('a compound criterion', async () => {
    const org = await old().org.create({ data: { name: 'o' } })
    await old().account.create({ data: { taxId: 'plain', orgId: org.id } })
    await writing.prisma.account.create({ data: { taxId: 'sealed', orgId: org.id } })
    for (const { prisma } of [reading, writing]) {
      for (const taxId of ['plain', 'sealed']) {
        const where = { orgId_taxId: { orgId: org.id, taxId } }
        expect(await prisma.account.findUnique({ where })).toMatchObject({ taxId })
        expect(await prisma.account.update({ where, data: { label: 'l' } })).toMatchObject({ taxId })
        expect(
          await prisma.account.findUnique({ where: { orgId_taxId: { orgId: org.id + 1, taxId } } }),
        ).toBeNull()
      }
    }
  })

  test('a truncated index, whose false positives are removed', async () => {
    const cities = Array.from({ length: 40 }, (_, index) => `city ${index}`)
    await old().account.createMany({ data: cities.slice(0, 20).map((city) => ({ city })) })
    await writing.prisma.account.createMany({ data: cities.slice(20).map((city) => ({ city })) })
    for (const city of ['city 3', 'city 33'])
      expect(await writing.prisma.account.findMany({ where: { city } })).toMatchObject([{ city }])
    expect(await codeOf(writing.prisma.account.findMany({ where: { city: { not: 'city 3' } } }))).toBe(
      'ENCRYPTED_FILTER',
    )
    expect(await codeOf(writing.prisma.account.count({ where: { city: 'city 3' } }))).toBe('ENCRYPTED_FILTER')
  })

  test.each(['with', 'without'])(
    'a copied index of an encrypted row is still found out, %s a cache',
    async (cache) => {
      const migrating = { Account: 'write' } as const
      const cached = database.connect({ migrating, cache: { ttlMs: 60_000, maxEntries: 1_000 } })
      const { prisma } = cache === 'with' ? cached : writing
      const [a, b] = [
        await prisma.account.create({ data: { email: 'a@x' } }),
        await prisma.account.create({ data: { label: 'l', email: 'b@x' } }),
      ]
      await database.sql('UPDATE "Account" SET "emailBidx" = NULL WHERE id = $1', a.id)
      const [index] = await database.sql('SELECT "emailBidx" AS i FROM "Account" WHERE id = $1', b.id)
      await database.sql('UPDATE "Account" SET "emailBidx" = NULL WHERE id = $1', b.id)
      await database.sql('UPDATE "Account" SET "emailBidx" = $2 WHERE id = $1', a.id, index?.['i'])
      expect(await codeOf(prisma.account.findMany({ where: { email: 'b@x' } }))).toBe('INDEX_MISMATCH')
      expect(await codeOf(prisma.account.findUnique({ where: { email: 'b@x' } }))).toBe('INDEX_MISMATCH')
      expect(
        await codeOf(prisma.account.update({ where: { email: 'b@x' }, data: { label: 'stolen' } })),
      ).toBe('INDEX_MISMATCH')
    },
  )

  test('ciphertext as the value asked for finds no row', async () => {
    const { id } = await writing.prisma.account.create({ data: { email: 'a@x' } })
    const { email } = await database.stored('"Account"', id)
    expect(await writing.prisma.account.findMany({ where: { email: String(email) } })).toEqual([])
    expect(await writing.prisma.account.count({ where: { email: { not: String(email) } } })).toBe(1)
  })

  test('inside other arguments a record is named by its id', async () => {
    const { prisma } = reading
    await old().account.create({ data: { email: 'a@x' } })
    const error = await errorOf(
      prisma.user.create({ data: { name: 'n', accounts: { connect: { email: 'a@x' } } } }),
    )
    expect(error).toMatchObject({ code: 'UNSUPPORTED_OPERATION' })
    expect(await codeOf(prisma.account.findMany({ cursor: { email: 'a@x' } }))).toBe('UNSUPPORTED_OPERATION')
    // Filters are no names.
    expect(await prisma.user.findMany({ where: { accounts: { some: { email: 'a@x' } } } })).toEqual([])
  })

  test('in a transaction, also with a batch', async () => {
    await threeKinds()
    await writing.prisma.$transaction(async (tx) => {
      for (const email of emails) {
        await tx.account.update({ where: { email }, data: { phone: '1' } })
        expect(await tx.account.findUnique({ where: { email } })).toMatchObject({ phone: '1' })
      }
    })
    const [first, second] = await writing.prisma.$transaction([
      writing.prisma.account.update({ where: { email: 'old@example.com' }, data: { phone: '2' } }),
      writing.prisma.account.findUnique({ where: { email: 'old@example.com' } }),
    ])
    expect([first.phone, second?.phone]).toEqual(['2', '2'])
  })
})

test.each([
  [{ Users: 'read' }, 'no encrypted model'],
  [{ Org: 'read' }, 'no encrypted model'],
  [{ User: 'both' }, 'migrating.User'],
])('an unusable option is refused: %j', async (migrating, message) => {
  const error = await errorOf(
    Promise.resolve().then(() => database.connect({ migrating: migrating as object })),
  )
  expect(error).toMatchObject({ code: 'INVALID_CONFIGURATION' })
  expect(error.message).toContain(message)
})
