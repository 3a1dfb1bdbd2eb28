/** Many writers of one row at once: nothing is lost, and everything stays readable. */
import { rotateAll } from '../../src/index.js'
import { useExtendedDatabase, versionsAt, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
const patience = { maxWait: 50_000, timeout: 50_000 }

type Update = (client: ExtendedClient, id: number, data: object) => Promise<unknown>
const outside: Update = ({ prisma }, id, data) =>
  prisma.user.update({ where: { id }, data, select: { id: true } })
const inside: Update = ({ prisma }, id, data) =>
  prisma.$transaction((tx) => tx.user.update({ where: { id }, data, select: { id: true } }), patience)
const mixed: Update = (client, id, data) => (Math.random() < 0.5 ? inside : outside)(client, id, data)

/** Five fields of two groups; the value tells its writer. */
function write(writer: number): object {
  const writes = [
    { email: `writer ${writer}` },
    { name: `writer ${writer}` },
    { notes: { writer: `writer ${writer}` } },
    { avatar: new TextEncoder().encode(`writer ${writer}`) },
    { phone: `writer ${writer}` },
  ]
  return writes[writer % writes.length] ?? {}
}

async function expectAllReadable(id: number): Promise<void> {
  const user = await database.connect(versionsAt(2)).prisma.user.findUniqueOrThrow({ where: { id } })
  const values = [
    user.email,
    user.name,
    (user.notes as { writer: string }).writer,
    new TextDecoder().decode(user.avatar ?? undefined),
    user.phone,
  ]
  values.forEach((value, field) => {
    expect(value).toMatch(/^writer \d+$/)
    expect(Number(value?.slice(7)) % 5).toBe(field)
  })
}

/** A row without any key, as if it had been there before its fields were encrypted. */
async function insertWithoutKey(): Promise<number> {
  const [row] = await database.sql(`INSERT INTO "User" ("updatedAt") VALUES (now()) RETURNING id`)
  return Number(row?.['id'])
}

beforeAll(() => database.sql('ALTER TABLE "User" ALTER name DROP NOT NULL'))

describe.each([
  ['outside transactions', outside],
  ['inside transactions', inside],
  ['both', mixed],
])('50 partial updates of one row, %s', (_, update) => {
  test('whose keys are not set yet', async () => {
    const clients = [database.connect(), database.connect()]
    const id = await insertWithoutKey()
    await Promise.all(
      Array.from({ length: 50 }, (_, writer) =>
        update(clients[writer % 2] ?? database.connect(), id, write(writer)),
      ),
    )
    await expectAllReadable(id)
    const { encryptedKmsKey } = await database.stored('"User"', id)
    expect(String(encryptedKmsKey)).not.toContain(' ')
  })

  test('by servers of both versions', async () => {
    const clients = [database.connect(versionsAt(1)), database.connect(versionsAt(2))]
    const id = await insertWithoutKey()
    const writing = Array.from({ length: 50 }, async (_, writer) => {
      // A guarded update may give up under this much contention; it says so, and has written nothing.
      for (;;) {
        try {
          return await update(clients[writer % 2] ?? database.connect(), id, write(writer))
        } catch (error) {
          if ((error as { code?: unknown }).code !== 'WRITE_CONFLICT') throw error
        }
      }
    })
    await Promise.all(writing)
    await expectAllReadable(id)
    const { encryptedKmsKey } = await database.stored('"User"', id)
    expect(String(encryptedKmsKey).split(' ').length).toBeLessThanOrEqual(5)
  })
})

test('rotation, partial updates and reads racing for three seconds', async () => {
  const two = database.connect(versionsAt(2))
  const one = database.connect(versionsAt(1))
  const ids = await Promise.all([1, 2, 3].map(() => insertWithoutKey()))
  for (const id of ids) for (let writer = 0; writer < 5; writer++) await outside(one, id, write(writer))
  const end = Date.now() + 3000
  const counts = { rotated: 0, updates: 0, reads: 0 }
  const repeat = async (work: () => Promise<unknown>) => {
    while (Date.now() < end) await work()
  }
  let writer = 5
  const pick = () => ids[Math.floor(Math.random() * ids.length)] ?? 0
  await Promise.all([
    repeat(async () => {
      const { done, failed } = await rotateAll(two.prisma.user, { force: true, batchSize: 2 })
      expect(failed).toBe(0)
      counts.rotated += done
    }),
    ...[outside, inside, outside].map((update) =>
      repeat(async () => {
        const next = writer++
        await update(next % 3 === 0 ? one : two, pick(), write(next)).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'WRITE_CONFLICT' })
        })
        counts.updates++
      }),
    ),
    repeat(async () => {
      const users = await two.prisma.user.findMany({ where: { id: { in: ids } } })
      for (const user of users) expect(user.name).toMatch(/^writer \d+$/)
      counts.reads++
    }),
  ])
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(5)
  for (const id of ids) await expectAllReadable(id)
})
