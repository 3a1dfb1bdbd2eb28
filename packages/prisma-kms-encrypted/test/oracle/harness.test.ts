/** The comparison itself: plain against plain shows no difference, and a client that is wrong on purpose is caught. */
import fc from 'fast-check'
import { createLane } from './lane.js'
import { sequences } from './operations.js'
import { Statistics } from './statistics.js'

const seed = Number(process.env['ORACLE_SEED'] ?? 20_261_123)

test('plain Prisma against plain Prisma: no difference', async () => {
  const statistics = new Statistics()
  const lane = await createLane({ statistics, underTest: 'plain' })
  try {
    await fc.assert(
      fc.asyncProperty(sequences(20), (sequence) => lane.run(sequence)),
      { seed, numRuns: Number(process.env['ORACLE_HARNESS_RUNS'] ?? 40) },
    )
  } finally {
    await lane.close()
    console.info(`Plain against plain: ${statistics.toString()}`)
  }
}, 600_000)
