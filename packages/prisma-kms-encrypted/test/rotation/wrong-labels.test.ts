/** Key entries that do not open to their labels: harmless where nothing asks for the label, reported where a value does. */
import { rotateAll } from '../../src/index.js'
import { freshKeysAt, modelsWithout, useExtendedDatabase, versionsAt } from '../support/extended-database.js'

const database = useExtendedDatabase()
const { keys } = versionsAt(1)

beforeEach(async () => {
  await database.sql('TRUNCATE "User" RESTART IDENTITY CASCADE')
})

/** A row whose stale phone key has been labelled with the commitment of `notes`, which is under the other key. */
async function mislabelledRow(): Promise<number> {
  const { id } = await database.reader.user.create({ data: { name: 'n', notes: { n: 1 }, phone: '1' } })
  await database.reader.user.update({ where: { id }, data: { phone: null } })
  // It makes a fresh key, and cannot tell whether the stored one serves the value that it does not know.
  const older = Object.assign(
    { keys: { ...keys, phone: { keyId: 'local/phone', freshKeys: true } } },
    {
      models: modelsWithout('User', 'notes'),
    },
  )
  await database.connect(older).prisma.user.update({ where: { id }, data: { phone: '2' } })
  const { notes, encryptedKmsKeyPhone } = await database.stored('"User"', id)
  const label = Buffer.from(String(notes), 'base64').subarray(4, 20).toString('base64url')
  expect(String(encryptedKmsKeyPhone).split('.')).toHaveLength(3)
  expect(encryptedKmsKeyPhone).toMatch(new RegExp(`\\.${label}$`))
  return id
}

const phoneAt2 = () =>
  database.connect({
    keys: {
      ...keys,
      phone: { current: 2, versions: { 1: { keyId: 'local/phone' }, 2: { keyId: 'local/next' } } },
    },
  })

test.each(['rewrap', 're-encrypt'] as const)(
  'a stale entry under the label of a value of another key does not hold up a rotation: %s',
  async (mode) => {
    const id = await mislabelledRow()
    const { prisma } = phoneAt2()
    expect(await rotateAll(prisma.user, { mode, key: 'phone', verify: true })).toMatchObject({
      done: 1,
      failed: 0,
    })
    expect((await database.stored('"User"', id))['encryptedKmsKeyPhone']).not.toMatch(/v1:/)
    expect(await prisma.user.findUnique({ where: { id } })).toMatchObject({ phone: '2', notes: { n: 1 } })
    await prisma.user.update({ where: { id }, data: { phone: '3' } })
    expect(await prisma.user.findUnique({ where: { id } })).toMatchObject({ phone: '3', name: 'n' })
  },
)

test('labels that were exchanged are reported, since values ask for them', async () => {
  const { id } = await database.reader.user.create({ data: { name: 'n', email: 'e' } })
  await database.connect(freshKeysAt(1)).prisma.user.update({ where: { id }, data: { email: 'fresh' } })
  await database.sql(
    `UPDATE "User" SET "encryptedKmsKey" = regexp_replace("encryptedKmsKey", '^(.*)\\.(.*) (.*)\\.(.*)$', '\\1.\\4 \\3.\\2')`,
  )
  const before = await database.stored('"User"', id)
  const result = await rotateAll(database.connect(versionsAt(2)).prisma.user)
  expect(result).toMatchObject({ done: 0, failed: 1, failures: [{ error: { code: 'DECRYPTION_FAILED' } }] })
  expect(await database.stored('"User"', id)).toEqual(before)
})
