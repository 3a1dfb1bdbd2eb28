/** Turns whatever a column holds into the key commitment of the encrypted value that it may be. */

import { decodeBase64 } from './base64.js'
import { COMMITMENT_BYTES } from './data-key.js'
import { FORMAT_VERSION, MAGIC, NONCE_OFFSET, OVERHEAD_BYTES, PREFIX_BYTES } from './field-format.js'

/** 28 characters of base64 are 21 bytes: magic, version, type, commitment, and one of the nonce. */
const HEADER_CHARACTERS = 28

/** The base64 length of the shortest encrypted value. */
const LEAST_CHARACTERS = Math.ceil(OVERHEAD_BYTES / 3) * 4

/**
 * The commitment in the header of what looks like an encrypted value of format version 1.
 *
 * @param stored text (also as the JSON text of a string) or bytes; only the beginning has to be there
 * @returns `null` for anything else
 */
export function commitmentIn(stored: unknown): Buffer | null {
  const bytes = beginning(stored)
  if (bytes === null || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return null
  if (bytes[MAGIC.length] !== FORMAT_VERSION) return null
  return Buffer.from(bytes.subarray(PREFIX_BYTES, NONCE_OFFSET))
}

function beginning(stored: unknown): Buffer | null {
  if (stored instanceof Uint8Array) {
    if (stored.byteLength < OVERHEAD_BYTES) return null
    return Buffer.from(stored.buffer, stored.byteOffset, PREFIX_BYTES + COMMITMENT_BYTES)
  }
  if (typeof stored !== 'string') return null
  const text = stored.startsWith('"') ? stored.slice(1) : stored
  return text.length < LEAST_CHARACTERS ? null : decodeBase64(text.slice(0, HEADER_CHARACTERS))
}
