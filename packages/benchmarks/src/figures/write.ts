/** Writing with the key service at 0 ms: what is left is our own work and our own round trips. */
import { estimateTimes, measureRounds } from '../measuring/rounds.js'
import { people, personOf } from '../people.js'
import type { Sizes } from '../sizes.js'
import type { Stage } from '../stage.js'
import type { Figures } from '../targets.js'
import { extendWithPeer } from '../ways/peer.js'

/** Measures `createOneVsPlain`, `createOneBlockVsPlain` and `createManyVsPeer`; what was created goes again. */
export async function measureWrites(stage: Stage, sizes: Sizes): Promise<Figures> {
  const { rows, manyRows, creates, short } = sizes
  const plain = stage.connectPlain()
  const ours = stage.connectOurs(0)
  const inBlocks = stage.connectOurs(0, { idBlock: 50 })
  const peer = await extendWithPeer(stage.connectPlain())
  const data = people(rows)
  const remove = {
    ours: () => plain.person.deleteMany({ where: { id: { gt: manyRows } } }),
    plain: () => plain.plainPerson.deleteMany({}),
    peer: () => plain.peerPerson.deleteMany({ where: { id: { gt: rows } } }),
  }
  const times = async (work: (number: number) => Promise<unknown>): Promise<void> => {
    for (let number = 1; number <= creates; number++) await work(number)
  }

  const one = await measureRounds(
    {
      plain: {
        run: () => times((number) => plain.plainPerson.create({ data: personOf(number) })),
        reset: remove.plain,
      },
      ours: {
        run: () => times((number) => ours.person.create({ data: personOf(number) })),
        reset: remove.ours,
      },
      blocks: {
        run: () => times((number) => inBlocks.person.create({ data: personOf(number) })),
        reset: remove.ours,
      },
    },
    short,
  )
  const many = await measureRounds(
    {
      plain: { run: () => plain.plainPerson.createMany({ data }), reset: remove.plain },
      ours: { run: () => ours.person.createMany({ data }), reset: remove.ours },
      peer: { run: () => peer.peerPerson.createMany({ data }), reset: remove.peer },
    },
    short,
  )
  return {
    createOneVsPlain: estimateTimes(one, (ms) => ms.ours / ms.plain),
    createOneBlockVsPlain: estimateTimes(one, (ms) => ms.blocks / ms.plain),
    createManyVsPeer: estimateTimes(many, (ms) => (ms.ours - ms.plain) / (ms.peer - ms.plain)),
  }
}
