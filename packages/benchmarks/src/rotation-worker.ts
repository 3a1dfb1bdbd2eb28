/** One worker of `figures/rotation-workers.ts`, in a process of its own: rotates the ranges that it is sent, one by one. */
import { PrismaPg } from '@prisma/adapter-pg'
import { kmsEncrypted, rotateAll, type RowRange } from 'prisma-kms-encrypted'
import { encryptedModels } from './generated/kms-encrypted.js'
import { PrismaClient } from './generated/prisma/client.js'
import { keyIds, kmsStandIn } from './kms-stand-in.js'

/** A range, and the version that its keys are to be of. */
export interface RangeOrder {
  readonly range: RowRange
  readonly current: number
}

/** Calls to the key service that one worker makes at once. */
const places = 16

const [url = '', latencyMs = '0'] = process.argv.slice(2)
const plain = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 4 }) })
const clients = [1, 2].map((current) =>
  plain.$extends(
    kmsEncrypted({
      models: encryptedModels,
      providers: [kmsStandIn(Number(latencyMs), places)],
      keys: { default: { current, versions: { 1: { keyId: keyIds.first }, 2: { keyId: keyIds.second } } } },
    }),
  ),
)
process.on('message', ({ range, current }: RangeOrder) => {
  void rotateAll(clients[current - 1]?.person, { range }).then(({ done, failed }) => {
    process.send?.(failed > 0 ? -1 : done)
  })
})
process.on('disconnect', () => process.exit())
await plain.$connect()
process.send?.(0)
