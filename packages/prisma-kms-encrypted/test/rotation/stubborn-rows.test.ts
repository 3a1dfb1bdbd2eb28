/** Rows that other writers change in every attempt: they get their turn under a lock, without asking a key service there. */
import pg from 'pg'
import { encryptAll, kmsEncrypted, rotateAll, type KmsProvider } from '../../src/index.js'
import { KmsEncryptedError } from '../../src/errors.js'
import { localKms } from '../../src/providers/local.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { createClient, type ClientOptions } from '../support/client.js'
import { indexKey, localKeys } from '../support/extended-client.js'
import { freshKeysAt, useExtendedDatabase, versionsAt } from '../support/extended-database.js'

const database = useExtendedDatabase()
const opened: ReturnType<typeof createClient>[] = []

beforeEach(async () => {
  await database.sql('TRUNCATE "User" RESTART IDENTITY CASCADE')
})
afterAll(async () => {
  await Promise.all(opened.map(({ prisma }) => prisma.$disconnect()))
})

/** Whether somebody holds the lock of the only row. */
async function isLocked(): Promise<boolean> {
  return (await database.sql('SELECT id FROM "User" FOR UPDATE SKIP LOCKED')).length === 0
}

/** A client whose calls to the key service and statements can be preceded by something. */
function connect(
  config: object,
  before: {
    /** What it gives is the answer, if that is an error. */
    call?: () => Promise<unknown>
    write?: () => Promise<void>
    lock?: () => Promise<void>
  },
) {
  const local = localKms({ keys: localKeys })
  const provider: KmsProvider = {
    ...local,
    async wrap(keyId, items, call) {
      const error = await before.call?.()
      return error instanceof Error ? items.map(() => ({ ok: false, error })) : local.wrap(keyId, items, call)
    },
    async unwrap(keyId, items, call) {
      const error = await before.call?.()
      return error instanceof Error
        ? items.map(() => ({ ok: false, error }))
        : local.unwrap(keyId, items, call)
    },
  }
  const options: ClientOptions = {
    url: database.url,
    before: async ({ sql }) => {
      if (sql.startsWith('WITH v AS MATERIALIZED')) await before.write?.()
      if (sql.includes('FOR UPDATE OF t') && !sql.includes('SKIP LOCKED')) await before.lock?.()
    },
  }
  const client = createClient(options)
  opened.push(client)
  return client.prisma.$extends(
    kmsEncrypted({ models: encryptedModels, providers: [provider], indexKey, ...versionsAt(2), ...config }),
  )
}

test.each([
  ['rewrap', 1],
  ['re-encrypt', 6],
] as const)('a value that is changed just before each write: %s', async (mode, writes) => {
  const writer = database.connect(versionsAt(1)).prisma
  const { id } = await writer.user.create({ data: { name: 'first', email: 'kept' } })
  let [calls, attempts, last] = [0, 0, 'first']
  const { user } = connect(
    {},
    {
      call() {
        calls++
        return Promise.resolve()
      },
      async write() {
        attempts++
        if (await isLocked()) return
        last = `before write ${attempts}`
        await writer.user.update({ where: { id }, data: { name: last } })
      },
    },
  )
  expect(await rotateAll(user, { mode })).toMatchObject({ done: 1, failed: 0, failures: [] })
  // Only a re-encryption rests on the values; its last attempt is the one that has the lock.
  expect(attempts).toBe(writes)
  // What was asked once is not asked again: the key stayed.
  expect(calls).toBe(2)
  expect(await database.connect(versionsAt(2)).prisma.user.findMany()).toMatchObject([
    { name: last, email: 'kept' },
  ])
  expect((await database.stored('"User"', id))['encryptedKmsKey']).toMatch(/^v2:[^ ]+$/)
})

test.each(['rewrap', 're-encrypt'] as const)(
  'keys that are changed during each call to the key service: %s asks once under the lock, at the very last',
  async (mode) => {
    const writer = database.connect(freshKeysAt(1)).prisma
    const { id } = await writer.user.create({ data: { name: 'first', email: 'kept' } })
    const asked: ('open' | 'locked')[] = []
    let last = 'first'
    const { user } = connect(
      {},
      {
        async call() {
          const locked = await isLocked()
          asked.push(locked ? 'locked' : 'open')
          if (locked) return
          last = `during call ${asked.length}`
          await writer.user.update({ where: { id }, data: { name: last } })
        },
      },
    )
    expect(await rotateAll(user, { mode })).toMatchObject({ done: 1, failed: 0, failures: [] })
    const underLock = asked.indexOf('locked')
    expect(underLock).toBeGreaterThanOrEqual(9) // five attempts in the open, four before the lock
    // One pass: an unwrap of what has changed; rewrapping wraps it as well.
    expect(asked.slice(underLock)).toEqual(mode === 'rewrap' ? ['locked', 'locked'] : ['locked'])
    expect(await database.connect(versionsAt(2)).prisma.user.findMany()).toMatchObject([
      { name: last, email: 'kept' },
    ])
    expect((await database.stored('"User"', id))['encryptedKmsKey']).not.toMatch(/v1:/)
  },
)

test.each([
  ['too slow', () => new Promise((resolve) => setTimeout(resolve, 2_500).unref())],
  [
    'too busy',
    () =>
      Promise.resolve(
        new KmsEncryptedError({ code: 'KMS_THROTTLED', message: 'busy', why: 'quota', fix: 'wait' }),
      ),
  ],
] as const)(
  'a key service that is %s for a locked row leaves the row for another turn',
  async (_, answer) => {
    const writer = database.connect(freshKeysAt(1)).prisma
    const { id } = await writer.user.create({ data: { name: 'first' } })
    let underLock = false
    const { user } = connect(
      {},
      {
        async call() {
          if (await isLocked()) {
            underLock = true
            return answer()
          }
          return underLock || writer.user.update({ where: { id }, data: { name: 'again' } })
        },
      },
    )
    expect(await rotateAll(user)).toMatchObject({ done: 1, failed: 0, failures: [] })
    expect(underLock).toBe(true)
  },
)

test('encryptAll: plaintext that is changed just before each write', async () => {
  await database.sql(`INSERT INTO "User" (name, "updatedAt") VALUES ('first', now())`)
  let [calls, attempts, last] = [0, 0, 'first']
  const { user } = connect(
    { migrating: { User: 'write' } },
    {
      call() {
        calls++
        return Promise.resolve()
      },
      async write() {
        attempts++
        if (await isLocked()) return
        last = `before write ${attempts}`
        await database.sql(`UPDATE "User" SET name = $1`, last)
      },
    },
  )
  expect(await encryptAll(user)).toMatchObject({ done: 1, failed: 0, failures: [] })
  expect(attempts).toBe(6)
  expect(calls).toBe(1)
  expect(await database.connect(versionsAt(2)).prisma.user.findMany()).toMatchObject([{ name: last }])
})

test('encryptAll: another writer who gives the row its keys during each call to the key service', async () => {
  await database.sql(`INSERT INTO "User" (name, "updatedAt") VALUES ('first', now())`)
  const writer = database.connect({ migrating: { User: 'write' }, ...freshKeysAt(1) }).prisma
  let [calls, last] = [0, '']
  const { user } = connect(
    { migrating: { User: 'write' } },
    {
      async call() {
        calls++
        if (await isLocked()) return
        last = `during call ${calls}`
        await writer.user.update({ where: { id: 1 }, data: { email: last } })
        await database.sql(`UPDATE "User" SET name = 'plaintext ${calls}'`)
      },
    },
  )
  const result = await encryptAll(user)
  expect(result).toMatchObject({ done: 1, failed: 0, failures: [] })
  const [row] = await database.connect(versionsAt(2)).prisma.user.findMany()
  expect(row).toMatchObject({ email: last })
  expect(row?.name).toMatch(/^plaintext /)
})

test('a row whose lock somebody else holds for long is left alone, and everybody else goes on', async () => {
  const writer = database.connect(versionsAt(1)).prisma
  const { id } = await writer.user.create({ data: { name: 'first' } })
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => (release = resolve))
  let holding: Promise<unknown> = Promise.resolve()
  let attempts = 0
  const { user } = connect(
    {},
    {
      async write() {
        attempts++
        if (attempts < 5) await writer.user.update({ where: { id }, data: { name: `before ${attempts}` } })
        if (attempts !== 5) return
        // The last attempt in the open is lost to a change that is not committed before the row was given up for now.
        await new Promise<void>((resolve) => {
          holding = writer.$transaction(
            async (tx) => {
              await tx.user.update({ where: { id }, data: { name: 'held' } })
              resolve()
              await held
            },
            { timeout: 60_000 },
          )
        })
      },
    },
  )
  const rotating = rotateAll(user, {
    mode: 're-encrypt',
    onProgress: () => {
      release()
    },
  })
  expect(await rotating).toMatchObject({ done: 1, failed: 0, failures: [] })
  await holding
  expect(await database.connect(versionsAt(2)).prisma.user.findMany()).toMatchObject([{ name: 'held' }])
})

test('an application that holds the row and then wants the table is no victim of a deadlock', async () => {
  const writer = database.connect(versionsAt(1)).prisma
  const { id } = await writer.user.create({ data: { name: 'first' } })
  const application = new pg.Client({ connectionString: database.url })
  await application.connect()
  let attempts = 0
  let migrating: Promise<unknown> = Promise.resolve()
  let waits = 0
  const { user } = connect(
    {},
    {
      async write() {
        if (++attempts <= 5) await writer.user.update({ where: { id }, data: { name: `before ${attempts}` } })
      },
      async lock() {
        if (++waits > 1) return
        await application.query('BEGIN')
        await application.query('UPDATE "User" SET "loginCount" = 7')
        // Once the row is waited for, by who holds a lock of the table for it.
        migrating = new Promise((resolve) => setTimeout(resolve, 100))
          .then(() => application.query('LOCK TABLE "User" IN ACCESS EXCLUSIVE MODE'))
          .then(() => application.query('COMMIT'))
      },
    },
  )
  expect(await rotateAll(user, { mode: 're-encrypt' })).toMatchObject({ done: 1, failed: 0, failures: [] })
  await migrating
  await application.end()
  // Nor is the rotation: it gives up before the database looks for one.
  const [seen] = await database.sql(
    'SELECT deadlocks::integer AS n FROM pg_stat_database WHERE datname = current_database()',
  )
  expect(seen).toEqual({ n: 0 })
  expect(await database.connect(versionsAt(2)).prisma.user.findMany()).toMatchObject([
    { name: 'before 5', loginCount: 7 },
  ])
})
