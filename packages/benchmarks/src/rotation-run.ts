/** One rotation of the whole table for `figures/million.ts`, in a process of its own, whose memory is that of nothing else. */
import { PrismaPg } from '@prisma/adapter-pg'
import { kmsEncrypted, rotateAll } from 'prisma-kms-encrypted'
import { encryptedModels } from './generated/kms-encrypted.js'
import { PrismaClient } from './generated/prisma/client.js'
import { keyIds, kmsStandIn } from './kms-stand-in.js'

/** What one rotation took. */
export interface RotationRun {
  readonly rows: number
  readonly seconds: number
  /** The most that was alive whenever everything else was collected, about fifty times over the run. */
  readonly liveHeapMiB: number
  /** The most memory that the process ever had. */
  readonly peakRssMiB: number
}

const [url = '', latencyMs = '0', current = '1', expected = '0'] = process.argv.slice(2)
const plain = new PrismaClient({ adapter: new PrismaPg({ connectionString: url, max: 4 }) })
const prisma = plain.$extends(
  kmsEncrypted({
    models: encryptedModels,
    providers: [kmsStandIn(Number(latencyMs))],
    keys: {
      default: {
        current: Number(current),
        versions: { 1: { keyId: keyIds.first }, 2: { keyId: keyIds.second } },
      },
    },
  }),
)
const every = Math.ceil(Number(expected) / 50)
let [looked, most] = [0, 0]
const start = performance.now()
const { done, failed } = await rotateAll(prisma.person, {
  onProgress({ done: rows }) {
    if (rows < looked + every) return
    looked = rows
    globalThis.gc?.()
    most = Math.max(most, process.memoryUsage().heapUsed)
  },
})
const seconds = (performance.now() - start) / 1_000
if (failed > 0) throw new Error(`${failed} keys were not rotated`)
const run: RotationRun = {
  rows: done,
  seconds,
  liveHeapMiB: most / 2 ** 20,
  peakRssMiB: process.resourceUsage().maxRSS / 2 ** 10, // Node gives kilobytes
}
process.send?.(run, () => {
  process.disconnect()
})
await plain.$disconnect()
