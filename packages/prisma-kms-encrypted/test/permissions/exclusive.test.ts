/** Full writes: what they keep for deployments that know more fields, and what they skip when there are none. */
import { forget, statementsOf, useExtendedDatabase } from '../support/extended-database.js'
import { encryptedModels } from '../generated/kms-encrypted.js'

const database = useExtendedDatabase()

/** What a deployment knows in which `AuditEntry.payload` and `User.avatar` are no encrypted fields yet, or no fields at all. */
function olderModels(): typeof encryptedModels {
  const { AuditEntry, User } = encryptedModels
  const { payload, ...audited } = AuditEntry.encrypted
  const { avatar, ...known } = User.encrypted
  expect([payload.type, avatar.type]).toEqual(['Json', 'Bytes'])
  // The types of the newer models serve both.
  return {
    ...encryptedModels,
    AuditEntry: { ...AuditEntry, encrypted: audited } as typeof AuditEntry,
    User: { ...User, encrypted: known } as typeof User,
  }
}

async function entriesOf(id: number): Promise<string[]> {
  const { encrypted_kms_key: text } = await database.stored('audit.audit_entries', id, 'entry_id')
  return String(text).split(' ')
}

const data = { action: 'a', detail: 'detail 1', payload: { newer: true } }
const keys = { default: { keyId: 'local/app', freshKeys: true }, phone: { keyId: 'local/phone' } }

describe.each([
  ['an encrypt-only server', { mode: 'encrypt-only' }],
  ['a read-write server with fresh keys', { keys }],
] as const)('a full write by %s that knows fewer fields', (_, config) => {
  const older = () => database.connect(Object.assign({}, config, { models: olderModels() }))
  const select = { id: true }

  test('keeps the entry that the unknown field needs', async () => {
    const { id } = await database.reader.auditEntry.create({ data })
    const { prisma } = older()
    for (const detail of ['detail 2', 'detail 3', 'detail 4']) {
      await prisma.auditEntry.update({ where: { id }, data: { detail }, select })
      expect(await entriesOf(id)).toHaveLength(2)
    }
    expect(await database.reader.auditEntry.findUnique({ where: { id } })).toMatchObject({
      detail: 'detail 4',
      payload: { newer: true },
    })
  })

  test('keeps it for bytes, beside a second key of the same model', async () => {
    const whole = { name: 'n', email: 'e', notes: 1, phone: '+1', avatar: new Uint8Array([1, 2]) }
    const { id } = await database.reader.user.create({ data: whole })
    const written = { name: 'n 2', email: null, notes: 2, phone: '+2' }
    await older().prisma.user.update({ where: { id }, data: written, select })
    expect(await database.reader.user.findUnique({ where: { id } })).toMatchObject({ ...whole, ...written })
  })

  test('keeps it for bytes that the database gives in its escape format', async () => {
    const setting = (change: string) =>
      database.sql(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I ${change}', current_database()); END $$`)
    await setting("SET bytea_output = ''escape''")
    try {
      const whole = { name: 'n', avatar: new Uint8Array([1, 92, 255]) }
      const { id } = await database.reader.user.create({ data: whole })
      await older().prisma.user.update({ where: { id }, data: { name: 'n 2' }, select })
      expect(await database.connect().prisma.user.findUnique({ where: { id } })).toMatchObject({
        ...whole,
        name: 'n 2',
      })
    } finally {
      await setting('RESET bytea_output')
    }
  })

  test('keeps it also where all known fields are null, so that only the unknown one can name it', async () => {
    const { id } = await database.reader.auditEntry.create({ data: { ...data, detail: null } })
    await older().prisma.auditEntry.update({ where: { id }, data: { detail: 'detail 2' }, select })
    expect(await database.reader.auditEntry.findUnique({ where: { id } })).toMatchObject({
      detail: 'detail 2',
      payload: { newer: true },
    })
  })

  test('keeps it in updateMany, in transactions and in nested writes', async () => {
    const { id } = await database.reader.auditEntry.create({
      data: { ...data, actor: { create: { name: 'n' } } },
    })
    const { prisma } = older()
    await prisma.auditEntry.updateMany({ where: { id }, data: { detail: 'many' } })
    await prisma.$transaction((tx) =>
      tx.auditEntry.update({ where: { id }, data: { detail: 'itx' }, select }),
    )
    await prisma.user.updateMany({ data: { nickname: 'x' } })
    const actor = { update: { where: { id }, data: { detail: 'nested' } } }
    const owner = await prisma.user.findFirstOrThrow({ where: { auditEntries: { some: { id } } }, select })
    await prisma.user.update({ where: owner, data: { auditEntries: actor }, select })
    expect(await database.reader.auditEntry.findUnique({ where: { id } })).toMatchObject({
      detail: 'nested',
      payload: { newer: true },
    })
  })

  test('drops it once nothing needs it', async () => {
    const { id } = await database.reader.auditEntry.create({ data })
    const { prisma } = older()
    await prisma.auditEntry.update({ where: { id }, data: { detail: 'detail 2' }, select })
    await database.sql('UPDATE audit.audit_entries SET payload_json = NULL WHERE entry_id = $1', id)
    await prisma.auditEntry.update({ where: { id }, data: { detail: 'detail 3' }, select })
    expect(await entriesOf(id)).toHaveLength(1)
  })
})

describe('exclusive', () => {
  test('a full write of a record that its id names is one statement and one wrap', async () => {
    const { id } = await database.reader.auditEntry.create({ data })
    const client = database.connect({ exclusive: ['AuditEntry'] })
    await client.prisma.auditEntry.findFirst({ select: { id: true } })
    forget(client)
    const update = { detail: 'detail 2', payload: 2 }
    expect(await client.prisma.auditEntry.update({ where: { id }, data: update })).toMatchObject(update)
    expect(statementsOf(client)).toEqual(['UPDATE'])
    expect(client.kms.log.map(({ operation }) => operation)).toEqual(['wrap'])
    expect(await entriesOf(id)).toHaveLength(1)
    expect(await database.reader.auditEntry.findUnique({ where: { id } })).toMatchObject(update)
  })

  test('such a write needs no lock inside a transaction either', async () => {
    const { id } = await database.reader.auditEntry.create({ data })
    const client = database.connect({ exclusive: ['AuditEntry'] })
    await client.prisma.auditEntry.findFirst({ select: { id: true } })
    forget(client)
    await client.prisma.$transaction((tx) =>
      tx.auditEntry.update({ where: { id }, data: { detail: 'itx', payload: [1] } }),
    )
    expect(client.kms.counts.unwrap.calls).toBe(0)
    expect(await database.reader.auditEntry.findUnique({ where: { id } })).toMatchObject({
      detail: 'itx',
      payload: [1],
    })
  })

  test('a record found by another unique field, with a text id, or by a wrong id', async () => {
    const client = database.connect({ exclusive: ['Profile', 'Device', 'AuditEntry'] })
    const owner = await database.reader.user.create({ data: { name: 'n' } })
    const profile = await database.reader.profile.create({
      data: { bio: 'b', headline: 'h', userId: owner.id },
    })
    const device = await database.reader.device.create({
      data: { token: new Uint8Array([1]), ownerId: owner.id },
    })
    await client.prisma.profile.update({ where: { userId: owner.id }, data: { bio: 'b 2', headline: null } })
    await client.prisma.profile.update({ where: { id: profile.id }, data: { bio: 'b 3', headline: 'h 3' } })
    forget(client)
    await client.prisma.device.update({
      where: { id: device.id.toUpperCase() },
      data: { token: new Uint8Array([2]) },
    })
    expect(client.kms.log.map(({ operation }) => operation)).toEqual(['wrap'])
    const { profile: read, devices } = await database.reader.user.findUniqueOrThrow({
      where: { id: owner.id },
      include: { profile: true, devices: true },
    })
    expect(read).toMatchObject({ bio: 'b 3', headline: 'h 3' })
    expect(devices).toMatchObject([{ token: new Uint8Array([2]) }])
    const missing = { where: { id: 999_999 }, data: { detail: 'd', payload: 1 } }
    await expect(client.prisma.auditEntry.update(missing)).rejects.toMatchObject({ code: 'P2025' })
  })

  test('keys of other groups that the result shows are still unwrapped before the write', async () => {
    const client = database.connect({ exclusive: ['User'] })
    const { id } = await database.reader.user.create({ data: { name: 'n', phone: '+1' } })
    client.kms.fault = ({ operation, keyId }) =>
      operation === 'unwrap' && keyId === 'local/phone'
        ? Object.assign(new Error('denied'), { code: 'KMS_ACCESS_DENIED', name: 'KmsEncryptedError' })
        : undefined
    const whole = { name: 'n 2', email: 'e', notes: 1, avatar: new Uint8Array([1]) }
    await expect(client.prisma.user.update({ where: { id }, data: whole })).rejects.toMatchObject({
      code: 'KMS_ACCESS_DENIED',
      written: false,
    })
    expect((await database.reader.user.findUnique({ where: { id } }))?.name).toBe('n')
    await client.prisma.user.update({ where: { id }, data: whole, omit: { phone: true } })
    expect(await database.reader.user.findUnique({ where: { id } })).toMatchObject({ ...whole, phone: '+1' })
  })

  test('full and partial writes racing leave one of the whole states', async () => {
    const full = database.connect({ exclusive: ['AuditEntry'] })
    const partial = database.connect()
    const { id } = await database.reader.auditEntry.create({ data })
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        n % 2 === 0
          ? full.prisma.auditEntry.update({ where: { id }, data: { detail: `full ${n}`, payload: n } })
          : partial.prisma.auditEntry.update({ where: { id }, data: { detail: `partial ${n}` } }),
      ),
    )
    const read = await database.reader.auditEntry.findUniqueOrThrow({ where: { id } })
    expect(read.detail).toMatch(/^(full|partial) \d+$/)
    expect((await entriesOf(id)).length).toBeLessThanOrEqual(3)
  })
})
