/** Re-encryption and encryptAll on a server that knows fewer encrypted fields than another deployment: it takes no key from them. */
import { encryptAll, rotateAll } from '../../src/index.js'
import {
  forget,
  freshKeysAt,
  modelsWithout,
  useExtendedDatabase,
  versionsAt,
} from '../support/extended-database.js'

const database = useExtendedDatabase()

const older = (config: object = {}) =>
  database.connect(
    Object.assign({}, versionsAt(2), config, { models: modelsWithout('AuditEntry', 'payload') }),
  )
const newer = () => database.connect(versionsAt(2)).prisma

beforeEach(async () => {
  await database.sql('TRUNCATE audit.audit_entries RESTART IDENTITY CASCADE')
})

const payload = { newer: true }

test.each([{ detail: 'known' }, { detail: null }])(
  're-encryption leaves a row whose key an unknown field needs, and says so: %j',
  async ({ detail }) => {
    const { id } = await database.reader.auditEntry.create({ data: { action: 'a', detail, payload } })
    const { prisma } = older()
    const result = await rotateAll(prisma.auditEntry, { mode: 're-encrypt' })
    expect(result).toMatchObject({ done: 0, failed: 1 })
    expect(result.failures[0]?.error.code).toBe('UNSUPPORTED_OPERATION')
    expect(await newer().auditEntry.findUnique({ where: { id } })).toMatchObject({ detail, payload })
    expect(await rotateAll(newer().auditEntry, { mode: 're-encrypt' })).toMatchObject({ done: 1, failed: 0 })
    expect(await newer().auditEntry.findUnique({ where: { id } })).toMatchObject({ detail, payload })
  },
)

test('unknown fields that are written meanwhile, under the stored keys, keep them', async () => {
  const writer = newer()
  const data = Array.from({ length: 60 }, (_, index) => ({ action: 'a', detail: `known ${index}` }))
  const rows = await database.reader.auditEntry.createManyAndReturn({ data })
  const { prisma } = older()
  const rotating = rotateAll(prisma.auditEntry, { mode: 're-encrypt', batchSize: 5 })
  const reader = database.connect(versionsAt(1)).prisma // seals beside what is stored
  for (const { id } of rows) await reader.auditEntry.update({ where: { id }, data: { payload } })
  const { done, failed } = await rotating
  expect(done + failed).toBe(60)
  const now = await writer.auditEntry.findMany({ orderBy: { id: 'asc' } })
  expect(now.map(({ detail }) => detail)).toEqual(data.map(({ detail }) => detail))
  expect(now.map((row) => row.payload)).toEqual(data.map(() => payload))
})

test('re-encryption of an exclusive table looks at no other column', async () => {
  await database.reader.auditEntry.create({ data: { action: 'a', detail: 'known', payload } })
  const client = older({ exclusive: ['AuditEntry'] })
  forget(client)
  expect(await rotateAll(client.prisma.auditEntry, { mode: 're-encrypt' })).toMatchObject({ done: 1 })
  expect(client.queries.filter(({ sql }) => sql.includes('row_to_json'))).toEqual([])
})

test.each([
  ['with an older key', {}],
  ['with fresh keys', freshKeysAt(1)],
])('encryptAll keeps the entry that an unknown field needs: %s', async (_, config) => {
  const { id } = await database.reader.auditEntry.create({ data: { action: 'a', payload } })
  await database.sql(`UPDATE audit.audit_entries SET "detail_text" = 'plaintext' WHERE entry_id = $1`, id)
  const { prisma } = older({ migrating: { AuditEntry: 'write' }, ...config })
  expect(await encryptAll(prisma.auditEntry)).toMatchObject({ done: 1, failed: 0 })
  expect(await newer().auditEntry.findUnique({ where: { id } })).toMatchObject({
    detail: 'plaintext',
    payload,
  })
})
