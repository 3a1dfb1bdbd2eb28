/** Encodes the cryptographic names of a model and a field, so that no two pairs of names give the same bytes. */

import { KmsEncryptedError } from '../errors.js'

/** The largest length that the 16-bit prefix can tell. */
const MAX_NAME_BYTES = 0xffff

/**
 * Gives `u16 length ‖ model name ‖ u16 length ‖ field name`: UTF-8, lengths in bytes, big-endian (docs/formats.md).
 *
 * @throws INVALID_CONFIGURATION for a name of no or of more than 65,535 bytes
 */
export function encodeNames(model: string, field: string): Buffer {
  return Buffer.concat([encodeName(model), encodeName(field)])
}

function encodeName(name: string): Buffer {
  const bytes = Buffer.from(name, 'utf8')
  if (bytes.length === 0 || bytes.length > MAX_NAME_BYTES || bytes.toString('utf8') !== name) {
    throw new KmsEncryptedError({
      code: 'INVALID_CONFIGURATION',
      message: `expected a name of 1 to ${MAX_NAME_BYTES} bytes of UTF-8, got ${bytes.length} bytes`,
      why: 'The names of the model and the field are part of what protects every value.',
      fix: 'Give the model and the field a shorter, well-formed cryptographic name.',
    })
  }
  const encoded = Buffer.allocUnsafe(2 + bytes.length)
  encoded.writeUInt16BE(bytes.length, 0)
  bytes.copy(encoded, 2)
  return encoded
}
