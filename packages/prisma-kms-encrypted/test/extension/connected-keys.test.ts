import { useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient

beforeAll(() => {
  client = database.connect()
})

test('a refused Decrypt of a record that a write connects comes before the write', async () => {
  const { prisma, kms } = client
  const author = await prisma.user.create({ data: { name: 'author' } })
  const post = await prisma.post.create({ data: { title: 't', authorId: author.id } })
  const refused = { code: 'KMS_UNAVAILABLE', written: false }
  kms.fault = ({ operation }) => (operation === 'unwrap' ? new Error('denied') : undefined)
  const include = { author: true }
  const data = { title: 'new', body: 'b' }
  await expect(
    prisma.post.create({ data: { ...data, author: { connect: { id: author.id } } }, include }),
  ).rejects.toMatchObject(refused)
  await expect(prisma.post.create({ data: { ...data, authorId: author.id }, include })).rejects.toMatchObject(
    refused,
  )
  await expect(
    prisma.user.create({
      data: { name: 'x', posts: { create: { ...data, editor: { connect: { id: author.id } } } } },
      include: { posts: { include: { editor: true } } },
    }),
  ).rejects.toMatchObject(refused)
  await expect(
    prisma.post.update({
      where: { id: post.id },
      data: { title: 'new', editor: { connect: { id: author.id } } },
      include: { editor: true },
    }),
  ).rejects.toMatchObject(refused)
  kms.fault = undefined
  expect(await prisma.post.count({ where: { title: 'new' } })).toBe(0)
  const created = await prisma.post.create({ data: { ...data, authorId: author.id }, include })
  expect(created.author.name).toBe('author')
})
