/** What must hold on every database, where no statement of PostgreSQL's can be counted on. */
import { rotateAll } from '../../src/rotation/rotate-all.js'
import { codeOf, errorOf, versionsAt } from '../support/extended-database.js'
import {
  connectTo,
  type OtherClient,
  type OtherConfig,
  type OtherDatabase,
  type TestDatabase,
} from './other-database.js'

/** Holds the test's database and closes what it opened. */
export interface Suite {
  connect(config?: OtherConfig, options?: object): OtherClient
  readonly client: OtherClient
  readonly models: OtherDatabase['models']
  /** A client that shares nothing with {@link client}, to read with. */
  readonly reader: OtherClient['prisma']
}

/** Makes the database before a file's tests and drops it after them. */
export function useDatabase(kind: OtherDatabase): Suite {
  let database: TestDatabase | undefined
  const clients: OtherClient[] = []
  const connect = (config?: OtherConfig, options?: object): OtherClient => {
    if (!database) throw new Error('the database exists only inside tests')
    const client = connectTo(kind, database, config, options)
    clients.push(client)
    return client
  }
  let shared: OtherClient | undefined
  let reader: OtherClient | undefined
  beforeAll(async () => {
    database = await kind.createDatabase()
  })
  afterAll(async () => {
    for (const client of clients) await client.close()
    await database?.drop()
  })
  return {
    connect,
    models: kind.models,
    get client() {
      return (shared ??= connect())
    },
    get reader() {
      return (reader ??= connect()).prisma
    },
  }
}

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index))

/** The shared tests. */
export function describeDatabase(suite: Suite): void {
  test('creates, with nested records of every kind of id, are sealed and read back', async () => {
    const { prisma, plain } = suite.client
    const user = await prisma.user.create({
      data: {
        name: 'Ada',
        email: 'ada@example.com',
        phone: '0123',
        notes: { deep: ['x', 1] },
        avatar: new Uint8Array([1, 2, 3]),
        posts: {
          create: [
            { title: 'a', body: 'one', comments: { create: { text: 'first' } } },
            { title: 'b', body: 'two' },
          ],
        },
        profile: { create: { bio: 'bio', headline: 'head' } },
        devices: { create: { token: new Uint8Array([9]) } },
        auditEntries: { create: { action: 'x', payload: { a: 1 } } },
      },
      include: {
        posts: { include: { comments: true }, orderBy: { id: 'asc' } },
        profile: true,
        devices: true,
        auditEntries: true,
      },
    })
    const read = await suite.reader.user.findUniqueOrThrow({
      where: { id: user.id },
      include: {
        posts: { include: { comments: true }, orderBy: { id: 'asc' } },
        profile: true,
        devices: true,
        auditEntries: true,
      },
    })
    expect(read).toEqual(user)
    expect(read).toMatchObject({
      name: 'Ada',
      phone: '0123',
      notes: { deep: ['x', 1] },
      profile: { bio: 'bio' },
    })
    expect(read.posts.map(({ body, comments }) => [body, comments.map(({ text }) => text)])).toEqual([
      ['one', ['first']],
      ['two', []],
    ])
    const stored = await plain.user.findUniqueOrThrow({ where: { id: user.id } })
    expect(stored.name).toMatch(/^S0UB/)
    expect(stored.encryptedKmsKey).toMatch(/^v1:/)
  })

  test('a checked create, whose input takes no id, works as well', async () => {
    const { prisma } = suite.client
    const org = await prisma.org.create({ data: { name: 'o' } })
    const user = await prisma.user.create({ data: { name: 'n', org: { connect: { id: org.id } } } })
    const other = await prisma.user.create({ data: { name: 'm', org: { create: { name: 'new' } } } })
    expect(user.orgId).toBe(org.id)
    const names = await suite.reader.user.findMany({
      where: { id: { in: [user.id, other.id] } },
      orderBy: { id: 'asc' },
    })
    expect(names.map(({ name }) => name)).toEqual(['n', 'm'])
  })

  test('keys that are set after the insert, also of a record that is found on several ways', async () => {
    const eager = 'after-insert' as const
    const keys = { default: { keyId: 'local/app', eager }, phone: { keyId: 'local/phone', eager } }
    const { prisma } = suite.connect({ keys })
    const other = await prisma.user.create({
      data: { name: 'other', phone: '1', posts: { create: { title: 'post', body: 'b' } } },
      include: { posts: true },
    })
    const where = { id: other.posts[0]?.id ?? 0 }
    const editor = { connectOrCreate: { where: { id: other.id }, create: { name: 'never' } } }
    const user = await prisma.user.create({
      data: {
        name: 'root',
        posts: { connectOrCreate: { where, create: { title: 'never', editor } } },
        editedPosts: { connect: where },
      },
    })
    expect(await suite.reader.user.findUnique({ where: { id: user.id } })).toMatchObject({ name: 'root' })
    expect(await suite.reader.user.findUnique({ where: { id: other.id } })).toMatchObject({ phone: '1' })
  })

  test('createMany of many rows: every row opens', async () => {
    const { prisma } = suite.client
    const { count } = await prisma.user.createMany({
      data: times(1_200, (n) => ({ name: `many ${n}`, nickname: 'many' })),
    })
    expect(count).toBe(1_200)
    const rows = await suite.reader.user.findMany({ where: { nickname: 'many' }, orderBy: { id: 'asc' } })
    expect(rows.map(({ name }) => name)).toEqual(times(1_200, (n) => `many ${n}`))
  })

  test('40 concurrent creates and createMany calls', async () => {
    const { prisma } = suite.client
    await Promise.all(
      times(40, (n) =>
        n % 2 === 0
          ? prisma.post.create({ data: { title: 'c', body: `c${n}`, author: { create: { name: `a${n}` } } } })
          : prisma.user.createMany({
              data: [
                { name: `c${n}`, nickname: 'conc' },
                { name: `d${n}`, nickname: 'conc' },
              ],
            }),
      ),
    )
    expect(await suite.reader.post.count({ where: { title: 'c' } })).toBe(20)
    const users = await suite.reader.user.findMany({ where: { nickname: 'conc' } })
    expect(new Set(users.map(({ name }) => name)).size).toBe(40)
  })

  test.each([
    ['a record without key', {}],
    ['a record with a key', { email: 'before' }],
  ])('20 concurrent partial updates of %s lose nothing', async (_, more) => {
    const { prisma } = suite.client
    const post = await prisma.user.create({ data: { name: 'x', handle: null, ...more } })
    const fields = ['email', 'notes', 'name', 'phone'] as const
    const results = await Promise.allSettled(
      times(20, (n) =>
        prisma.user.update({ where: { id: post.id }, data: { [fields[n % 4] ?? 'name']: `w${n}` } }),
      ),
    )
    expect(results.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))).toEqual([])
    const read = await suite.reader.user.findUniqueOrThrow({ where: { id: post.id } })
    fields.forEach((field, at) => {
      expect(times(5, (n) => `w${n * 4 + at}`)).toContain(read[field])
    })
  })

  test('20 concurrent first values of a record: one key, all readable', async () => {
    const { prisma } = suite.client
    const author = await prisma.user.create({ data: { name: 'author' } })
    const entry = await prisma.auditEntry.create({ data: { action: 'first', actorId: author.id } })
    await Promise.all(
      times(20, (n) =>
        prisma.auditEntry.update({
          where: { id: entry.id },
          data: n % 2 === 0 ? { detail: `d${n}` } : { payload: { n } },
        }),
      ),
    )
    const read = await suite.reader.auditEntry.findUniqueOrThrow({ where: { id: entry.id } })
    expect(read.detail).toMatch(/^d\d+$/)
    expect(read.payload).toEqual({ n: expect.any(Number) as number })
  })

  test('an update of a missing record is P2025, of one with a wrong condition as well', async () => {
    const { prisma } = suite.client
    const user = await prisma.user.create({ data: { name: 'x', nickname: 'here' } })
    expect(await codeOf(prisma.user.update({ where: { id: 999_999_999 }, data: { name: 'y' } }))).toBe(
      'P2025',
    )
    const where = { id: user.id, nickname: 'elsewhere' }
    expect(await codeOf(prisma.user.update({ where, data: { name: 'y' } }))).toBe('P2025')
    expect(await suite.reader.user.findUnique({ where: { id: user.id } })).toMatchObject({ name: 'x' })
  })

  test('updates inside transactions, rolled back and committed', async () => {
    const { prisma } = suite.client
    const user = await prisma.user.create({ data: { name: 'x', email: 'e' } })
    const where = { id: user.id }
    await expect(
      prisma.$transaction(async (tx) => {
        await tx.user.update({
          where,
          data: { name: 'lost', posts: { create: { title: 'lost', body: 'lost' } } },
        })
        throw new Error('roll back')
      }),
    ).rejects.toThrow('roll back')
    expect(await suite.reader.user.findUnique({ where })).toMatchObject({ name: 'x' })
    expect(await suite.reader.post.count({ where: { title: 'lost' } })).toBe(0)
    await prisma.$transaction(async (tx) => {
      await tx.user.update({ where, data: { name: 'kept' } })
      await Promise.all([
        tx.user.update({ where, data: { email: 'kept too' } }),
        tx.user.updateMany({ where, data: { phone: '1' } }),
      ])
      expect(await tx.user.findUnique({ where })).toMatchObject({
        name: 'kept',
        email: 'kept too',
        phone: '1',
      })
    })
    expect(await suite.reader.user.findUnique({ where })).toMatchObject({
      name: 'kept',
      email: 'kept too',
      phone: '1',
    })
  })

  test('batches run in order, on the same row too', async () => {
    const { prisma } = suite.client
    const [created, updated, count] = await prisma.$transaction([
      prisma.user.create({ data: { name: 'batch', handle: 'batch' } }),
      prisma.user.update({ where: { handle: 'batch' }, data: { email: 'e', name: 'batch 2' } }),
      prisma.user.count({ where: { handle: 'batch' } }),
    ])
    expect([created.name, updated.name, updated.email, count]).toEqual(['batch', 'batch 2', 'e', 1])
    expect(await suite.reader.user.findUnique({ where: { handle: 'batch' } })).toMatchObject({
      name: 'batch 2',
    })
  })

  test('20 concurrent transactions with partial updates of one row: each applied or reported', async () => {
    const { prisma } = suite.client
    const user = await prisma.user.create({ data: { name: 'x' } })
    const results = await Promise.all(
      times(20, (n) =>
        codeOf(
          prisma.$transaction(
            async (tx) => {
              await tx.user.update({
                where: { id: user.id },
                data: { loginCount: { increment: 1 }, email: `w${n}` },
              })
            },
            { maxWait: 30_000, timeout: 30_000 },
          ),
        ),
      ),
    )
    const applied = results.filter((code) => code === null).length
    expect(results.every((code) => [null, 'P2034', 'WRITE_CONFLICT'].includes(code as string | null))).toBe(
      true,
    )
    expect(applied).toBeGreaterThan(0)
    expect(await suite.reader.user.findUnique({ where: { id: user.id } })).toMatchObject({
      loginCount: applied,
    })
  })

  test('nested updates, updateMany and upserts do what they do in plain Prisma, each record under its own key', async () => {
    const { prisma, plain } = suite.client
    const posts = [{ title: 'p1', body: '1' }, { title: 'p2', body: '2' }, { title: 'p3' }]
    const data = { name: 'n', posts: { create: posts } }
    const include = { posts: { orderBy: { id: 'asc' } } } as const
    const changes = (ids: readonly number[]) => ({
      posts: {
        update: { where: { id: ids[0] ?? 0 }, data: { body: 'one' } },
        updateMany: { where: { title: { in: ['p2', 'p3'] } }, data: { body: 'both' } },
        upsert: [
          {
            where: { id: ids[1] ?? 0 },
            create: { title: 'never', body: 'never' },
            update: { published: true },
          },
          { where: { id: 999_999_999 }, create: { title: 'p4', body: 'new' }, update: { body: 'never' } },
        ],
      },
    })
    const user = await prisma.user.create({ data, include })
    const twin = await plain.plainUser.create({ data, include })
    await prisma.user.update({ where: { id: user.id }, data: changes(user.posts.map(({ id }) => id)) })
    await plain.plainUser.update({ where: { id: twin.id }, data: changes(twin.posts.map(({ id }) => id)) })
    const contents = (rows: readonly { title: string; body: string | null }[]) =>
      rows.map(({ title, body }) => [title, body])
    const read = await suite.reader.post.findMany({ where: { authorId: user.id }, orderBy: { id: 'asc' } })
    const expected = await plain.plainPost.findMany({ where: { authorId: twin.id }, orderBy: { id: 'asc' } })
    expect(contents(read)).toEqual(contents(expected))
    expect(contents(read)).toContainEqual(['p4', 'new'])
    const stored = await plain.post.findMany({ where: { authorId: user.id } })
    expect(new Set(stored.map(({ encryptedKmsKey }) => encryptedKmsKey)).size).toBe(4)
  })

  test('40 concurrent nested partial updates all take effect or fail', async () => {
    const { prisma } = suite.client
    const user = await prisma.user.create({
      data: { name: 'n', posts: { create: { title: 'p', body: 'b' } } },
      include: { posts: true },
    })
    const id = user.posts[0]?.id ?? 0
    const codes = await Promise.all(
      times(40, (n) =>
        codeOf(
          prisma.user.update({
            where: { id: user.id },
            data: {
              loginCount: { increment: 1 },
              posts: { update: { where: { id }, data: { body: `b${n}` } } },
            },
          }),
        ),
      ),
    )
    expect(codes.filter((code) => code !== null && code !== 'P2034')).toEqual([])
    const read = await suite.reader.user.findUniqueOrThrow({
      where: { id: user.id },
      include: { posts: true },
    })
    expect(read.loginCount).toBe(codes.filter((code) => code === null).length)
    expect(read.posts[0]?.body).toMatch(/^b\d+$/)
  })

  test('updateMany seals each record on its own', async () => {
    const { prisma } = suite.client
    const org = await prisma.org.create({
      data: { name: 'um', users: { create: times(5, (n) => ({ name: `u${n}` })) } },
    })
    const where = { orgId: org.id }
    expect(await prisma.user.updateMany({ where, data: { email: 'same', name: 'same' } })).toEqual({
      count: 5,
    })
    const rows = await suite.reader.user.findMany({ where })
    expect(rows.map(({ name, email }) => [name, email])).toEqual(times(5, () => ['same', 'same']))
    expect(new Set(rows.map(({ encryptedKmsKey }) => encryptedKmsKey)).size).toBe(5)
  })

  test('an encrypt-only server writes without opening a key, and every field opens elsewhere', async () => {
    const whole = { name: 'n', email: 'e', notes: { n: 1 }, avatar: new Uint8Array([1, 2]), phone: '+1' }
    const { id } = await suite.client.prisma.user.create({ data: whole })
    const encryptOnly = suite.connect({ mode: 'encrypt-only' })
    const write = (data: object) =>
      encryptOnly.prisma.user.update({ where: { id }, data, select: { id: true } })
    await write({ email: 'e 2' })
    await write({ phone: '+2' })
    await encryptOnly.prisma.user.updateMany({ where: { id }, data: { name: 'n 2' } })
    expect(await suite.reader.user.findUnique({ where: { id } })).toMatchObject({
      ...whole,
      name: 'n 2',
      email: 'e 2',
      phone: '+2',
    })
    expect(encryptOnly.kms.counts.unwrap.calls).toBe(0)
  })

  test('40 concurrent upserts of one new record make one readable record', async () => {
    const { prisma } = suite.client
    const results = await Promise.all(
      times(40, (n) =>
        codeOf(
          prisma.user.upsert({
            where: { handle: 'up' },
            create: { handle: 'up', name: `c${n}` },
            update: { email: `u${n}`, loginCount: { increment: 1 } },
          }),
        ),
      ),
    )
    expect(results.filter((code) => code !== null && code !== 'P2034')).toEqual([])
    const rows = await suite.reader.user.findMany({ where: { handle: 'up' } })
    expect(rows).toHaveLength(1)
    expect(rows[0]?.name).toMatch(/^c\d+$/)
    expect(rows[0]?.loginCount).toBe(results.filter((code) => code === null).length - 1)
  })

  test('an upsert inside a transaction creates, then updates', async () => {
    const { prisma } = suite.client
    const upsert = {
      where: { handle: 'itx' },
      create: { handle: 'itx', name: 'created', posts: { create: { title: 't', body: 'b' } } },
      update: { name: 'updated' },
    }
    await prisma.$transaction(async (tx) => {
      expect(await tx.user.upsert(upsert)).toMatchObject({ name: 'created' })
      expect(await tx.user.upsert(upsert)).toMatchObject({ name: 'updated' })
    })
    expect(await suite.reader.user.findUnique({ where: { handle: 'itx' } })).toMatchObject({
      name: 'updated',
    })
  })

  test('blind indexes find, keep unique and follow their field', async () => {
    const { prisma } = suite.client
    const org = await prisma.org.create({ data: { name: 'acc' } })
    const data = {
      email: 'Ada@Example.com ',
      phone: '+1 (23)',
      city: 'Zürich',
      taxId: 'T1',
      badge: 'b1',
      orgId: org.id,
    }
    const account = await prisma.account.create({ data })
    const find = (where: object) =>
      suite.reader.account.findMany({ where: { ...where, orgId: org.id }, select: { email: true } })
    expect(await suite.reader.account.findUnique({ where: { email: 'ada@example.com' } })).toMatchObject({
      id: account.id,
      ...data,
    })
    expect(await find({ phone: '123' })).toEqual([{ email: data.email }])
    expect(await find({ city: { in: ['zurich', 'Bern'] } })).toEqual([{ email: data.email }])
    expect(await find({ taxId: 'T1' })).toEqual([{ email: data.email }])
    expect(await find({ taxId: 't1' })).toEqual([])
    const error = await errorOf(prisma.account.create({ data: { email: 'ADA@example.com' } }))
    expect(error).toMatchObject({ code: 'P2002' })
    expect(JSON.stringify(error['meta']) + error.message).not.toContain('emailBidx')
    await prisma.account.update({
      where: { email: 'ada@example.com' },
      data: { email: 'new@example.com', phone: null },
    })
    expect(await find({ phone: '123' })).toEqual([])
    expect(await suite.reader.account.findUnique({ where: { email: 'new@example.com' } })).toMatchObject({
      id: account.id,
    })
    expect(await suite.reader.account.findUnique({ where: { email: 'ada@example.com' } })).toBeNull()
  })

  test('re-encryption gives new data keys under writers, and touches nothing else', async () => {
    const old = suite.connect(versionsAt(1))
    const next = suite.connect(versionsAt(2))
    const data = times(12, (n) => ({ name: `e${n}`, nickname: 'enc', email: `e${n}@x`, notes: { n } }))
    await old.prisma.user.createMany({ data })
    const where = { nickname: 'enc' }
    const rows = () => old.plain.user.findMany({ where, orderBy: { id: 'asc' } })
    const before = await rows()
    const id = before[3]?.id ?? 0
    const [result] = await Promise.all([
      rotateAll(next.prisma.user, { mode: 're-encrypt', key: 'default', where, batchSize: 3 }),
      old.prisma.user.update({ where: { id }, data: { email: 'written meanwhile' } }),
    ])
    expect(result).toMatchObject({ failed: 0, finished: true })
    // The other deployment may have written last, under a key of its own version.
    await rotateAll(next.prisma.user, { mode: 're-encrypt', key: 'default', where })
    const after = await rows()
    expect(after.every(({ encryptedKmsKey }) => /^v2:[^ ]+$/.test(encryptedKmsKey ?? ''))).toBe(true)
    after.forEach((row, index) => {
      expect(row.name).not.toBe(before[index]?.name)
      if (row.id !== id) expect(row.updatedAt).toEqual(before[index]?.updatedAt)
    })
    const opened = await suite.connect(versionsAt(2)).prisma.user.findMany({ where, orderBy: { id: 'asc' } })
    expect(opened.map(({ name, email, notes }) => ({ name, email, notes }))).toEqual(
      data.map(({ name, email, notes }, n) => ({
        name,
        email: n === 3 ? 'written meanwhile' : email,
        notes,
      })),
    )
  })

  test('a record whose keys a writer changes all the time gets its turn under a lock', async () => {
    const { prisma } = suite.connect({
      keys: { default: { keyId: 'local/app', freshKeys: true }, phone: { keyId: 'local/phone' } },
    })
    const { id } = await prisma.user.create({ data: { name: 'kept', email: 'round 0' } })
    let [round, last, rotating] = [0, 0, true]
    const writing = (async () => {
      while (rotating) {
        const data = { email: `round ${++round}` }
        const code = await codeOf(prisma.user.update({ where: { id }, data, select: { id: true } }))
        if (code === null) last = round
        else expect(code).toBe('P2034') // SQLite's only writer is the other one
      }
    })()
    const rotator = suite.connect({})
    rotator.kms.latencyMs = 5
    const options = { mode: 're-encrypt', key: 'default', force: true, where: { id } } as const
    for (let turn = 0; turn < 3; turn++)
      expect(await rotateAll(rotator.prisma.user, options)).toMatchObject({
        done: 1,
        failed: 0,
        failures: [],
      })
    rotating = false
    await writing
    expect(await suite.reader.user.findUnique({ where: { id } })).toMatchObject({
      name: 'kept',
      email: `round ${last}`,
    })
  })

  test('re-encryption leaves a record whose key a field needs that only another deployment knows', async () => {
    const data = { name: 'unknown', nickname: 'rolling', notes: { newer: true } }
    const { id } = await suite.reader.user.create({ data })
    const { User } = suite.models
    const { notes, ...encrypted } = User.encrypted
    expect(notes.type).toBe('Json')
    const models = { ...suite.models, User: { ...User, encrypted } as typeof User } // the newer types serve both
    const older = suite.connect(Object.assign(versionsAt(1), { models }))
    const options = { mode: 're-encrypt', key: 'default', force: true, where: { id } } as const
    const result = await rotateAll(older.prisma.user, options)
    expect(result.failures.map(({ error }) => error.code)).toEqual(['UNSUPPORTED_OPERATION'])
    expect(await suite.reader.user.findUnique({ where: { id } })).toMatchObject(data)
    expect(await rotateAll(suite.client.prisma.user, options)).toMatchObject({ done: 1, failed: 0 })
    expect(await suite.reader.user.findUnique({ where: { id } })).toMatchObject(data)
  })

  test('rotateAll leaves only current keys, and nothing else is changed', async () => {
    const old = suite.connect(versionsAt(1))
    const next = suite.connect(versionsAt(2))
    const [first] = await Promise.all(
      times(30, (n) => old.prisma.user.create({ data: { name: `r${n}`, nickname: 'rot' } })),
    )
    const before = await old.plain.user.findMany({ where: { nickname: 'rot' }, orderBy: { id: 'asc' } })
    const seen: number[] = []
    const result = await rotateAll(next.prisma.user, {
      key: 'default',
      batchSize: 100,
      onProgress: ({ done }) => seen.push(done),
    })
    expect(result.failed).toBe(0)
    expect(result.done).toBeGreaterThanOrEqual(30)
    const after = await old.plain.user.findMany({ where: { nickname: 'rot' }, orderBy: { id: 'asc' } })
    expect(after.every(({ encryptedKmsKey }) => encryptedKmsKey?.startsWith('v2:'))).toBe(true)
    expect(after.map(({ name, updatedAt }) => [name, updatedAt])).toEqual(
      before.map(({ name, updatedAt }) => [name, updatedAt]),
    )
    expect(await rotateAll(next.prisma.user, { key: 'default' })).toMatchObject({ done: 0, failed: 0 })
    expect(await next.prisma.user.findUnique({ where: { id: first?.id ?? 0 } })).toMatchObject({ name: 'r0' })
  })
}
