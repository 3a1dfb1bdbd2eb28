/** Makes V8 collect the native objects of many ciphers in small portions instead of a few large ones. */

/** 512 bytes: a quarter of what opening a value leaves behind anyway. */
const WORDS = 64

/** Kept outside, so that no compiler finds the garbage unused and leaves it out. */
const latest: { garbage: unknown } = { garbage: null }

/**
 * Leaves garbage beside a cipher. Node needs about a microsecond to destroy the native part of each, of which V8 does not
 * know: it lets young objects gather until they fill 16 MiB, and then some nine thousand ciphers end in one pause of 10 ms.
 * With this they are a fifth fewer, and so much shorter is the pause (docs/performance.md).
 */
export function leaveGarbage(): void {
  latest.garbage = new Array(WORDS)
}
