/** Blocks by themselves, where another operation comes in between. */
import { createIdBlocks } from '../../src/extension/id-blocks.js'
import type { SideClient } from '../../src/extension/prisma-internals.js'
import type { RecordModel } from '../../src/records/models.js'

const [users, posts] = ['User', 'Post'].map((name) => ({ name }) as RecordModel) as [RecordModel, RecordModel]
const client = {} as SideClient

/** Sequences that count from 1 for each model, and answer when they are told to. */
function setUp(size: number) {
  const next = new Map<RecordModel, number>()
  const trips: ReadonlyMap<RecordModel, number>[] = []
  const answers: (() => void)[] = []
  const blocks = createIdBlocks(
    {
      read: () => Promise.resolve(new Map()),
      async fetchIds(_client, _catalogue, counts) {
        trips.push(counts)
        await new Promise<void>((answer) => answers.push(answer))
        return new Map(
          [...counts].map(([model, count]) => {
            const first = next.get(model) ?? 1
            next.set(model, first + count)
            return [model, Array.from({ length: count }, (_, index) => String(first + index))]
          }),
        )
      },
    },
    size,
  )
  return {
    blocks,
    trips,
    /** Lets the trip that is on its way come back, and what waits for it go on. */
    answer: async (): Promise<void> => {
      await new Promise(setImmediate)
      answers.shift()?.()
      await new Promise(setImmediate)
    },
  }
}

test('ids at hand are given at once, or none', async () => {
  const { blocks, trips, answer } = setUp(3)
  expect(blocks.takeAtHand(new Map([[users, 1]]))).toBeNull()
  const first = blocks.take(client, new Map(), new Map([[users, 1]]))
  await answer()
  expect(await first).toEqual(new Map([[users, ['1']]]))
  expect(blocks.takeAtHand(new Map([[users, 3]]))).toBeNull()
  expect(blocks.takeAtHand(new Map([[users, 2]]))).toEqual(new Map([[users, ['2', '3']]]))
  expect(blocks.takeAtHand(new Map([[users, 1]]))).toBeNull()
  expect(trips).toHaveLength(1)
})

test('an operation whose ids were taken by another while it waited for those of another model fetches them too', async () => {
  const { blocks, trips, answer } = setUp(2)
  const first = blocks.take(client, new Map(), new Map([[users, 1]]))
  await answer()
  await first
  const both = blocks.take(
    client,
    new Map(),
    new Map([
      [users, 1],
      [posts, 1],
    ]),
  )
  await new Promise(setImmediate)
  expect(blocks.takeAtHand(new Map([[users, 1]]))).toEqual(new Map([[users, ['2']]]))
  await answer()
  await answer()
  expect(await both).toEqual(
    new Map([
      [users, ['3']],
      [posts, ['1']],
    ]),
  )
  expect(trips.map((counts) => [...counts.keys()].map(({ name }) => name))).toEqual([
    ['User'],
    ['Post'],
    ['User'],
  ])
})
