/** Random sequences of operations, on the extended client and on plain Prisma: no difference, no plaintext stored. */
import fc from 'fast-check'
import { createLane, type Lane } from './lane.js'
import { sequences } from './operations.js'
import { Statistics } from './statistics.js'

const runs = Number(process.env['ORACLE_RUNS'] ?? 500)
const seed = Number(process.env['ORACLE_SEED'] ?? Date.now() % 2 ** 31)
const laneCount = Number(process.env['ORACLE_LANES'] ?? 3)
const length = 20

const statistics = new Statistics()
let lanes: Lane[] = []

beforeAll(async () => {
  lanes = await Promise.all(Array.from({ length: laneCount }, () => createLane({ statistics })))
})
afterAll(async () => {
  await Promise.all(lanes.map((lane) => lane.close()))
})

test(`${runs} sequences give what plain Prisma gives (ORACLE_SEED=${seed})`, async () => {
  const started = Date.now()
  try {
    const results = await Promise.allSettled(
      lanes.map((lane, at) =>
        fc.assert(
          fc.asyncProperty(sequences(length), (sequence) => lane.run(sequence)),
          {
            seed: seed + at,
            numRuns: Math.ceil(runs / laneCount),
            interruptAfterTimeLimit: 3_600_000,
            markInterruptAsFailure: true,
          },
        ),
      ),
    )
    for (const result of results) if (result.status === 'rejected') throw result.reason
  } finally {
    const seconds = Math.round((Date.now() - started) / 1_000)
    console.info(`Oracle, ORACLE_SEED=${seed}, ${seconds} s: ${statistics.toString()}`)
  }
}, 3_600_000)
