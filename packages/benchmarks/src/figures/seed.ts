/** Fills the tables that the readings start from. */
import { people } from '../people.js'
import { extendWithPeer } from '../ways/peer.js'
import type { Sizes } from '../sizes.js'
import type { Stage } from '../stage.js'

/** Persons with the ids 1 to `manyRows` of ours, and 1 to `rows` of the peer's. */
export async function seed(stage: Stage, { rows, manyRows }: Sizes): Promise<void> {
  const ours = stage.connectOurs(0)
  for (let start = 0; start < manyRows; start += 1_000) {
    const end = Math.min(start + 1_000, manyRows)
    await ours.person.createMany({ data: people(end).slice(start) })
  }
  const peer = await extendWithPeer(stage.connectPlain())
  await peer.peerPerson.createMany({ data: people(rows) })
  await stage.sql('VACUUM ANALYZE')
}
