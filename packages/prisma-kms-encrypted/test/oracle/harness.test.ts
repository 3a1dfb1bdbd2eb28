/** The comparison itself: plain against plain shows no difference, and a client that is wrong on purpose is caught. */
import fc from 'fast-check'
import { createLane } from './lane.js'
import { firstRows } from './first-rows.js'
import { mutations } from './mutations.js'
import { sequences } from './operations.js'
import { allRefusals } from './refusals.js'
import { Statistics } from './statistics.js'

const seed = Number(process.env['ORACLE_SEED'] ?? 20_261_123)
const runs = Number(process.env['ORACLE_HARNESS_RUNS'] ?? 40)

test('plain Prisma against plain Prisma: no difference', async () => {
  const statistics = new Statistics()
  const lane = await createLane({ statistics, underTest: 'plain' })
  try {
    await fc.assert(
      fc.asyncProperty(sequences(20), (sequence) => lane.run(sequence)),
      { seed, numRuns: runs },
    )
  } finally {
    await lane.close()
  }
  expect(statistics.sequences).toBe(runs)
  expect(statistics.successes('create')).toBeGreaterThan(runs)
}, 600_000)

test.each(['rows', 'empty'] as const)(
  'every documented refusal comes with its code and writes nothing (%s)',
  async (start) => {
    const statistics = new Statistics()
    const lane = await createLane({ statistics })
    try {
      const steps = allRefusals.map((call) => ({ step: 'call', call }) as const)
      await lane.run({ pool: 'one', setup: 'default', start, steps })
    } finally {
      await lane.close()
    }
    expect(statistics.steps('outside transactions')).toBe(
      allRefusals.length + (start === 'rows' ? firstRows.length : 0),
    )
  },
  60_000,
)

test.each(Object.entries(mutations))(
  'a client is caught that %s',
  async (_, mutation) => {
    const lane = await createLane({ statistics: new Statistics(), mutation })
    try {
      const details = await fc.check(
        fc.asyncProperty(sequences(20), (sequence) => lane.run(sequence)),
        { seed, numRuns: 200, endOnFailure: true },
      )
      expect(details.failed).toBe(true)
      expect(details.errorInstance).toMatchObject({ name: 'Difference' })
    } finally {
      await lane.close()
    }
  },
  600_000,
)
