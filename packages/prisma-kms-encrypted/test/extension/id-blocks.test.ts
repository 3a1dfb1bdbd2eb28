import { createIdBlocks } from '../../src/extension/id-blocks.js'
import type { Sequences } from '../../src/extension/dialects/dialect.js'
import type { SideClient } from '../../src/extension/prisma-internals.js'
import type { RecordModel } from '../../src/records/models.js'

// The casts: the blocks look at nothing of a model, and pass the client on.
const [post, user] = [{}, {}] as unknown as readonly [RecordModel, RecordModel]
const client = {} as unknown as SideClient

/** Sequences whose trips take until the end of a turn. */
function setUp(size: number) {
  let last = 0
  const fetchIds: Sequences['fetchIds'] = async (_client, _catalogue, counts) => {
    await new Promise((resolve) => setImmediate(resolve))
    return new Map(
      [...counts].map(([model, count]) => [model, Array.from({ length: count }, () => String((last += 1)))]),
    )
  }
  const blocks = createIdBlocks({ fetchIds } as unknown as Sequences, size)
  return {
    blocks,
    take: (counts: [RecordModel, number][]) => blocks.take(client, new Map(), new Map(counts)),
  }
}

test('what is handed out at once is not missing in an operation that waits for a block of another model', async () => {
  const { blocks, take } = setUp(2)
  await take([[user, 1]])
  const waiting = take([
    [post, 1],
    [user, 1],
  ])
  await new Promise((resolve) => {
    process.nextTick(resolve)
  }) // it has begun
  expect(blocks.takeAtHand(new Map([[user, 1]]))).toBeNull()
  expect((await waiting).get(user)).toEqual(['2'])
  expect((await waiting).get(post)).toEqual(['3'])
})

test('ids at hand are taken all or none, and each once', async () => {
  const { blocks, take } = setUp(3)
  expect(blocks.takeAtHand(new Map([[user, 1]]))).toBeNull()
  const first = await take([[user, 1]])
  expect(blocks.takeAtHand(new Map([[user, 3]]))).toBeNull()
  expect(first.get(user)).toEqual(['1'])
  expect(blocks.takeAtHand(new Map([[user, 2]]))?.get(user)).toEqual(['2', '3'])
  expect(blocks.takeAtHand(new Map([[user, 1]]))).toBeNull()
})
