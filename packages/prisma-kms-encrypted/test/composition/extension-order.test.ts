/** Extensions of other kinds around ours: what each sees, and that every one of them still does its work. */
import { Prisma } from '../generated/prisma/client.js'
import { createClient } from '../support/client.js'
import { createExtendedClient, indexKey, localKeys, plainKeys } from '../support/extended-client.js'
import { codeOf, useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'
import { kmsEncrypted } from '../../src/index.js'
import { localKms } from '../../src/providers/local.js'
import { encryptedModels } from '../generated/kms-encrypted.js'

const database = useExtendedDatabase()
let client: ExtendedClient
beforeAll(() => {
  client = createExtendedClient({ url: database.url })
})
afterAll(() => client.plain.$disconnect())

const ours = () =>
  kmsEncrypted({
    models: encryptedModels,
    providers: [localKms({ keys: localKeys })],
    keys: plainKeys,
    indexKey,
  })

interface Seen {
  readonly operation: string
  readonly args: string
  readonly result: string
}

/** Notes every operation with what goes in and what comes back. */
function logging(log: Seen[]) {
  return Prisma.defineExtension({
    query: {
      $allModels: {
        async $allOperations({ model, operation, args, query }) {
          const result: unknown = await query(args)
          log.push({
            operation: `${model}.${operation}`,
            args: JSON.stringify(args),
            result: JSON.stringify(result),
          })
          return result as never
        },
      },
    },
  })
}

describe('logging', () => {
  test('before ours it sees plaintext, after ours ciphertext; both see each operation once', async () => {
    const { prisma: plain } = createClient({ url: database.url })
    const outer: Seen[] = []
    const inner: Seen[] = []
    const prisma = plain.$extends(logging(outer)).$extends(ours()).$extends(logging(inner))
    const { id } = await prisma.user.create({ data: { name: 'secret name', phone: 'secret phone' } })
    await prisma.user.update({ where: { id }, data: { email: 'secret email' } })
    await prisma.user.findMany({ where: { id }, select: { email: true } })
    await prisma.account.create({ data: { email: 'secret@example.com' } })
    await prisma.account.findUnique({ where: { email: 'secret@example.com' } })
    await prisma.user.delete({ where: { id } })
    await plain.$disconnect()
    const operations = [
      'User.create',
      'User.update',
      'User.findMany',
      'Account.create',
      'Account.findUnique',
      'User.delete',
    ]
    expect(outer.map(({ operation }) => operation)).toEqual(operations)
    expect(inner.map(({ operation }) => operation)).toEqual(operations)
    for (const { args, result } of outer) expect(args + result).not.toContain('S0UB')
    expect(JSON.stringify(inner)).not.toContain('secret')
    expect(outer[2]?.result).toBe('[{"email":"secret email"}]')
  })
})

/** Marks records as deleted, in a plain column: `nickname` stands for `deletedAt`. */
const softDelete = Prisma.defineExtension((base) =>
  base.$extends({
    name: 'soft-delete',
    query: {
      user: {
        async $allOperations({ operation, args, query }) {
          const filtered = ['findMany', 'findFirst', 'findUnique', 'count', 'updateMany'].includes(operation)
          if (!filtered) return query(args)
          const where = { ...(args as { where?: object }).where, nickname: null }
          return query({ ...(args as object), where } as never)
        },
      },
    },
    model: {
      user: {
        async softDelete(id: number) {
          const self = Prisma.getExtensionContext(this) as unknown as ExtendedClient['prisma']['user']
          return self.update({ where: { id }, data: { nickname: 'deleted' } })
        },
      },
    },
  }),
)

describe('soft delete, after ours', () => {
  test('reads, counts and updates pass it by; its own method goes through ours', async () => {
    const prisma = client.prisma.$extends(softDelete)
    const one = await prisma.user.create({ data: { name: 'one', email: 'e', handle: 'soft-1' } })
    const two = await prisma.user.create({ data: { name: 'two', email: 'e', handle: 'soft-2' } })
    const where = { handle: { startsWith: 'soft-' } }
    expect(await prisma.user.softDelete(one.id)).toMatchObject({ name: 'one', nickname: 'deleted' })
    expect(await prisma.user.findMany({ where, select: { name: true } })).toEqual([{ name: 'two' }])
    expect(await prisma.user.findUnique({ where: { id: one.id } })).toBeNull()
    expect(await prisma.user.count({ where })).toBe(1)
    expect(await prisma.user.updateMany({ where, data: { email: 'changed' } })).toEqual({ count: 1 })
    expect(
      await client.prisma.user.findMany({ where, select: { email: true }, orderBy: { id: 'asc' } }),
    ).toEqual([{ email: 'e' }, { email: 'changed' }])
    expect((await prisma.user.update({ where: { id: two.id }, data: { phone: '1' } })).phone).toBe('1')
  })
})

describe('model and client methods', () => {
  test('a client method of an extension after ours gets decrypted records, in transactions too', async () => {
    const prisma = client.prisma.$extends({
      client: {
        async namesOf(handles: string[]) {
          const self = Prisma.getExtensionContext(this) as unknown as ExtendedClient['prisma']
          const found = await self.user.findMany({
            where: { handle: { in: handles } },
            orderBy: { id: 'asc' },
          })
          return found.map(({ name }) => name)
        },
      },
    })
    await prisma.user.create({ data: { name: 'method', handle: 'method' } })
    expect(await prisma.namesOf(['method'])).toEqual(['method'])
    const inside = await prisma.$transaction(async (tx) => {
      await tx.user.create({ data: { name: 'inside', handle: 'inside' } })
      return tx.namesOf(['inside'])
    })
    expect(inside).toEqual(['inside'])
  })

  test('$kms is there on clients extended further, and in transactions', async () => {
    const prisma = client.prisma.$extends({ client: { hello: () => 'hello' } })
    expect(prisma.$kms.context('User', 1)).toEqual({ model_name: 'User', model_id: '1' })
    expect(await prisma.$transaction((tx) => Promise.resolve(tx.$kms.context('User', 2)))).toEqual({
      model_name: 'User',
      model_id: '2',
    })
  })

  test('methods that replace $transaction, on either side, still run batches', async () => {
    const seen: string[] = []
    const counting = Prisma.defineExtension((base) => {
      const original = base.$transaction as unknown as (...all: unknown[]) => Promise<unknown>
      return base.$extends({
        client: {
          // Declared as nothing, so that the type of `$transaction` stays.
          ...({
            $transaction(...all: unknown[]) {
              seen.push(typeof all[0] === 'function' ? 'function' : 'array')
              return original.call(Prisma.getExtensionContext(this), ...all)
            },
          } as object),
        },
      })
    })
    const prisma = client.prisma.$extends(counting)
    const [created, names] = await prisma.$transaction([
      prisma.user.create({ data: { name: 'batched', handle: 'batched' } }),
      prisma.user.findMany({ where: { handle: 'batched' }, select: { name: true } }),
    ])
    expect(created.name).toBe('batched')
    expect(names).toEqual([{ name: 'batched' }])
    expect(seen).toEqual(['array'])
  })
})

describe('computed fields', () => {
  const computing = () =>
    client.prisma.$extends({
      result: {
        user: { greeting: { needs: { name: true }, compute: ({ name }) => `Dear ${name}` } },
        post: {
          summary: { needs: { body: true, title: true }, compute: ({ title, body }) => `${title}: ${body}` },
        },
        account: { contact: { needs: { email: true }, compute: ({ email }) => `<${email}>` } },
      },
    })
  const plainly = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown

  test('in records found by an index, in nested selects, includes and omits, and in lists', async () => {
    const prisma = computing()
    const { id } = await prisma.user.create({
      data: {
        name: 'Ada',
        posts: { create: { title: 't', body: 'b' } },
        accounts: { create: { email: 'computed@example.com' } },
      },
    })
    const where = { email: 'computed@example.com' }
    expect(plainly(await prisma.account.findUnique({ where, select: { contact: true } }))).toEqual({
      contact: '<computed@example.com>',
    })
    expect(
      plainly(
        await prisma.account.findUnique({
          where,
          select: { owner: { select: { greeting: true, posts: { select: { summary: true } } } } },
        }),
      ),
    ).toEqual({ owner: { greeting: 'Dear Ada', posts: [{ summary: 't: b' }] } })
    const found = await prisma.user.findUniqueOrThrow({
      where: { id },
      include: { posts: { omit: { body: true } } },
      omit: { name: true },
    })
    expect(found.greeting).toBe('Dear Ada')
    expect(found.posts[0]?.summary).toBe('t: b')
    expect(Object.keys(found)).not.toContain('name')
    const list = await prisma.user.updateManyAndReturn({
      where: { id },
      data: { name: 'Grace' },
      select: { greeting: true },
    })
    expect(plainly(list)).toEqual([{ greeting: 'Dear Grace' }])
  })
})

test('a computed field may take the name of an encrypted one, of a key column or of the id', async () => {
  const prisma = client.prisma.$extends({
    result: {
      user: {
        email: { needs: { email: true }, compute: ({ email }) => `${email?.slice(0, 2) ?? ''}…` },
        encryptedKmsKey: { needs: {}, compute: () => 'hidden' },
        id: { needs: { id: true }, compute: ({ id }) => `user-${id}` },
      },
    },
  })
  const created = await prisma.user.create({
    data: { name: 'Masked', email: 'masked@example.com', handle: 'masked' },
  })
  expect(created).toMatchObject({ name: 'Masked', email: 'ma…', encryptedKmsKey: 'hidden' })
  expect(created.id).toMatch(/^user-\d+$/)
  const where = { handle: 'masked' }
  const masked = { name: 'Masked', email: 'ma…', id: created.id }
  expect(await prisma.user.findUnique({ where })).toMatchObject(masked)
  expect(await prisma.user.update({ where, data: { phone: '1' } })).toMatchObject({ ...masked, phone: '1' })
  expect(await prisma.user.updateMany({ where, data: { notes: { n: 1 } } })).toMatchObject({ count: 1 })
  const selected = await prisma.user.findUniqueOrThrow({ where, select: { email: true } })
  expect(selected.email).toBe('ma…')
  expect(await client.prisma.user.findUnique({ where })).toMatchObject({
    email: 'masked@example.com',
    phone: '1',
  })
})

test('$on query events hold ciphertext only', async () => {
  const { prisma: plain } = createClient({
    url: database.url,
    prisma: { log: [{ emit: 'event', level: 'query' }] },
  })
  const events: string[] = []
  ;(plain as unknown as { $on(name: 'query', listener: (event: unknown) => void): void }).$on(
    'query',
    (event) => {
      events.push(JSON.stringify(event))
    },
  )
  const prisma = plain.$extends(ours())
  const { id } = await prisma.user.create({
    data: {
      name: 'secret name',
      notes: { secret: 'note' },
      posts: { create: { title: 't', body: 'secret body' } },
    },
  })
  await prisma.user.update({
    where: { id },
    data: { email: 'secret email', posts: { updateMany: { where: {}, data: { body: 'secret 2' } } } },
  })
  await prisma.account.create({ data: { email: 'secret 2@example.com' } })
  await prisma.account.findMany({ where: { email: { in: ['secret 2@example.com', 'secret 3'] } } })
  await prisma.$queryRaw`SELECT 1`
  await plain.$disconnect()
  expect(events.length).toBeGreaterThan(5)
  expect(events.join('')).toContain('S0UB')
  expect(events.join('')).not.toContain('secret')
})

describe('an extension that runs each operation in a batch of its own, as for row-level security', () => {
  const settingTenant = Prisma.defineExtension((base) =>
    base.$extends({
      query: {
        $allModels: {
          async $allOperations({ args, query }) {
            const setting = base.$executeRaw`SELECT set_config('app.tenant', 'one', true)`
            const [, result] = await base.$transaction([setting, query(args)])
            return result
          },
        },
      },
    }),
  )

  test('before ours: what is one statement works, the rest is refused at once', async () => {
    const { prisma: plain } = createClient({ url: database.url })
    const prisma = plain.$extends(settingTenant).$extends(ours())
    const { id } = await prisma.user.create({ data: { name: 'tenant', profile: { create: { bio: 'b' } } } })
    const where = { id }
    expect(await prisma.user.update({ where, data: { email: 'e' } })).toMatchObject({
      name: 'tenant',
      email: 'e',
    })
    expect(await prisma.user.findUnique({ where, include: { profile: true } })).toMatchObject({
      email: 'e',
      profile: { bio: 'b' },
    })
    for (const several of [
      () => prisma.user.update({ where, data: { profile: { update: { bio: 'c' } } } }),
      () => prisma.user.updateMany({ where, data: { email: 'f' } }),
      () => prisma.user.upsert({ where, create: { name: 'n' }, update: { email: 'f' } }),
    ]) {
      expect(await codeOf(several())).toBe('UNSUPPORTED_IN_BATCH')
    }
    expect(await prisma.user.delete({ where })).toMatchObject({ email: 'e' })
    await plain.$disconnect()
  })
})
