/**
 * Computes CRC-32C, by which Google Cloud KMS and its callers detect damage on the way.
 * Own code: Node's zlib has only the other polynomial, and the packages are native or out of care.
 */

/** Castagnoli polynomial, reflected (RFC 3720 §12.1). */
const polynomial = 0x82f63b78

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ polynomial
  return crc
})

/** CRC-32C as an unsigned 32-bit number (RFC 3720 Appendix B.4 has vectors). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0)
  return (crc ^ 0xffffffff) >>> 0
}
