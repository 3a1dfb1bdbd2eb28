/** How long a large result keeps the event loop from everything else, counting only the time in which we open it. */
import { estimate, smallest } from '../measuring/statistics.js'
import type { Sizes } from '../sizes.js'
import { everyKey, type PlainClient, type Stage } from '../stage.js'
import type { Figures } from '../targets.js'

const warmUps = 2

/** Measures `longestSliceMs`. */
export async function measureSlices(stage: Stage, { manyRows, long }: Sizes): Promise<Figures> {
  const slices = watchSlices()
  const client = stage
    .connectPlain()
    // It adds no members. Applied first, so outermost: its `query` ends when ours has opened the rows.
    .$extends({ query: { person: { findMany: ({ args, query }) => query(args).finally(slices.stop) } } })
  const ours = stage
    .extend(client as unknown as PlainClient, 0, { cache: everyKey })
    // Applied last, so innermost: its `query` ends when the rows come from Prisma.
    .$extends({ query: { person: { findMany: ({ args, query }) => query(args).finally(slices.start) } } })
  const longest: number[] = []
  for (let round = -warmUps; round < long.least; round++) {
    await ours.person.findMany({ where: { id: { lte: manyRows } } })
    if (round >= 0) longest.push(slices.longestMs())
  }
  return { longestSliceMs: estimate({ longest }, (ms) => ms.longest, smallest) }
}

/** Notes how long the event loop does not come to its immediates between `start` and `stop`. */
function watchSlices() {
  let longest = 0
  let last = 0
  let running = false
  const note = (): void => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }
  const tick = (): void => {
    if (!running) return
    note()
    setImmediate(tick)
  }
  return {
    start: () => {
      longest = 0
      last = performance.now()
      running = true
      setImmediate(tick)
    },
    stop: () => {
      note()
      running = false
    },
    longestMs: () => longest,
  }
}
