/** Read replicas: after ours they work, before ours they are refused. */
import { createClient, type TestClient } from '../support/client.js'
import { codeOf, forget, useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'
import { createExtendedClient } from '../support/extended-client.js'
import { kmsEncrypted } from '../../src/index.js'
import { localKms } from '../../src/providers/local.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { indexKey, localKeys, plainKeys } from '../support/extended-client.js'
import { readReplicas } from './read-replicas-stand-in.js'

const database = useExtendedDatabase()
let primary: ExtendedClient
let replica: TestClient

beforeAll(() => {
  primary = createExtendedClient({ url: database.url })
  // A replica of the same data: the same database through another pool.
  replica = createClient({ url: database.url })
})
afterAll(async () => {
  await primary.plain.$disconnect()
  await replica.prisma.$disconnect()
})
beforeEach(() => {
  forget(primary)
  replica.queries.length = 0
})

const replicated = () => primary.prisma.$extends(readReplicas(replica.prisma))
const ours = () =>
  kmsEncrypted({
    models: encryptedModels,
    providers: [localKms({ keys: localKeys })],
    keys: plainKeys,
    indexKey,
  })

test('reads go to the replica and are opened', async () => {
  const prisma = replicated()
  const { id } = await prisma.user.create({
    data: {
      name: 'Ada',
      email: 'ada@example.com',
      posts: { create: { title: 't', body: 'body' } },
      accounts: { create: { email: 'ada@example.com', phone: '123' } },
    },
  })
  expect(replica.queries).toEqual([])
  forget(primary)
  const where = { id }
  expect(await prisma.user.findUnique({ where })).toMatchObject({ name: 'Ada', email: 'ada@example.com' })
  expect(await prisma.user.findFirst({ where, select: { email: true } })).toEqual({
    email: 'ada@example.com',
  })
  expect(await prisma.user.findMany({ where, select: { posts: { select: { body: true } } } })).toEqual([
    { posts: [{ body: 'body' }] },
  ])
  expect(await prisma.account.findUnique({ where: { email: 'ADA@example.com' } })).toMatchObject({
    phone: '123',
  })
  expect(await prisma.account.count({ where: { phone: '1-2-3' } })).toBe(1)
  expect(primary.queries).toEqual([])
  expect(replica.queries.length).toBeGreaterThan(0)
})

test('writes, and what they have to read before, stay on the primary', async () => {
  const prisma = replicated()
  const { id } = await prisma.user.create({ data: { name: 'Ada', profile: { create: { bio: 'a' } } } })
  const where = { id }
  expect(await prisma.user.update({ where, data: { email: 'e' } })).toMatchObject({ name: 'Ada', email: 'e' })
  await prisma.user.update({ where, data: { profile: { update: { bio: 'b' } } } })
  await prisma.user.updateMany({ where, data: { phone: '1' } })
  await prisma.user.upsert({ where, create: { name: 'never' }, update: { notes: { n: 1 } } })
  expect(replica.queries).toEqual([])
  expect(await prisma.user.findUnique({ where, include: { profile: true } })).toMatchObject({
    email: 'e',
    phone: '1',
    notes: { n: 1 },
    profile: { bio: 'b' },
  })
  expect(await prisma.user.delete({ where })).toMatchObject({ email: 'e' })
})

test('inside transactions everything is on the primary', async () => {
  const prisma = replicated()
  const name = await prisma.$transaction(async (tx) => {
    const { id } = await tx.user.create({ data: { name: 'inside' } })
    return (await tx.user.findUniqueOrThrow({ where: { id } })).name
  })
  expect(name).toBe('inside')
  expect(replica.queries).toEqual([])
})

test('the order is checked when extending', async () => {
  const before = replica.prisma.$extends(readReplicas(replica.prisma))
  const extend = async () => {
    await Promise.resolve()
    before.$extends(ours())
  }
  expect(await codeOf(extend())).toBe('INVALID_CONFIGURATION')
})

test('a fluent read never gives ciphertext', async () => {
  const prisma = replicated()
  const { id } = await prisma.user.create({
    data: { name: 'Ada', posts: { create: { title: 't', body: 'body' } } },
  })
  // The replica extension answers a fluent read with the record around the relation, on plain columns too.
  const answer: unknown = await prisma.user.findUnique({ where: { id } }).posts()
  expect(JSON.stringify(answer)).not.toContain('S0UB')
  expect(JSON.stringify(answer)).toContain('"body":"body"')
})
