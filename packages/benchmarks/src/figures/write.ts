/** Writing with the key service at 0 ms: what is left is our own work and our own round trips. */
import { strict as assert } from 'node:assert'
import { estimateTimes, measureRounds } from '../measuring/rounds.js'
import { encryptedFields, people, personOf } from '../people.js'
import type { Sizes } from '../sizes.js'
import type { OurClient, Stage } from '../stage.js'
import type { Figures } from '../targets.js'
import { bareWriter } from '../ways/bare-writes.js'
import { extendWithNothing } from '../ways/empty-extension.js'
import { extendWithPeer } from '../ways/peer.js'

/** Measures the figures that begin with `create`; what was created goes again. */
export async function measureWrites(stage: Stage, sizes: Sizes): Promise<Figures> {
  const { rows, manyRows, creates, short } = sizes
  const plain = stage.connectPlain()
  const ours = stage.connectOurs(0)
  const inBlocks = stage.connectOurs(0, { idBlock: 50 })
  const peer = await extendWithPeer(stage.connectPlain())
  const data = people(rows)
  // Through an extension that does nothing, as whatever encrypts has to be one.
  const bare = bareWriter(extendWithNothing(stage.connectPlain()), 1)
  const bareInBlocks = bareWriter(extendWithNothing(stage.connectPlain()), 50)
  await checkBare(bare, ours)
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
      bare: { run: () => times((number) => bare.create(personOf(number))), reset: remove.ours },
      bareBlocks: { run: () => times((number) => bareInBlocks.create(personOf(number))), reset: remove.ours },
    },
    // Prisma's own code is warm from what was measured before; that of creates has to become so.
    { ...short, warmUps: short.warmUps ?? 15 },
  )
  const many = await measureRounds(
    {
      plain: { run: () => plain.plainPerson.createMany({ data }), reset: remove.plain },
      ours: { run: () => ours.person.createMany({ data }), reset: remove.ours },
      peer: { run: () => peer.peerPerson.createMany({ data }), reset: remove.peer },
      bare: { run: () => bare.createMany(data), reset: remove.ours },
    },
    short,
  )
  return {
    createOneVsPlain: estimateTimes(one, (ms) => ms.ours / ms.plain),
    createOneBlockVsPlain: estimateTimes(one, (ms) => ms.blocks / ms.plain),
    createOneVsFloor: estimateTimes(one, (ms) => ms.ours / ms.bare),
    createOneBlockVsFloor: estimateTimes(one, (ms) => ms.blocks / ms.bareBlocks),
    createManyVsPeer: estimateTimes(many, (ms) => (ms.ours - ms.plain) / (ms.peer - ms.plain)),
    createManyVsFloor: estimateTimes(many, (ms) => (ms.ours - ms.plain) / (ms.bare - ms.plain)),
  }
}

/** What the floor writes must be what this library writes: it opens it. */
async function checkBare(bare: ReturnType<typeof bareWriter>, ours: OurClient): Promise<void> {
  const { id } = await bare.create(personOf(1))
  const found = await ours.person.findUniqueOrThrow({ where: { id } })
  assert.deepEqual(
    encryptedFields.map((field) => found[field]),
    encryptedFields.map((field) => personOf(1)[field]),
  )
}
