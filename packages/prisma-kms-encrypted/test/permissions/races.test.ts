/** Attacks and races: planted keys seal nothing new, and fresh keys of many writers stand side by side. */
import { formatKeyColumn } from '../../src/envelope/key-column.js'
import { deriveDataKey } from '../../src/envelope/data-key.js'
import { localKms } from '../../src/providers/local.js'
import { rotateAll } from '../../src/rotation/rotate-all.js'
import { localKeys } from '../support/extended-client.js'
import { useExtendedDatabase, versionsAt, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
const whole = { name: 'name', email: 'email', notes: { n: 1 }, avatar: new Uint8Array([1]), phone: '+1' }

/** Servers under which whoever plants a key must gain nothing. */
const careful = {
  'an encrypt-only server': { mode: 'encrypt-only' },
  'a read-write server with freshKeys': {
    keys: { default: { keyId: 'local/app', freshKeys: true }, phone: { keyId: 'local/phone' } },
  },
} as const

async function entriesOf(id: number): Promise<string[]> {
  const { encryptedKmsKey } = await database.stored('"User"', id)
  return String(encryptedKmsKey).split(' ')
}

/** Puts a data key whose bytes the attacker knows into a row, wrapped for it. */
async function plantKey(id: number): Promise<Buffer> {
  const plaintext = Buffer.alloc(32, 7)
  const context = { model_name: 'User', model_id: String(id) }
  const [wrapped] = await localKms({ keys: localKeys }).wrap('local/app', [{ plaintext, context }], {})
  if (!wrapped?.ok) throw new Error('not wrapped')
  const entry = { version: 1, ciphertext: Buffer.from(wrapped.value), commitment: null }
  await database.sql('UPDATE "User" SET "encryptedKmsKey" = $1 WHERE id = $2', formatKeyColumn([entry]), id)
  return deriveDataKey(plaintext).commitment
}

const commitmentOf = (stored: unknown) => Buffer.from(String(stored), 'base64').subarray(4, 20)

describe.each(Object.entries(careful))('%s', (_, config) => {
  test('seals nothing under a key that was planted', async () => {
    const { id } = await database.reader.user.create({ data: whole })
    const planted = await plantKey(id)
    const { prisma } = database.connect(config)
    const writes = [
      () => prisma.user.update({ where: { id }, data: { email: 'secret' }, select: { id: true } }),
      () => prisma.user.updateMany({ where: { id }, data: { email: 'secret' } }),
      () => prisma.$transaction((tx) => tx.user.updateMany({ where: { id }, data: { email: 'secret' } })),
    ]
    for (const write of writes) {
      await plantKey(id)
      await write()
      const { email } = await database.stored('"User"', id)
      expect(commitmentOf(email).equals(planted)).toBe(false)
      expect(await database.reader.user.findUnique({ where: { id }, select: { email: true } })).toEqual({
        email: 'secret',
      })
    }
  })

  test('fifty partial updates of one record at once: nothing is lost, entries are bounded', async () => {
    const clients = [database.connect(config), database.connect(config)] as const
    const { id } = await database.reader.user.create({ data: whole })
    const fields = [
      (n: number) => ({ name: `name ${n}` }),
      (n: number) => ({ email: `email ${n}` }),
      (n: number) => ({ notes: { n } }),
      (n: number) => ({ avatar: new Uint8Array([n]) }),
      (n: number) => ({ name: `name ${n}`, email: `email ${n}` }),
      (n: number) => ({ email: `email ${n}`, phone: `phone ${n}` }),
    ]
    await Promise.all(
      Array.from({ length: 50 }, (__, n) =>
        clients[n % 2 === 0 ? 0 : 1].prisma.user.update({
          where: { id },
          data: fields[n % fields.length]?.(n) ?? {},
          select: { id: true },
        }),
      ),
    )
    const read = await database.reader.user.findUniqueOrThrow({ where: { id } })
    expect(read.name).toMatch(/^name \d+$/)
    expect(read.email).toMatch(/^email \d+$/)
    expect(read.phone).toMatch(/^phone \d+$/)
    expect(read.notes).toEqual({ n: expect.any(Number) as unknown })
    expect(read.avatar).not.toEqual(whole.avatar)
    expect((await entriesOf(id)).length).toBeLessThanOrEqual(5)
  })
})

test('a read-write server without freshKeys does seal under a planted key', async () => {
  const { id } = await database.reader.user.create({ data: whole })
  const planted = await plantKey(id)
  await database
    .connect()
    .prisma.user.update({ where: { id }, data: { email: 'secret' }, select: { id: true } })
  expect(commitmentOf((await database.stored('"User"', id))['email']).equals(planted)).toBe(true)
})

test('encrypt-only writers, read-write writers and rotateAll() on one record', async () => {
  const encryptOnly = database.connect({ ...versionsAt(2), mode: 'encrypt-only' })
  const two = database.connect(versionsAt(2))
  const { prisma: one } = database.connect(versionsAt(1))
  const { id } = await one.user.create({ data: whole })
  const write = ({ prisma }: ExtendedClient, data: object) =>
    prisma.user.update({ where: { id }, data, select: { id: true } })
  await Promise.all([
    ...Array.from({ length: 12 }, (_, n) => write(encryptOnly, { email: `email ${n}` })),
    ...Array.from({ length: 6 }, (_, n) => write(two, { notes: { n } })),
    ...Array.from({ length: 3 }, () => rotateAll(two.prisma.user, { where: { id } })),
  ])
  const { failed } = await rotateAll(two.prisma.user, { where: { id } })
  expect(failed).toBe(0)
  const read = await two.prisma.user.findUniqueOrThrow({ where: { id } })
  expect(read).toMatchObject({ name: 'name', avatar: whole.avatar, phone: '+1' })
  expect(read.email).toMatch(/^email \d+$/)
  expect(read.notes).toEqual({ n: expect.any(Number) as unknown })
  expect((await entriesOf(id)).every((entry) => entry.startsWith('v2:'))).toBe(true)
  expect((await entriesOf(id)).length).toBeLessThanOrEqual(5)
})
