/** The client's global `omit`: what it hides stays hidden, what is left opens. */
import { useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
const columns = { encryptedKmsKey: true, encryptedKmsKeyPhone: true }

/** A client that omits these fields of User everywhere. */
function omitting(user: object, others: object = {}): ExtendedClient['prisma'] {
  const prisma = { omit: { user, ...others } } as object
  return database.connect(undefined, { prisma }).prisma
}

let id: number
beforeAll(async () => {
  const data = {
    name: 'Ada',
    email: 'ada@example.com',
    phone: '1',
    posts: { create: { title: 't', body: 'b' } },
    accounts: { create: { email: 'omit@example.com' } },
  }
  id = (await database.connect().prisma.user.create({ data })).id
})

describe.each<[string, object]>([
  ['key columns', columns],
  ['key columns and the id', { ...columns, id: true }],
  ['encrypted fields', { email: true }],
  ['encrypted fields, keys and the id', { ...columns, id: true, email: true }],
])('%s', (_, omit) => {
  const hidden = Object.keys(omit)

  test('reads and writes', async () => {
    const prisma = omitting(omit)
    const results: (Record<string, unknown> | null)[] = [
      await prisma.user.findUnique({ where: { id } }),
      ...(await prisma.user.findMany({ where: { id } })),
      await prisma.user.update({ where: { id }, data: { phone: '1' } }),
      await prisma.user.upsert({ where: { id }, create: { name: 'never' }, update: { name: 'Ada' } }),
      ...(await prisma.user.updateManyAndReturn({ where: { id }, data: { phone: '1' } })),
    ]
    for (const result of results) {
      expect(result).toMatchObject({ name: 'Ada', phone: '1' })
      for (const name of hidden) expect(Object.keys(result ?? {})).not.toContain(name)
    }
    const created = await prisma.user.create({ data: { name: 'new', email: 'e' } })
    expect(created).toMatchObject({ name: 'new' })
    for (const name of hidden) expect(Object.keys(created)).not.toContain(name)
  })

  test('in relations, and beside select, include and omit', async () => {
    const prisma = omitting(omit)
    const post = await prisma.post.findFirstOrThrow({ where: { authorId: id }, include: { author: true } })
    expect(post).toMatchObject({ body: 'b', author: { name: 'Ada' } })
    for (const name of hidden) expect(Object.keys(post.author)).not.toContain(name)
    expect(await prisma.user.findUnique({ where: { id }, select: { email: true } })).toEqual({
      email: 'ada@example.com',
    })
    const shown = await prisma.user.findUnique({ where: { id }, omit: { email: false, name: true } })
    expect(shown).toMatchObject({ email: 'ada@example.com', phone: '1' })
    expect(Object.keys(shown ?? {})).not.toContain('name')
  })
})

test('index columns: searches and their check work, the columns stay hidden', async () => {
  const prisma = omitting({}, { account: { emailBidx: true, encryptedKmsKey: true, email: true } })
  const found = await prisma.account.findUnique({ where: { email: 'OMIT@example.com' } })
  expect(found).toMatchObject({ ownerId: id })
  expect(Object.keys(found ?? {})).not.toEqual(expect.arrayContaining(['emailBidx']))
  expect(Object.keys(found ?? {})).not.toEqual(expect.arrayContaining(['email']))
  const updated = await prisma.account.update({ where: { email: 'omit@example.com' }, data: { phone: '5' } })
  expect(updated).toMatchObject({ phone: '5' })
})
