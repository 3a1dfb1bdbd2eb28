/** What the extension costs the models that it has nothing to do with. */
import { PrismaPg } from '@prisma/adapter-pg'
import { kmsEncrypted } from 'prisma-kms-encrypted'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { PrismaClient } from '../generated/prisma/client.js'
import { keyIds, kmsStandIn } from '../kms-stand-in.js'
import { measureRounds } from '../measuring/rounds.js'
import { estimate } from '../measuring/statistics.js'
import type { Sizes } from '../sizes.js'
import type { Stage } from '../stage.js'
import type { Figures } from '../targets.js'
import { extendWithNothing } from '../ways/empty-extension.js'
import { replayingAdapter } from '../ways/replaying-adapter.js'

/** Measures `passThroughVsEmpty`. */
export async function measurePassThrough(stage: Stage, { passes, short }: Sizes): Promise<Figures> {
  await stage.plain.note.createMany({
    data: Array.from({ length: 10 }, (_, index) => ({ title: `title ${index}`, body: 'body '.repeat(20) })),
  })
  const base = new PrismaClient({ adapter: replayingAdapter(new PrismaPg({ connectionString: stage.url })) })
  const empty = extendWithNothing(base)
  const ours = base.$extends(
    kmsEncrypted({
      models: encryptedModels,
      providers: [kmsStandIn(0)],
      keys: { default: { keyId: keyIds.first } },
    }),
  )
  const times = async (work: () => Promise<unknown>): Promise<void> => {
    for (let pass = 0; pass < passes; pass++) await work()
  }
  const { cpuMs } = await measureRounds(
    {
      empty: { run: () => times(() => empty.note.findMany()) },
      ours: { run: () => times(() => ours.note.findMany()) },
    },
    short,
  )
  await base.$disconnect()
  return { passThroughVsEmpty: estimate(cpuMs, (ms) => ms.ours / ms.empty) }
}
