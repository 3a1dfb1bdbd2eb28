/** Turns a cipher's options into options as heavy as what the cipher costs to collect, so that V8 collects in small portions. */

/** 512 bytes: a quarter of what opening a value leaves behind anyway. */
const WORDS = 64

/**
 * Adds weight to options, which the cipher keeps until it is collected. Node needs about a microsecond to destroy the native
 * part of each cipher, of which V8 does not know: it lets young objects gather until they fill 16 MiB, and then some nine
 * thousand ciphers end in one pause of 10 ms. With this they are a quarter fewer, and so much shorter is the pause
 * (docs/performance.md).
 */
export function weighOptions<Options extends object>(options: Options): Options {
  return { ...options, weight: new Array(WORDS) }
}
