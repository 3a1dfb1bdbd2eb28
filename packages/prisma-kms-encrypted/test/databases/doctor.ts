/** What `doctor` must find in the catalogue of each kind of database. */
import { checkDatabase } from '../../src/cli/doctor/check-database.js'
import type { Check } from '../../src/cli/doctor/check.js'
import { runtimeOfClient } from '../../src/extension/registry.js'
import type { Suite } from './suite.js'

/** One way in which tables differ from the schema. */
export interface CatalogueFault {
  readonly name: string
  readonly make: readonly string[]
  readonly mend: readonly string[]
  /** As `subject: id severity`. */
  readonly finding: string
}

/** Each check that is not OK, as `subject: id severity`. */
const wrong = (checks: readonly Check[]) =>
  checks
    .filter(({ severity }) => severity !== 'OK')
    .map(({ subject, id, severity }) => `${subject}: ${id} ${severity}`)

/**
 * Tests of the look at the tables.
 * @param afterMigration what it remarks on the fixture's own tables
 */
export function describeCatalogue(
  suite: Suite,
  afterMigration: readonly string[],
  faults: readonly CatalogueFault[],
): void {
  const look = async () =>
    wrong(await checkDatabase(runtimeOfClient(suite.client.prisma, 'test'), (text) => text))
  const run = async (statements: readonly string[]) => {
    for (const sql of statements) await suite.client.plain.$executeRawUnsafe(sql)
  }

  describe('doctor', () => {
    test('finds the tables in order after the migrations', async () => {
      expect(await look()).toEqual(afterMigration)
    })

    test.each(faults)('finds $name, and nothing once it is mended', async ({ make, mend, finding }) => {
      await run(make)
      try {
        const found = await look()
        expect(found.filter((each) => !afterMigration.includes(each))).toEqual([finding])
      } finally {
        await run(mend)
      }
      expect(await look()).toEqual(afterMigration)
    })
  })
}
