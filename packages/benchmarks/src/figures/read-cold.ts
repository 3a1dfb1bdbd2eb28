/** Reading without any key in hand: how many times the key service's latency a thousand rows cost. */
import { strict as assert } from 'node:assert'
import { branchedKeys } from '../ways/branched-keys.js'
import { kmsStandIn } from '../kms-stand-in.js'
import { measureRounds } from '../measuring/rounds.js'
import { estimate } from '../measuring/statistics.js'
import { encryptedFields, people } from '../people.js'
import type { Sizes } from '../sizes.js'
import { everyKey, type Stage } from '../stage.js'
import type { Figures } from '../targets.js'
import { readSequentially } from '../ways/sequential.js'

const slowMs = 50
const quickMs = 5

/** Measures `coldWaves50ms`, `coldWavesBranch50ms` and `readColdVsSequential`. */
export async function measureColdReads(stage: Stage, sizes: Sizes): Promise<Figures> {
  const { rows, manyRows, sequentialRows, long } = sizes
  const warm = stage.connectOurs(0, { cache: everyKey })
  const far = stage.connectOurs(slowMs)
  const near = stage.connectOurs(quickMs)
  const plain = stage.connectPlain()
  const kms = kmsStandIn(quickMs)
  const few = { where: { id: { lte: rows } }, orderBy: { id: 'asc' } } as const

  const branched = stage.connectOurs(slowMs, { keys: branchedKeys() })
  await stage.connectOurs(0, { keys: branchedKeys() }).person.createMany({ data: people(rows) })
  const underBranch = { where: { id: { gt: manyRows } }, orderBy: { id: 'asc' } } as const

  const expected = people(sequentialRows).map((person) => encryptedFields.map((field) => person[field]))
  assert.deepEqual(await readSequentially(plain, kms, sequentialRows), expected)

  const waves = await measureRounds(
    { warm: { run: () => warm.person.findMany(few) }, cold: { run: () => far.person.findMany(few) } },
    long,
  )
  const branches = await measureRounds(
    {
      warm: { run: () => branched.person.findMany(underBranch) },
      cold: {
        run: () => {
          branched.$kms.flush()
          return branched.person.findMany(underBranch)
        },
      },
    },
    long,
  )
  const against = await measureRounds(
    {
      sequential: { run: () => readSequentially(plain, kms, sequentialRows) },
      ours: { run: () => near.person.findMany(few) },
    },
    long,
  )
  return {
    coldWaves50ms: estimate(waves.wallMs, (ms) => (ms.cold - ms.warm) / slowMs),
    coldWavesBranch50ms: estimate(branches.wallMs, (ms) => (ms.cold - ms.warm) / slowMs),
    readColdVsSequential: estimate(
      against.wallMs,
      (ms) => ((ms.sequential / sequentialRows) * rows) / ms.ours,
    ),
  }
}
