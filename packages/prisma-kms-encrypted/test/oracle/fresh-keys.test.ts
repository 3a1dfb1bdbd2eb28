/**
 * The random sequences with `freshKeys`: a client that seals nothing under a stored key gives what plain Prisma gives.
 * ORACLE_FRESH_RUNS and ORACLE_FRESH_SEED give the number of sequences and the seed.
 */
import fc from 'fast-check'
import { createLane, type Lane } from './lane.js'
import { sequences } from './operations.js'
import { Statistics } from './statistics.js'

const runs = Number(process.env['ORACLE_FRESH_RUNS'] ?? 30)
const seed = Number(process.env['ORACLE_FRESH_SEED'] ?? 20261127)
const statistics = new Statistics()
let lane: Lane

beforeAll(async () => {
  lane = await createLane({ statistics, freshKeys: true })
})
afterAll(() => lane.close())

test(`${runs} sequences give what plain Prisma gives (ORACLE_FRESH_SEED=${seed})`, async () => {
  await fc.assert(
    fc.asyncProperty(sequences(20), (sequence) => lane.run(sequence)),
    { seed, numRuns: runs },
  )
  for (const kind of ['create', 'update', 'findMany'])
    expect(statistics.successes(kind)).toBeGreaterThan(runs / 5)
}, 3_600_000)
