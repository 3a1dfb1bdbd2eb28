import { scanForCanaries } from './canaries.js'
import { createClient } from './client.js'
import { createDatabase, type TestDatabase } from './database.js'

const canary = 'crème "brûlée" canary'
let database: TestDatabase

beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

test('finds a canary in every form and column type, and never in the twins', async () => {
  const { prisma } = createClient({ url: database.url })
  const shifted = (before: number) => Buffer.from('x'.repeat(before) + canary + 'yy').toString('base64')
  await prisma.plainUser.create({ data: { name: canary } })
  expect(await scanForCanaries(database.url, [canary])).toEqual([])

  await prisma.user.create({ data: { name: shifted(0), email: shifted(1), phone: shifted(2) } })
  await prisma.user.create({
    data: {
      name: `a ${canary}`,
      notes: { deep: [canary] },
      avatar: Buffer.from(canary),
      nickname: Buffer.from(canary).toString('hex').toUpperCase(),
    },
  })
  await prisma.auditEntry.create({ data: { action: 'x', payload: canary } })
  await prisma.$disconnect()

  const found = await scanForCanaries(database.url, ['other canary', canary])
  expect(found.map(({ column, form }) => `${column} ${form}`).sort()).toEqual([
    'audit.audit_entries.payload_json json',
    'public.User.avatar plain',
    'public.User.email base64+1',
    'public.User.name base64+0',
    'public.User.name plain',
    'public.User.nickname hex',
    'public.User.notes json',
    'public.User.phone base64+2',
  ])
})

test('bytes are canaries too', async () => {
  const { prisma } = createClient({ url: database.url })
  const bytes = new Uint8Array([250, 251, 252, 253, 254, 255, 0, 1, 2])
  await prisma.user.create({ data: { name: Buffer.from(bytes).toString('base64url'), avatar: bytes } })
  await prisma.$disconnect()
  const found = await scanForCanaries(database.url, [bytes])
  expect(found.map(({ column, form }) => `${column} ${form}`).sort()).toEqual([
    'public.User.avatar plain',
    'public.User.name base64+0',
  ])
})
