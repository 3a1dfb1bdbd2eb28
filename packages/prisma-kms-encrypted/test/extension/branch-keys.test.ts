/** Branch keys in the extension, stored in PostgreSQL: calls, tenants, rollbacks, versions and rotation. */
import pg from 'pg'
import { postgresBranchKeys } from '../../src/providers/postgres-branch-keys.js'
import { rotateAll } from '../../src/rotation/rotate-all.js'
import type { KmsEvent } from '../../src/kms/audit-event.js'
import type { BranchKeyOptions } from '../../src/extension/branch-key-options.js'
import { plainKeys } from '../support/extended-client.js'
import { codeOf, forget, useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
const closing: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  const store = postgresBranchKeys({ connectionString: database.url })
  await store.createTable()
  await store.close?.()
})
afterEach(() => Promise.all(closing.splice(0).map((close) => close())))
beforeEach(() => database.sql('TRUNCATE kms_branch_keys, "User", "Post" CASCADE'))

/** A server whose default key uses branch keys, with a store of its own. */
function connect(branchKeys: Partial<BranchKeyOptions> = {}): ExtendedClient {
  const store = postgresBranchKeys({ connectionString: database.url })
  const client = database.connect({
    keys: {
      ...plainKeys,
      default: { keyId: 'local/app', branchKeys: { store, per: 'model', ...branchKeys } },
    },
  })
  closing.push(() => client.prisma.$kms.close())
  return client
}
const branchRows = () => database.sql('SELECT * FROM kms_branch_keys ORDER BY scope, name, generation')

test('reading 1,000 rows costs one call without a branch key in memory, and none with it', async () => {
  const data = Array.from({ length: 1_000 }, (_, index) => ({ name: `name ${index}` }))
  const writer = connect()
  await writer.prisma.user.createMany({ data })
  expect(writer.kms.log).toEqual([
    { operation: 'wrap', keyId: 'local/app', items: 1 },
    { operation: 'unwrap', keyId: 'local/app', items: 1 },
  ])
  const { prisma, kms } = connect()
  const rows = await prisma.user.findMany({ orderBy: { id: 'asc' } })
  expect(rows.map(({ name }) => name)).toEqual(data.map(({ name }) => name))
  expect(kms.log).toEqual([{ operation: 'unwrap', keyId: 'local/app', items: 1 }])
  await prisma.user.findMany()
  expect(kms.totalCalls).toBe(1)
  expect(await branchRows()).toMatchObject([{ scope: 'default v1', name: 'User', generation: 1 }])
})

test('each model has its own branch key; a key name without the option none', async () => {
  const { prisma, kms } = connect()
  const { id } = await prisma.user.create({
    data: { name: 'Ada', phone: '1', posts: { create: { title: 't', body: 'b' } } },
  })
  expect((await branchRows()).map(({ name }) => name)).toEqual(['Post', 'User'])
  expect(kms.log.filter(({ keyId }) => keyId === 'local/phone')).toHaveLength(1)
  const found = await connect().prisma.user.findUnique({ where: { id }, include: { posts: true } })
  expect(found).toMatchObject({ name: 'Ada', phone: '1', posts: [{ body: 'b' }] })
})

test('one branch key for each tenant, named by a context column that can no longer change', async () => {
  const byTenant = () => {
    const store = postgresBranchKeys({ connectionString: database.url })
    const per: BranchKeyOptions['per'] = ({ columns }) => columns['nickname'] ?? 'nobody'
    const client = database.connect({
      keys: {
        ...plainKeys,
        phone: { keyId: 'local/phone', contextColumns: ['nickname'], branchKeys: { store, per } },
      },
    })
    closing.push(() => client.prisma.$kms.close())
    return client
  }
  const { prisma } = byTenant()
  const nicknames = ['acme', 'acme', 'umbrella', null]
  const data = nicknames.map((nickname, index) => ({ name: 'x', nickname, phone: `phone ${index}` }))
  await prisma.user.createMany({ data })
  expect((await branchRows()).map(({ scope, name }) => `${String(scope)}: ${String(name)}`)).toEqual([
    'phone v1: acme',
    'phone v1: nobody',
    'phone v1: umbrella',
  ])
  const { prisma: reader, kms } = byTenant()
  const found = await reader.user.findMany({ orderBy: { id: 'asc' }, select: { id: true, phone: true } })
  expect(found.map(({ phone }) => phone)).toEqual(data.map(({ phone }) => phone))
  expect(kms.log).toEqual([{ operation: 'unwrap', keyId: 'local/phone', items: 3 }])

  const [first, , third] = found
  const change = reader.user.update({ where: { id: first?.id ?? 0 }, data: { nickname: 'umbrella' } })
  expect(await codeOf(change)).toBe('CONTEXT_COLUMN_IMMUTABLE')
  // A record that was given to another tenant behind our back is refused, and asks for no key of the other's.
  await database.sql(`UPDATE "User" SET nickname = 'acme' WHERE id = $1`, third?.id)
  expect(await codeOf(byTenant().prisma.user.findMany({ select: { phone: true } }))).toBe('DECRYPTION_FAILED')
  // A tenant's data ends with its branch key; the others' stay.
  await database.sql(`DELETE FROM kms_branch_keys WHERE name = 'acme'`)
  const where = { nickname: null }
  expect(await byTenant().prisma.user.findMany({ where, select: { phone: true } })).toEqual([
    { phone: 'phone 3' },
  ])
})

test('a rollback after the first use of a branch key loses nothing', async () => {
  const { prisma } = connect()
  const thrown = new Error('the caller changes its mind')
  let kept = 0
  await expect(
    prisma.$transaction(async (tx) => {
      await tx.user.create({ data: { name: 'rolled back' } }) // starts the branch key
      kept = (await prisma.user.create({ data: { name: 'kept' } })).id // under the same one, outside
      throw thrown
    }),
  ).rejects.toBe(thrown)
  const read = await connect().prisma.user.findMany()
  expect(read).toMatchObject([{ id: kept, name: 'kept' }])
  expect(await branchRows()).toHaveLength(1)
})

test('20 servers that write at the same time end with one branch key, and read each other', async () => {
  const servers = Array.from({ length: 20 }, () => connect())
  await Promise.all(
    servers.map(({ prisma }, index) => prisma.user.create({ data: { name: `from ${index}` } })),
  )
  expect(await branchRows()).toHaveLength(1)
  const names = (await connect().prisma.user.findMany()).map(({ name }) => name)
  expect(names.sort()).toEqual(servers.map((_, index) => `from ${index}`).sort())
})

test('a wrapped key that was moved to another row does not open', async () => {
  const { prisma } = connect()
  const [a, b] = await Promise.all(['a', 'b'].map((name) => prisma.user.create({ data: { name } })))
  await database.sql(
    `UPDATE "User" x SET name = y.name, "encryptedKmsKey" = y."encryptedKmsKey" FROM "User" y WHERE x.id = $1 AND y.id = $2`,
    a?.id,
    b?.id,
  )
  expect(await codeOf(connect().prisma.user.findMany())).toBe('DECRYPTION_FAILED')
})

test('records whose branch key was deleted are BRANCH_KEY_MISSING; others are read', async () => {
  const { prisma } = connect()
  const { id } = await prisma.user.create({
    data: { name: 'lost', posts: { create: { title: 't', body: 'b' } } },
  })
  await database.sql(`DELETE FROM kms_branch_keys WHERE name = 'User'`)
  const reader = connect().prisma
  expect(await codeOf(reader.user.findUnique({ where: { id } }))).toBe('BRANCH_KEY_MISSING')
  expect(await reader.post.findFirst({ where: { authorId: id } })).toMatchObject({ body: 'b' })
})

describe('versions', () => {
  const direct = { keyId: 'local/app' }
  const versions = (current: 1 | 2, second: 'branch keys' | 'direct', first: 'branch keys' | 'direct') => {
    const store = postgresBranchKeys({ connectionString: database.url })
    const branched = { ...direct, branchKeys: { store, per: 'model' as const } }
    const of = (form: 'branch keys' | 'direct') => (form === 'direct' ? direct : branched)
    const client = database.connect({
      keys: { ...plainKeys, default: { current, versions: { 1: of(first), 2: of(second) } } },
    })
    closing.push(() => client.prisma.$kms.close())
    return client
  }

  test.each([
    ['direct', 'branch keys'],
    ['branch keys', 'direct'],
    ['branch keys', 'branch keys'],
  ] as const)('from %s to %s, with old and new servers side by side', async (from, to) => {
    const [old, fresh] = [versions(1, to, from), versions(2, to, from)]
    const first = await old.prisma.user.create({ data: { name: 'old', email: 'e' } })
    const second = await fresh.prisma.user.create({ data: { name: 'new' } })
    const both = [
      { id: first.id, name: 'old', email: 'e' },
      { id: second.id, name: 'new' },
    ]
    for (const { prisma } of [old, fresh]) {
      expect(await prisma.user.findMany({ orderBy: { id: 'asc' } })).toMatchObject(both)
    }
    await fresh.prisma.user.update({ where: { id: first.id }, data: { email: 'e2' } }) // two entries
    expect(await rotateAll(fresh.prisma.user, { key: 'default' })).toMatchObject({ done: 1, failed: 0 })
    const columns = await database.sql('SELECT "encryptedKmsKey" AS key FROM "User"')
    expect(columns.flatMap(({ key }) => String(key).split(' ')).map((entry) => entry.slice(0, 3))).toEqual(
      expect.arrayContaining(['v2:', 'v2:', 'v2:']),
    )
    expect(columns.some(({ key }) => String(key).includes('v1:'))).toBe(false)
    expect(await old.prisma.user.findMany({ orderBy: { id: 'asc' } })).toMatchObject([
      { name: 'old', email: 'e2' },
      { name: 'new' },
    ])
  })

  test('branch keys that were added to a version with records are DECRYPTION_FAILED, not a guess', async () => {
    const before = database.connect({ keys: plainKeys })
    const { id } = await before.prisma.user.create({ data: { name: 'direct' } })
    const read = connect().prisma.user.findUnique({ where: { id } })
    const error = await read.then(
      () => null,
      (thrown: unknown) => thrown as { code: string; cause: Error },
    )
    expect(error).toMatchObject({ code: 'DECRYPTION_FAILED' })
    expect(error?.cause.message).toContain('need a key version of their own')
  })
})

test('rotateBranchKeys() and a forced rotateAll() move every record under new branch keys', async () => {
  const { prisma, kms } = connect()
  await prisma.user.createMany({ data: Array.from({ length: 30 }, (_, index) => ({ name: `n${index}` })) })
  expect(await prisma.$kms.rotateBranchKeys()).toBe(1)
  forget({ ...connect(), kms })
  expect(await rotateAll(prisma.user, { key: 'default', force: true })).toMatchObject({
    done: 30,
    failed: 0,
  })
  expect(kms.totalCalls).toBeLessThanOrEqual(2)
  const [first, second] = await branchRows()
  await database.sql('DELETE FROM kms_branch_keys WHERE id = $1', first?.['id'])
  expect(second).toMatchObject({ generation: 2 })
  expect(await connect().prisma.user.count()).toBe(30)
  expect((await connect().prisma.user.findMany()).map(({ name }) => name)).toContain('n29')
})

describe('the store', () => {
  test('takes a pool or another PrismaClient', async () => {
    const pool = new pg.Pool({ connectionString: database.url, max: 1 })
    closing.push(() => pool.end())
    const stores = [
      postgresBranchKeys({ client: pool }),
      postgresBranchKeys({ client: database.connect().plain }),
      postgresBranchKeys({ connectionString: database.url }),
    ]
    closing.push(...stores.map((store) => () => store.close?.() ?? Promise.resolve()))
    const row = {
      id: 'ab'.repeat(16),
      scope: 'default v1',
      name: `tenant "1", 'x' \\ é`,
      generation: 1,
      wrapped: Buffer.from('wrapped '.repeat(20)),
      createdAtMs: 1_700_000_000_123,
    }
    for (const store of stores) {
      await store.createTable() // is there already
      await store.add(row)
      await store.add({ ...row, id: 'cd'.repeat(16), wrapped: Buffer.from('another') }) // never overwrites
      await store.add({ ...row, generation: 2 }) // an id neither
      expect(await store.newest('default v1')).toEqual([row])
      expect(await store.newest('default v1', [row.name, 'unknown'])).toEqual([row])
      expect(await store.newest('default v1', [])).toEqual([])
      expect(await store.newest('phone v1', [row.name])).toEqual([])
      expect(await store.find('default v1', [row.id, 'ef'.repeat(16)])).toEqual([row])
      expect(await store.find('phone v1', [row.id])).toEqual([])
    }
  })

  test('tables in other schemas, made by many servers at the same time', async () => {
    await database.sql('CREATE SCHEMA "key store"')
    const options = { connectionString: database.url, schema: 'key store', table: 'branch"keys' }
    const stores = Array.from({ length: 10 }, () => postgresBranchKeys(options))
    await Promise.all(stores.map((store) => store.createTable()))
    expect(await stores[0]?.newest('x')).toEqual([])
    await Promise.all(stores.map(async (store) => store.close?.()))
  })

  test.each([
    ['is missing', 'DROP TABLE broken', 'it does not exist'],
    ['lacks a column', 'ALTER TABLE broken DROP COLUMN wrapped', 'it has no column wrapped'],
    [
      'has another type',
      'ALTER TABLE broken ALTER generation TYPE bigint',
      'the type of generation is bigint',
    ],
    ['lets a column be null', 'ALTER TABLE broken ALTER name DROP NOT NULL', 'name may be null'],
    [
      'lets two servers start the same branch key',
      'ALTER TABLE broken DROP CONSTRAINT broken_scope_name_generation_key',
      'nothing makes (generation, name, scope) unique',
    ],
  ])('a table that %s is INVALID_CONFIGURATION', async (_, change, message) => {
    const store = postgresBranchKeys({ connectionString: database.url, table: 'broken' })
    await store.createTable()
    await database.sql(change)
    const used = postgresBranchKeys({ connectionString: database.url, table: 'broken' })
    const { prisma } = connect({ store: used })
    await expect(prisma.user.create({ data: { name: 'x' } })).rejects.toMatchObject({
      code: 'INVALID_CONFIGURATION',
      message: expect.stringContaining(message) as string,
    })
    await Promise.all([store.close?.(), database.sql('DROP TABLE IF EXISTS broken')])
  })

  test('needs no more than SELECT and INSERT', async () => {
    const url = await database.createRole('GRANT SELECT, INSERT ON kms_branch_keys TO $role')
    const { prisma } = connect({ store: postgresBranchKeys({ connectionString: url }) })
    const { id } = await prisma.user.create({ data: { name: 'x' } })
    expect(await connect().prisma.user.findUnique({ where: { id } })).toMatchObject({ name: 'x' })
  })

  test('a database that is away is BRANCH_KEY_STORE_FAILED, without its address', async () => {
    const away = Object.assign(new URL(database.url), { port: '1', password: 'hunter2' }).href
    const { prisma } = connect({ store: postgresBranchKeys({ connectionString: away }) })
    const error = await prisma.user.create({ data: { name: 'x' } }).then(
      () => null,
      (thrown: unknown) => thrown as Error & { code: string },
    )
    expect(error).toMatchObject({ code: 'BRANCH_KEY_STORE_FAILED' })
    expect(JSON.stringify(error) + String(error?.stack)).not.toContain('hunter2')
  })

  test.each([
    ['neither', {}],
    ['both', { connectionString: 'postgres://localhost/x', client: { query: () => undefined } }],
    ['an object of another kind', { client: {} }],
    ['an unknown option', { connectionString: 'postgres://localhost/x', retries: 3 }],
  ])('%s is INVALID_CONFIGURATION', async (_, options) => {
    expect(await codeOf(Promise.resolve().then(() => postgresBranchKeys(options as never)))).toBe(
      'INVALID_CONFIGURATION',
    )
  })
})

test.each([
  ['no store', { per: 'model' }],
  ['a store without add', { store: { newest: () => [], find: () => [] }, per: 'model' }],
  ['another word', { per: 'tenant' }],
  ['a negative age', { per: 'model', rotate: { maxAgeMs: -1 } }],
  ['an unknown bound', { per: 'model', memory: { ttl: 5 } }],
])('%s is INVALID_CONFIGURATION', async (name, given) => {
  const options =
    name === 'no store' || name === 'a store without add'
      ? given
      : { store: postgresBranchKeys({ connectionString: database.url }), ...given }
  const extend = () =>
    database.connect({
      keys: { ...plainKeys, default: { keyId: 'local/app', branchKeys: options as never } },
    })
  expect(await codeOf(Promise.resolve().then(extend))).toBe('INVALID_CONFIGURATION')
})

test('a record whose branch has no name is INVALID_CONTEXT, before anything is sent', async () => {
  const { prisma, queries, kms } = connect({ per: () => '' })
  await prisma.user.findMany() // reads the catalogue
  forget({ ...connect(), queries, kms })
  expect(await codeOf(prisma.user.create({ data: { name: 'x' } }))).toBe('INVALID_CONTEXT')
  expect(kms.totalCalls).toBe(0)
  expect(queries.filter(({ sql }) => sql.startsWith('INSERT'))).toEqual([])
})

test('each use is an event of its record by the branch key; opening the branch key one of no record', async () => {
  const store = postgresBranchKeys({ connectionString: database.url })
  const events: KmsEvent[] = []
  const { prisma } = database.connect({
    keys: { ...plainKeys, default: { keyId: 'local/app', branchKeys: { store, per: 'model' } } },
    onKmsEvent: (event) => {
      if (event.context['purpose'] !== 'blind-index') events.push(event)
    },
  })
  closing.push(() => prisma.$kms.close())
  const { id } = await prisma.user.create({ data: { name: 'x' } })
  await prisma.user.findMany()
  const record = {
    source: 'branch-key',
    model: 'User',
    recordId: String(id),
    keyName: 'default',
    keyVersion: 1,
  }
  const purpose = expect.objectContaining({ purpose: 'branch-key', branch_name: 'User' }) as object
  expect(events).toMatchObject([
    { operation: 'wrap', source: 'service', model: null, context: purpose, outcome: 'success' },
    { operation: 'unwrap', source: 'service', model: null, context: purpose, outcome: 'success' },
    {
      ...record,
      operation: 'wrap',
      context: { model_name: 'User', model_id: String(id) },
      outcome: 'success',
    },
    { ...record, operation: 'unwrap', outcome: 'success' },
  ])
})

test('an encrypt-only server refuses branch keys; a decrypt-only one reads, and starts none', async () => {
  const store = postgresBranchKeys({ connectionString: database.url })
  closing.push(() => store.close?.() ?? Promise.resolve())
  const keys = { ...plainKeys, default: { keyId: 'local/app', branchKeys: { store, per: 'model' as const } } }
  const encryptOnly = Promise.resolve().then(() => database.connect({ keys, mode: 'encrypt-only' }))
  expect(await codeOf(encryptOnly)).toBe('INVALID_CONFIGURATION')

  await connect().prisma.user.create({ data: { name: 'x' } })
  const { prisma } = database.connect({ keys, mode: 'decrypt-only' })
  expect(await prisma.user.findMany()).toMatchObject([{ name: 'x' }])
  expect(await codeOf(prisma.$kms.rotateBranchKeys())).toBe('ENCRYPT_NOT_PERMITTED')
  expect(await branchRows()).toHaveLength(1)
})
