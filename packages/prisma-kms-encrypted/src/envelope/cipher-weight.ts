/** Makes ciphers about as heavy as they are to collect, so that V8 collects them in small portions. */

/** 512 bytes: a quarter of what opening a value leaves behind anyway. */
const WORDS = 64

/**
 * Gives what a cipher is to hold until it is collected, as an option that means nothing to it. Node needs about a microsecond
 * to destroy the native part of each cipher, of which V8 does not know: it lets young objects gather until they fill 16 MiB,
 * and then some nine thousand ciphers end in one pause of 10 ms. With this they are a quarter fewer, and so much shorter is
 * the pause (docs/performance.md).
 */
export function weightOfCipher(): readonly unknown[] {
  return new Array(WORDS)
}
