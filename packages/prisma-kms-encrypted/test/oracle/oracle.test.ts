/**
 * Random sequences of operations, on the extended client and on plain Prisma: no difference, no plaintext stored.
 * The seed is fixed, so that a change is judged by itself; ORACLE_SEED gives another (`random`: a new one each time),
 * ORACLE_RUNS the number of sequences.
 */
import fc from 'fast-check'
import { createLane, type Lane } from './lane.js'
import { sequences } from './operations.js'
import { Statistics } from './statistics.js'

const runs = Number(process.env['ORACLE_RUNS'] ?? 240)
const givenSeed = process.env['ORACLE_SEED'] ?? '20261123'
const seed = givenSeed === 'random' ? Date.now() % 2 ** 31 : Number(givenSeed)
/** Databases that run at once; more than one hides the waits for the server. */
const laneCount = Number(process.env['ORACLE_LANES'] ?? 3)
/** Operations of one sequence. */
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
  const results = await Promise.allSettled(
    lanes.map((lane, at) =>
      fc.assert(
        fc.asyncProperty(sequences(length), (sequence) => lane.run(sequence)),
        { seed: seed + at, numRuns: Math.ceil(runs / laneCount) },
      ),
    ),
  )
  const seconds = Math.round((Date.now() - started) / 1_000)
  console.info(`Oracle, ORACLE_SEED=${seed}, ${seconds} s: ${statistics.toString()}`)
  const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as Error] : []))
  for (const failure of failures.slice(1)) console.error(failure)
  if (failures[0]) throw failures[0]
}, 3_600_000)

// A run of a few sequences is for development; its counts say nothing.
const testCounts = runs >= 200 ? test : test.skip

describe('the run was not vacuous', () => {
  const per500 = (count: number) => Math.floor((count * runs) / 500)

  testCounts.each([
    ['create', 2_000],
    ['createMany', 60],
    ['createManyAndReturn', 60],
    ['update', 300],
    ['updateMany', 30],
    ['updateManyAndReturn', 15],
    ['upsert', 30],
    ['delete', 40],
    ['deleteMany', 30],
    ['findUnique', 200],
    ['findUniqueOrThrow', 150],
    ['findFirst', 25],
    ['findFirstOrThrow', 12],
    ['findMany', 300],
    ['count', 60],
    ['aggregate', 30],
    ['groupBy', 30],
    ['fluent', 100],
  ])('%s succeeded at least %d times in 500 sequences', (kind, count) => {
    expect(statistics.successes(kind)).toBeGreaterThanOrEqual(per500(count))
  })

  testCounts.each([
    ['create', 500],
    ['create at depth 2', 30],
    ['createMany', 50],
    ['connect', 100],
    ['connectOrCreate', 50],
    ['set', 30],
    ['disconnect', 8],
    ['delete', 5],
    ['deleteMany', 8],
    ['update', 30],
    ['updateMany', 8],
    ['upsert', 10],
  ])('nested %s succeeded at least %d times in 500 sequences', (verb, count) => {
    expect(statistics.nested(verb)).toBeGreaterThanOrEqual(per500(count))
  })

  testCounts.each([
    ['outside transactions', 2_000],
    ['interactive committed', 60],
    ['interactive rolled back', 30],
    ['interactive rolled back after an error', 50],
    ['batch committed', 100],
    ['batch failed', 60],
    ['reads in one tick', 60],
  ])('%s: at least %d times in 500 sequences', (name, count) => {
    expect(statistics.steps(name)).toBeGreaterThanOrEqual(per500(count))
  })
})
