/** Rotating a whole table to another key: how fast with a key service 5 ms away, and whether memory grows with the table. */
import { rotateAll } from 'prisma-kms-encrypted'
import { keyIds } from '../kms-stand-in.js'
import { estimate, median } from '../measuring/statistics.js'
import { people } from '../people.js'
import type { Sizes } from '../sizes.js'
import type { OurClient, Stage } from '../stage.js'
import type { Figures } from '../targets.js'

const latencyMs = 5

/** Measures `rotateRowsPerSecond5ms` and `rotateHeapGrowthMiB`, on persons of their own. */
export async function measureRotation(stage: Stage, sizes: Sizes): Promise<Figures> {
  const { rotated, manyRotated, rotations, long } = sizes
  await stage.sql('TRUNCATE "Person" RESTART IDENTITY')
  const clients = [1, 2].map((current) =>
    stage.connectOurs(latencyMs, { keys: { default: versions(current) } }),
  )
  let current = 1
  /** Rotates all rows to the other version. */
  const turn = async (onProgress?: () => void): Promise<number> => {
    current = 3 - current
    const start = performance.now()
    const result = await rotateAll(clients[current - 1]?.person, onProgress ? { onProgress } : {})
    if (result.failed > 0) throw new Error('a key was not rotated')
    return (result.done / (performance.now() - start)) * 1_000
  }

  await insertPeople(stage.connectOurs(0), rotated)
  await turn() // warms up
  const perSecond: number[] = []
  for (let round = 0; round < long.least; round++) perSecond.push(await turn())
  const small: number[] = []
  for (let round = 0; round < rotations; round++) small.push(await liveHeapMiB(turn))

  await insertPeople(stage.connectOurs(0), manyRotated - rotated)
  // What was just added has version 1; one turn more puts all rows on the same version.
  if (current === 2) await turn()
  const large: number[] = []
  for (let round = 0; round < rotations; round++) large.push(await liveHeapMiB(turn))
  return {
    rotateRowsPerSecond5ms: estimate({ perSecond }, (rows) => rows.perSecond),
    rotateHeapGrowthMiB: estimate({ small, large }, (heap) => heap.large - heap.small, median),
  }
}

function versions(current: number) {
  return { current, versions: { 1: { keyId: keyIds.first }, 2: { keyId: keyIds.second } } }
}

async function insertPeople(ours: OurClient, count: number): Promise<void> {
  for (let start = 0; start < count; start += 1_000) {
    await ours.person.createMany({ data: people(Math.min(1_000, count - start)) })
  }
}

/** The most that is alive at any batch of a rotation. */
async function liveHeapMiB(turn: (onProgress: () => void) => Promise<unknown>): Promise<number> {
  let most = 0
  await turn(() => {
    globalThis.gc?.()
    most = Math.max(most, process.memoryUsage().heapUsed)
  })
  return most / 2 ** 20
}
