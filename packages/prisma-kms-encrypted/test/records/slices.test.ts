import { inSlices } from '../../src/records/slices.js'

/** A clock that goes on by `stepMs` with each item that is worked on. */
function workOf(stepMs: number) {
  let nowMs = 0
  const done: number[] = []
  return {
    done,
    now: () => nowMs,
    work: (item: number, index: number) => {
      nowMs += stepMs
      done.push(item * 100 + index)
    },
  }
}

const items = Array.from({ length: 200 }, (_, index) => index)

test('long work is done in order, and others get their turn between its slices', async () => {
  const { done, work, now } = workOf(1)
  const turns: number[] = []
  let running = true
  const watch = (): void => {
    turns.push(done.length)
    if (running) setImmediate(watch)
  }
  setImmediate(watch)
  await inSlices(items, work, now)
  running = false
  expect(done).toEqual(items.map((item) => item * 101))
  // 200 ms of work, looked at after every 16 items: twelve slices, and nobody waited longer than for one.
  expect(turns.filter((count) => count > 0 && count < 200)).toEqual(
    items.filter((count) => count > 0 && count % 16 === 0),
  )
})

test('short work is one slice: nobody else gets a turn in between', async () => {
  const { done, work, now } = workOf(0.001)
  let othersRan = false
  setImmediate(() => {
    othersRan = true
  })
  await inSlices(items, work, now)
  expect(done).toHaveLength(200)
  expect(othersRan).toBe(false)
})

test('what the work throws ends it', async () => {
  const done: number[] = []
  const work = (item: number): void => {
    if (item === 3) throw new RangeError('three')
    done.push(item)
  }
  await expect(inSlices(items, work)).rejects.toThrow(RangeError)
  expect(done).toEqual([0, 1, 2])
})

test('few items are worked on at once, and what the work throws then is thrown', () => {
  const { done, work } = workOf(1)
  expect(inSlices(items.slice(0, 15), work)).toBeUndefined()
  expect(done).toHaveLength(15)
  const refuse = (): void => {
    throw new RangeError('one')
  }
  expect(() => inSlices([1], refuse)).toThrow(RangeError)
})
