/** A key service on this machine that behaves like one far away: each call takes one key, some time, and one of 64 places. */
import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import type { KmsProvider, Outcome } from 'prisma-kms-encrypted'

/** The two keys that the stand-in has. */
export const keyIds = { first: 'stand-in/first', second: 'stand-in/second' } as const

/** Calls that the stand-in serves at once. */
export const PLACES = 64

/** What hides data keys under each key; fixed, so that every stand-in unwraps what another has wrapped. */
const masks = new Map<string, number>([
  [keyIds.first, 0x5a],
  [keyIds.second, 0xa5],
])

const dataKeyBytes = 32

/** Length of what is given for a wrapped key: that of an AES-GCM value with nonce, tag and one byte more. */
const wrappedBytes = 1 + 12 + dataKeyBytes + 16

/**
 * Makes a stand-in; at 0 ms it answers whole batches at once. It hides keys and encrypts nothing, since the ciphers of a key
 * service do not run in the process that asks it.
 */
export function kmsStandIn(latencyMs: number, places = PLACES): KmsProvider {
  const limit = pLimit(places)

  async function serve<Item>(
    items: readonly Item[],
    answer: (item: Item) => Uint8Array,
  ): Promise<readonly Outcome<Uint8Array>[]> {
    const answerOne = (item: Item) => ({ ok: true, value: answer(item) }) as const
    if (latencyMs === 0) return items.map(answerOne)
    return limit.map(items, async (item) => {
      await sleep(latencyMs)
      return answerOne(item)
    })
  }

  return {
    name: 'stand-in',
    accepts: (keyId) => masks.has(keyId),
    wrap: (keyId, items) =>
      serve(items, ({ plaintext }) => masked(keyId, plaintext, Buffer.alloc(wrappedBytes))),
    unwrap: (keyId, items) =>
      serve(items, ({ ciphertext }) => masked(keyId, ciphertext, Buffer.alloc(dataKeyBytes))),
  }
}

/** Writes the first 32 bytes under the mask of a key into `target`. */
function masked(keyId: string, bytes: Uint8Array, target: Buffer): Buffer {
  const mask = masks.get(keyId) ?? 0
  for (let index = 0; index < dataKeyBytes; index++) target[index] = (bytes[index] ?? 0) ^ mask
  return target
}
