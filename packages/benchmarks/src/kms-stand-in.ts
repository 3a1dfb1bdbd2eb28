/** A key service on this machine that behaves like one far away: each call takes one key, some time, and one of 64 places. */
import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { KmsCall, KmsProvider, Outcome } from 'prisma-kms-encrypted'
import { localKms } from 'prisma-kms-encrypted/local'

/** The two keys that the stand-in has. */
export const keyIds = { first: 'local/first', second: 'local/second' } as const

/** Calls that the stand-in serves at once. */
export const PLACES = 64

/** Fixed, so that every stand-in unwraps what another has wrapped. */
const keys = { first: Buffer.alloc(32, 1), second: Buffer.alloc(32, 2) }

/** Makes a stand-in; at 0 ms it answers whole batches at once. */
export function kmsStandIn(latencyMs: number, places = PLACES): KmsProvider {
  const local = localKms({ keys })
  const limit = pLimit(places)

  async function serve<Item>(
    items: readonly Item[],
    call: KmsCall,
    answer: (items: readonly Item[], call: KmsCall) => Promise<readonly Outcome<Uint8Array>[]>,
  ): Promise<readonly Outcome<Uint8Array>[]> {
    if (latencyMs === 0) return answer(items, call)
    const outcomes = await limit.map(items, async (item) => {
      await sleep(latencyMs)
      return answer([item], call)
    })
    return outcomes.flat()
  }

  return {
    name: 'stand-in',
    accepts: (keyId) => local.accepts(keyId),
    wrap: (keyId, items, call) => serve(items, call, (some, by) => local.wrap(keyId, some, by)),
    unwrap: (keyId, items, call) => serve(items, call, (some, by) => local.unwrap(keyId, some, by)),
  }
}
