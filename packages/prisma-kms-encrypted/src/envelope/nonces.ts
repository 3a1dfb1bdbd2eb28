/** Turns large draws of random bytes into the nonces of AES-GCM, each handed out once. */

import { randomFillSync } from 'node:crypto'
import { NONCE_BYTES } from './field-format.js'

/** Draw per refill: 1,024 nonces, because one large draw costs far less than many small ones. */
const POOL_BYTES = 1024 * NONCE_BYTES

/** Gives a fresh nonce of 12 bytes at each call. */
export type NonceSource = () => Buffer

/**
 * Makes a source of random nonces.
 *
 * Every byte of a draw belongs to exactly one nonce: the position moves before a nonce is handed out, and a used-up
 * draw is replaced by new memory, never rewound or filled again. The first draw waits for the first nonce, so that a
 * process snapshot taken after loading holds none.
 *
 * @param fill fills a buffer with random bytes; only tests replace it
 */
export function createNonceSource(fill: (target: Buffer) => unknown = randomFillSync): NonceSource {
  let pool: Buffer = Buffer.alloc(0)
  let position = 0
  return () => {
    if (position === pool.length) {
      const drawn = Buffer.alloc(POOL_BYTES)
      fill(drawn)
      pool = drawn
      position = 0
    }
    const start = position
    position += NONCE_BYTES
    return pool.subarray(start, position)
  }
}

/** The process's own nonces. */
export const randomNonces: NonceSource = createNonceSource()
