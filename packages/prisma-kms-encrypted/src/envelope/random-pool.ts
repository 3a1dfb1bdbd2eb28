/** Turns large draws of random bytes into small pieces, each handed out once: one large draw costs far less than many small ones. */

import { randomFillSync } from 'node:crypto'

/**
 * Makes a source of random pieces.
 *
 * Every byte of a draw belongs to exactly one piece: the position moves before a piece is handed out, and a used-up
 * draw is replaced by new memory, never rewound or filled again. The first draw waits for the first piece, so that a
 * process snapshot taken after loading holds none.
 *
 * @param pieceBytes length of a piece
 * @param pieces how many are drawn together
 * @param fill fills a buffer with random bytes; only tests replace it
 * @returns gives the next piece, whose memory belongs to the caller
 */
export function createRandomPool(
  pieceBytes: number,
  pieces: number,
  fill: (target: Buffer) => unknown = randomFillSync,
): () => Buffer {
  let pool: Buffer = Buffer.alloc(0)
  let position = 0
  return () => {
    if (position === pool.length) {
      const drawn = Buffer.alloc(pieces * pieceBytes)
      fill(drawn)
      pool = drawn
      position = 0
    }
    const start = position
    position += pieceBytes
    return pool.subarray(start, position)
  }
}
