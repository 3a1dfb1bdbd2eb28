/** A key service that fails, at every step of every operation: nothing half-written, and the error tells what was. */
import { KmsEncryptedError } from '../../src/index.js'
import {
  errorOf,
  forget,
  statementsOf,
  useExtendedDatabase,
  versionsAt,
  type ExtendedClient,
} from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient
let id: number

beforeAll(() => {
  client = database.connect()
})
beforeEach(async () => {
  client.kms.fault = undefined
  const data = {
    name: 'Ada',
    email: 'before',
    profile: { create: { bio: 'bio' } },
    posts: { create: { title: 't', body: 'body' } },
  }
  id = (await client.prisma.user.create({ data })).id
  forget(client)
})

const fail = (operation: 'wrap' | 'unwrap') => {
  const denied = new KmsEncryptedError({
    code: 'KMS_ACCESS_DENIED',
    message: 'denied',
    why: 'no permission',
    fix: 'ask for it',
  })
  client.kms.fault = (request) => (request.operation === operation ? denied : undefined)
}
/** All rows of the database, to see that nothing has changed. */
const everything = async () =>
  Promise.all(
    ['"User"', '"Profile"', '"Post"', 'comments'].map((table) =>
      database.sql(`SELECT * FROM ${table} ORDER BY 1`),
    ),
  )

type Operation = (prisma: ExtendedClient['prisma']) => Promise<unknown>
const writes: Record<'wrap' | 'unwrap', Record<string, Operation>> = {
  wrap: {
    create: (prisma) => prisma.user.create({ data: { name: 'x' } }),
    'create with nested records': (prisma) =>
      prisma.org.create({ data: { name: 'o', users: { create: [{ name: 'x' }] } } }),
    'create with keys after the insert': (prisma) =>
      prisma.post.create({ data: { title: 't', body: 'b', author: { create: { name: 'x' } } } }),
    createMany: (prisma) => prisma.user.createMany({ data: [{ name: 'x' }, { name: 'y' }] }),
    createManyAndReturn: (prisma) => prisma.user.createManyAndReturn({ data: [{ name: 'x' }] }),
    "update with a group's first value": (prisma) =>
      prisma.user.update({ where: { id }, data: { phone: '1' } }),
    'update with nested creates': (prisma) =>
      prisma.user.update({
        where: { id },
        data: { email: 'x', posts: { create: { title: 't', body: 'b' } } },
      }),
    upsert: (prisma) => prisma.user.upsert({ where: { id: 999_999 }, create: { name: 'x' }, update: {} }),
  },
  unwrap: {
    update: (prisma) => prisma.user.update({ where: { id }, data: { email: 'x' } }),
    'update of plain columns that returns encrypted ones': (prisma) =>
      prisma.user.update({ where: { id }, data: { loginCount: 1 } }),
    'update that clears a field': (prisma) => prisma.user.update({ where: { id }, data: { email: null } }),
    'update that returns related records': (prisma) =>
      prisma.user.update({
        where: { id },
        data: { loginCount: 1 },
        select: { posts: { select: { body: true } } },
      }),
    'nested update': (prisma) =>
      prisma.user.update({
        where: { id },
        data: { profile: { update: { bio: 'x' } } },
        select: { id: true },
      }),
    updateMany: (prisma) => prisma.user.updateMany({ where: { id }, data: { email: 'x' } }),
    upsert: (prisma) => prisma.user.upsert({ where: { id }, create: { name: 'x' }, update: { email: 'x' } }),
    'upsert of plain columns that returns encrypted ones': (prisma) =>
      prisma.user.upsert({ where: { id }, create: { name: 'x' }, update: { loginCount: 1 } }),
    delete: (prisma) => prisma.user.delete({ where: { id } }),
    'delete that returns related records': (prisma) =>
      prisma.user.delete({ where: { id }, select: { profile: { select: { bio: true } } } }),
  },
}
const cases = (['wrap', 'unwrap'] as const).flatMap((step) =>
  Object.entries(writes[step]).map(([name, run]): [string, string, Operation] => [step, name, run]),
)

test.each(cases)('%s refused: %s writes nothing and says so', async (step, _, run) => {
  const before = await everything()
  fail(step as 'wrap' | 'unwrap')
  expect(await errorOf(run(client.prisma))).toMatchObject({ code: 'KMS_ACCESS_DENIED', written: false })
  expect(await everything()).toEqual(before)
})

test.each(cases)('%s refused inside a transaction: %s', async (step, _, run) => {
  const before = await everything()
  fail(step as 'wrap' | 'unwrap')
  const whole = client.prisma.$transaction((tx) => run(tx as ExtendedClient['prisma']))
  expect(await errorOf(whole)).toMatchObject({ code: 'KMS_ACCESS_DENIED', written: false })
  expect(await everything()).toEqual(before)
})

test('a refused Decrypt of one of several entries comes before a delete and an update', async () => {
  const created = await database
    .connect(versionsAt(1))
    .prisma.user.create({ data: { name: 'x', email: 'e' } })
  const where = { id: created.id }
  await database.connect(versionsAt(2)).prisma.user.update({ where, data: { email: 'f' } })
  const { prisma, kms } = database.connect(versionsAt(2))
  await prisma.user.findFirst() // has the index key from now on
  kms.fault = ({ operation, keyId }) =>
    operation === 'unwrap' && keyId === 'local/app' ? new Error('denied') : undefined
  const before = await database.stored('"User"', created.id)
  const refused = { code: 'KMS_UNAVAILABLE', written: false }
  expect(await errorOf(prisma.user.delete({ where }))).toMatchObject(refused)
  expect(await errorOf(prisma.user.update({ where, data: { email: 'g' } }))).toMatchObject(refused)
  expect(await database.stored('"User"', created.id)).toEqual(before)
})

test('keys that only the result of the write names fail after it, and the error says so', async () => {
  const org = await client.prisma.org.create({ data: { name: 'o' } })
  // Nothing in the arguments tells which record the database brings into the result.
  await database.sql(`CREATE FUNCTION join_org() RETURNS trigger LANGUAGE plpgsql
      AS 'BEGIN UPDATE "User" SET "orgId" = NEW.id WHERE id = ${id}; RETURN NEW; END';
    CREATE TRIGGER join_org AFTER UPDATE ON "Org" FOR EACH ROW EXECUTE FUNCTION join_org()`)
  fail('unwrap')
  const update = client.prisma.org.update({
    where: { id: org.id },
    data: { name: 'p' },
    include: { users: true },
  })
  expect(await errorOf(update)).toMatchObject({ code: 'KMS_ACCESS_DENIED', written: true })
  expect((await database.stored('"User"', id))['orgId']).toBe(org.id)
  await database.sql('DROP TRIGGER join_org ON "Org"')
})

test('keys of records that the write connects are unwrapped before it', async () => {
  const org = await client.prisma.org.create({ data: { name: 'o' } })
  fail('unwrap')
  const data = { users: { connect: { id } } }
  const update = client.prisma.org.update({ where: { id: org.id }, data, include: { users: true } })
  expect(await errorOf(update)).toMatchObject({ code: 'KMS_ACCESS_DENIED', written: false })
  expect((await database.stored('"User"', id))['orgId']).toBeNull()
})

test('a read fails as a whole, and says that nothing was written', async () => {
  fail('unwrap')
  expect(await errorOf(client.prisma.user.findMany({ where: { id } }))).toMatchObject({
    code: 'KMS_ACCESS_DENIED',
    written: false,
  })
})

test('a write whose result shows nothing encrypted needs no Decrypt', async () => {
  fail('unwrap')
  const { prisma } = client
  expect(await prisma.user.create({ data: { name: 'x', handle: 'no decrypt' } })).toMatchObject({ name: 'x' })
  await prisma.user.update({ where: { id }, data: { email: null, loginCount: 9 }, select: { id: true } })
  await prisma.user.update({ where: { id }, data: { phone: 'first of its group' }, select: { phone: true } })
  expect(await prisma.user.delete({ where: { handle: 'no decrypt' }, select: { id: true } })).toBeDefined()
  expect(await prisma.user.deleteMany({ where: { id } })).toEqual({ count: 1 })
})

test('no statement is sent when a wrap is refused', async () => {
  fail('wrap')
  await errorOf(client.prisma.user.create({ data: { name: 'x' } }))
  expect(statementsOf(client)).toEqual(['SELECT']) // nextval
})

test("a provider's own error is not passed on", async () => {
  client.kms.fault = () => {
    throw new Error('may hold a token')
  }
  for (const run of [
    () => client.prisma.user.create({ data: { name: 'x' } }),
    () => client.prisma.user.findMany({ where: { id } }),
  ]) {
    const error = await errorOf(run())
    expect(error).toMatchObject({ code: 'KMS_UNAVAILABLE' })
    expect(String(error)).not.toContain('token')
    expect(error.cause).toBeUndefined()
  }
})

test.each([
  ['an item', () => new Error('may hold a token')],
  [
    'the whole call',
    () => {
      throw new Error('may hold a token')
    },
  ],
])('the index key cannot be unwrapped: %s fails', async (_, fault) => {
  const { prisma, kms } = database.connect()
  kms.fault = ({ operation }) => (operation === 'unwrap' ? fault() : undefined)
  const error = await errorOf(prisma.user.findMany())
  expect(error).toMatchObject({ code: 'KMS_UNAVAILABLE' })
  expect(String(error)).not.toContain('token')
})
