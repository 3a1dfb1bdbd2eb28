/** What an auditor hears of the extension's operations: one event for each record whose key was used, and no secret. */
import { inspect } from 'node:util'
import type { KmsEvent } from '../../src/index.js'
import { rotateAll } from '../../src/index.js'
import { plainKeys } from '../support/extended-client.js'
import { codeOf, useExtendedDatabase, versionsAt } from '../support/extended-database.js'

const database = useExtendedDatabase()

function connect(config: Parameters<typeof database.connect>[0] = {}) {
  const events: KmsEvent[] = []
  const client = database.connect({ ...config, onKmsEvent: (event) => events.push(event) })
  /** The events of records so far; the index key, which is unwrapped once, has none. */
  const take = () => events.splice(0).filter(({ model }) => model !== null)
  return { ...client, events, take }
}

const short = ({ operation, model, recordId, keyName, keyVersion, keyId, items }: KmsEvent) =>
  [operation, model, recordId, keyName, keyVersion, keyId, items] as const

test('a create with nested records, of two keys, tells of each record and key', async () => {
  const { prisma, take } = connect()
  const user = await prisma.user.create({
    data: { name: 'Ada', phone: '1', posts: { create: [{ title: 't', body: 'secret one' }] } },
    include: { posts: true },
  })
  const post = user.posts[0]
  const events = take()
  expect(events.map(short)).toEqual([
    ['wrap', 'User', String(user.id), 'default', 1, 'local/app', 2],
    ['wrap', 'Post', String(post?.id), 'default', 1, 'local/app', 2],
    ['wrap', 'User', String(user.id), 'phone', 1, 'local/phone', 1],
  ])
  expect(events[0]).toMatchObject({
    source: 'service',
    provider: 'local',
    context: prisma.$kms.context('User', user.id),
    outcome: 'success',
  })
})

test('reading tells of every record once, whether one query or concurrent ones read it', async () => {
  const { prisma, take, kms } = connect()
  const { id: orgId } = await prisma.org.create({ data: { name: 'o' } })
  for (const name of ['a', 'b', 'c']) await prisma.user.create({ data: { name, orgId } })
  const ids = (await prisma.user.findMany({ where: { orgId } })).map((user) => String(user.id))
  take()
  kms.reset()
  await prisma.user.findMany({ where: { orgId }, orderBy: { id: 'asc' } })
  expect(take().map(short)).toEqual(ids.map((id) => ['unwrap', 'User', id, 'default', 1, 'local/app', 3]))

  // Two operations of one tick share the service's answers, not the trace.
  kms.reset()
  const id = Number(ids[0])
  await Promise.all([
    prisma.user.findUnique({ where: { id } }),
    prisma.user.findFirst({ where: { id } }),
    prisma.user.findMany({ where: { id } }),
  ])
  expect(take().map(({ recordId }) => recordId)).toEqual([ids[0], ids[0], ids[0]])
  expect(kms.counts.unwrap.items).toBeLessThanOrEqual(3)
})

test('cached keys are told with their source', async () => {
  const { prisma, take, kms } = connect({ cache: { ttlMs: 60_000, maxEntries: 100 } })
  const { id } = await prisma.user.create({ data: { name: 'Ada' } })
  await prisma.user.findUnique({ where: { id } })
  await prisma.user.findUnique({ where: { id } })
  prisma.$kms.flush()
  await prisma.user.findUnique({ where: { id } })
  expect(take().map(({ operation, source }) => `${operation} ${source}`)).toEqual([
    'wrap service',
    'unwrap service',
    'unwrap cache',
    'unwrap service',
  ])
  expect(kms.counts.unwrap.items).toBe(2)
})

test('a record that stands twice in a result is one use of its cached key', async () => {
  const cache = { ttlMs: 60_000, maxEntries: 100 }
  const { prisma, take } = connect({ cache })
  const counted = database.connect({ cache: { ...cache, maxUses: 3 } })
  const { id } = await prisma.user.create({
    data: { name: 'Ada', posts: { create: [{ title: '1' }, { title: '2' }] } },
  })
  const read = { where: { authorId: id }, select: { author: { select: { name: true } } } } as const
  await prisma.post.findMany(read)
  take()
  await prisma.post.findMany(read)
  expect(take().map(({ source, recordId }) => [source, recordId])).toEqual([['cache', String(id)]])

  const names = { author: { name: 'Ada' } }
  for (let reads = 0; reads < 4; reads++) {
    expect(await counted.prisma.post.findMany(read)).toEqual([names, names])
  }
  expect(counted.kms.counts.unwrap.items).toBe(2)
})

test('without row binding, records that share a wrapped key each leave their own event', async () => {
  const context = () => ({ tenant: 't' })
  const unbound = { eager: 'context-free', context, rowBinding: 'off' } as const
  const keys = { default: plainKeys.default, phone: { ...plainKeys.phone, ...unbound } }
  const { prisma, take } = connect({ keys })
  const [one, two] = [
    await prisma.user.create({ data: { name: '1', phone: '1' } }),
    await prisma.user.create({ data: { name: '2', phone: '2' } }),
  ]
  await database.sql(
    `UPDATE "User" a SET "encryptedKmsKeyPhone" = b."encryptedKmsKeyPhone", phone = b.phone FROM "User" b
     WHERE a.id = $1 AND b.id = $2`,
    two.id,
    one.id,
  )
  take()
  const rows = await prisma.user.findMany({
    where: { id: { in: [one.id, two.id] } },
    select: { phone: true },
    orderBy: { id: 'asc' },
  })
  expect(rows).toEqual([{ phone: '1' }, { phone: '1' }])
  expect(take().map(({ recordId, keyName }) => [recordId, keyName])).toEqual([
    [String(one.id), 'phone'],
    [String(two.id), 'phone'],
  ])
})

test('the index key is told without a record', async () => {
  const { prisma, events } = connect()
  await prisma.user.create({ data: { name: 'Ada' } })
  expect(events.filter(({ model }) => model === null)).toEqual([
    expect.objectContaining({
      operation: 'unwrap',
      keyId: 'insecure-test-key',
      keyName: null,
      keyVersion: null,
      recordId: null,
      context: { purpose: 'blind-index' },
    }),
  ])
})

test('rotation tells of each rewrapped record under its new version', async () => {
  const { prisma } = connect(versionsAt(1))
  await database.sql('TRUNCATE "Org" CASCADE; TRUNCATE "User" CASCADE')
  const { id } = await prisma.user.create({ data: { name: 'Ada' } })
  const next = connect(versionsAt(2))
  await rotateAll(next.prisma.user, { key: 'default' })
  const events = next.take()
  expect(events.map(({ operation, keyId, recordId }) => [operation, keyId, recordId])).toEqual([
    ['unwrap', 'local/app', String(id)],
    ['wrap', 'local/next', String(id)],
  ])
  expect(events.map(({ keyVersion }) => keyVersion)).toEqual([1, 2])
  await rotateAll(next.prisma.user, { key: 'default', force: true })
  expect(next.take().map(short)).toEqual([['rewrap', 'User', String(id), 'default', 2, 'local/next', 1]])
})

test('a refused key is told with its code, for the record that it was tried on', async () => {
  const { prisma, take } = connect()
  const [one, two] = [
    await prisma.user.create({ data: { name: '1' } }),
    await prisma.user.create({ data: { name: '2' } }),
  ]
  await database.sql(
    `UPDATE "User" a SET "encryptedKmsKey" = b."encryptedKmsKey" FROM "User" b WHERE a.id = $1 AND b.id = $2`,
    two.id,
    one.id,
  )
  take()
  expect(await codeOf(prisma.user.findUnique({ where: { id: two.id } }))).toBe('DECRYPTION_FAILED')
  expect(take()).toMatchObject([
    { operation: 'unwrap', model: 'User', recordId: String(two.id), outcome: 'KMS_INVALID_CIPHERTEXT' },
  ])
})

test('a listener that throws stops no operation', async () => {
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = () => undefined
  try {
    const { prisma } = database.connect({
      onKmsEvent: () => {
        throw new Error('the log is down')
      },
    })
    const { id } = await prisma.user.create({ data: { name: 'Ada', email: 'ada@example.com' } })
    expect(await prisma.user.findUnique({ where: { id } })).toMatchObject({ email: 'ada@example.com' })
  } finally {
    process.emitWarning = emitWarning
  }
})

test('no event holds a plaintext, a key or a ciphertext', async () => {
  const { prisma, take } = connect()
  const { id } = await prisma.user.create({
    data: { name: 'canary-name', email: 'canary-mail', phone: 'canary-no' },
  })
  await prisma.user.update({ where: { id }, data: { email: 'canary-mail-2' } })
  await prisma.user.findUnique({ where: { id } })
  const row = await database.stored('"User"', id)
  const text = inspect(take(), { depth: Infinity, showHidden: true })
  expect(text).toContain(`recordId: '${id}'`)
  expect(text).not.toContain('canary')
  for (const value of Object.values(row)) {
    if (typeof value === 'string' && value.length > 12) expect(text).not.toContain(value.slice(3, 24))
  }
})

test('the configuration refuses an onKmsEvent that is no function', () => {
  const refused = () => database.connect({ onKmsEvent: 'log' as never })
  expect(refused).toThrow(/onKmsEvent: expected a function[^]*INVALID_CONFIGURATION/)
})
