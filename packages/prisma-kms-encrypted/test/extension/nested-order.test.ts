import { isKmsEncryptedError } from '../../src/errors.js'
import { useExtendedDatabase, type ExtendedClient } from '../support/extended-database.js'

const database = useExtendedDatabase()
let client: ExtendedClient

beforeAll(() => {
  client = database.connect()
})

type Verb = 'update' | 'updateMany' | 'upsert' | 'upserts'
const verbs: readonly Verb[] = ['update', 'updateMany', 'upsert', 'upserts']
function orders(left: readonly Verb[]): Verb[][] {
  return left.flatMap((first) => {
    const rest = left.filter(
      (verb) => verb !== first && !(verb.startsWith('upsert') && first.startsWith('upsert')),
    )
    return [[first], ...orders(rest).map((tail) => [first, ...tail])]
  })
}

/** Nested writes that all change the same record, in this order. */
function writes(order: readonly Verb[], id: number) {
  const write = (verb: Verb) => {
    const change = { title: verb, body: verb }
    switch (verb) {
      case 'update':
        return { update: { where: { id }, data: change } }
      case 'updateMany':
        return { updateMany: { where: { published: false }, data: change } }
      case 'upsert':
        return { upsert: { where: { id }, create: { title: 'never' }, update: change } }
      case 'upserts':
        return {
          upsert: [
            { where: { id }, create: { title: 'never' }, update: change },
            { where: { id: 99_999_999 }, create: { title: 'new', body: 'new' }, update: {} },
          ],
        }
    }
  }
  return Object.assign({}, ...order.map(write)) as object
}

/** Two records whose `published` the writes below read and change. */
const posts = {
  create: [
    { title: 'old', body: 'old' },
    { title: 'other', body: 'other', published: true },
  ],
}

/** Runs the same nested writes on both clients; refused ones give their code and must have changed nothing. */
async function onBoth(written: (ids: readonly number[]) => object) {
  const data = { name: 'author', posts }
  const select = { posts: { orderBy: { id: 'asc' as const }, select: { title: true, body: true } } }
  const ordered = { include: { posts: { orderBy: { id: 'asc' as const } } } }
  const twin = await client.plain.plainUser.create({ data, ...ordered })
  const own = await client.prisma.user.create({ data, ...ordered })
  const before = await client.prisma.user.findUnique({ where: { id: own.id }, select })
  const idsOf = (user: typeof twin | typeof own) => user.posts.map(({ id }) => id)
  const plain = await client.plain.plainUser.update({
    where: { id: twin.id },
    data: { posts: written(idsOf(twin)) },
    select,
  })
  const result = await client.prisma.user
    .update({ where: { id: own.id }, data: { posts: written(idsOf(own)) }, select })
    .catch((error: unknown) => {
      if (isKmsEncryptedError(error)) return error.code
      throw error
    })
  if (typeof result === 'string') {
    expect(await client.prisma.user.findUnique({ where: { id: own.id }, select })).toEqual(before)
  }
  return { result, plain }
}

/** What an upsert creates, the updateMany behind it would have to change too. */
const refused = [
  'update, upserts, updateMany',
  'upserts, update, updateMany',
  'upserts, updateMany',
  'upserts, updateMany, update',
]

test.each(orders(verbs).map((order) => [order.join(', '), order] as const))(
  'nested writes to one record take effect in their order: %s',
  async (name, order) => {
    const { result, plain } = await onBoth((ids) => writes(order, ids[0] ?? 0))
    expect(result).toEqual(refused.includes(name) ? 'UNSUPPORTED_OPERATION' : plain)
  },
)

test('an upsert with relation writes is refused where only an updateMany could take its place', async () => {
  const { result } = await onBoth(([id]) => ({
    update: { where: { id }, data: { title: 'update' } },
    updateMany: { where: {}, data: { title: 'many' } },
    upsert: {
      where: { id },
      create: { title: 'never' },
      update: { body: 'upsert', comments: { create: { text: 'new' } } },
    },
  }))
  expect(result).toBe('UNSUPPORTED_OPERATION')
})

describe('an updateMany whose where reads', () => {
  const many = { where: { published: true }, data: { body: 'many' } }

  test('what an earlier update changes is refused', async () => {
    const { result } = await onBoth(([id]) => ({
      update: { where: { id }, data: { published: true } },
      updateMany: many,
    }))
    expect(result).toBe('UNSUPPORTED_OPERATION')
  })

  test('what an earlier element of its list changes is refused', async () => {
    const { result } = await onBoth(() => ({
      updateMany: [{ where: {}, data: { published: { set: true } } }, many],
    }))
    expect(result).toBe('UNSUPPORTED_OPERATION')
  })

  test('what a later write changes is carried out', async () => {
    const { result, plain } = await onBoth(([id]) => ({
      updateMany: [many, { where: {}, data: { published: true } }],
      update: { where: { id }, data: { published: true } },
    }))
    expect(result).toEqual(plain)
  })
})

test('upserts of one record that change nothing take nothing from those that do', async () => {
  const { result, plain } = await onBoth(([id]) => ({
    upsert: [{ body: 'changed' }, {}, { title: undefined }].map((update) => ({
      where: { id },
      create: { title: 'never' },
      update,
    })),
  }))
  expect(result).toEqual(plain)
})

test('a record that the same write creates and deletes leaves nothing', async () => {
  // The tag keeps the id out of the new record's data, so that its key is set after the insert.
  const created = { title: 'gone', body: 'gone', tags: { create: { label: 'order' } } }
  const { result, plain } = await onBoth(() => ({ create: created, deleteMany: { title: 'gone' } }))
  expect(result).toEqual(plain)
})
