/** Turns a field's value into a keyed hash that equal values share, so that the database can find them. */

import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { KmsEncryptedError } from '../errors.js'
import { DATA_KEY_BYTES } from './data-key.js'
import type { ValueType } from './field-format.js'
import { encodeNames } from './names.js'

/** Length of the index master key: a full key of HMAC-SHA-256, wrapped like a data key. */
export const INDEX_MASTER_KEY_BYTES = DATA_KEY_BYTES

/** Length of an index key: the output of SHA-256, so that deriving loses nothing. */
const INDEX_KEY_BYTES = 32

/** Length of a full index in bits: HMAC-SHA-256. */
const FULL_INDEX_BITS = 256

/** Separates index keys from every other use of the master key (docs/formats.md). */
const INDEX_INFO = Buffer.from('prisma-kms-encrypted/index/1', 'ascii')

const NO_SALT = Buffer.alloc(0)

const normalizers = {
  trim: (text: string) => text.trim(),
  /** Not toLocaleLowerCase(): the same value must give the same index on every server. */
  lowercase: (text: string) => text.toLowerCase(),
  nfkc: (text: string) => text.normalize('NFKC'),
  diacritics: (text: string) => text.normalize('NFD').replace(/\p{M}/gu, '').normalize('NFC'),
  digits: (text: string) => text.replace(/\P{Nd}/gu, ''),
}

/** A step of `@blindIndex(field, normalize: […])`. */
export type NormalizationStep = keyof typeof normalizers

/**
 * Derives the key of one field's index: HKDF-SHA-256 (RFC 5869), empty salt, 32 bytes, and as info
 * `"prisma-kms-encrypted/index/1" ‖ u16 length ‖ model name ‖ u16 length ‖ field name`.
 *
 * @param masterKey 32 bytes; the caller may overwrite them afterwards
 * @param model cryptographic name of the model
 * @param field cryptographic name of the field
 * @throws KMS_INVALID_RESPONSE when the master key has another length
 * @throws INVALID_CONFIGURATION for a name that the info cannot hold
 */
export function deriveIndexKey(masterKey: Uint8Array, model: string, field: string): KeyObject {
  if (masterKey.byteLength !== INDEX_MASTER_KEY_BYTES) {
    throw new KmsEncryptedError({
      code: 'KMS_INVALID_RESPONSE',
      message: `expected an index master key of ${INDEX_MASTER_KEY_BYTES} bytes, got ${masterKey.byteLength}`,
      why: 'What the KMS unwrapped is not an index master key of this library.',
      fix: 'Use the string that `createIndexKey` gave as the index key.',
    })
  }
  const info = Buffer.concat([INDEX_INFO, encodeNames(model, field)])
  const bytes = Buffer.from(hkdfSync('sha256', masterKey, NO_SALT, info, INDEX_KEY_BYTES))
  const indexKey = createSecretKey(bytes)
  bytes.fill(0)
  return indexKey
}

/**
 * Brings a text into the form whose index is stored, by the given steps in the given order:
 * `trim` white space at both ends; `lowercase` independently of the locale; `nfkc` Unicode compatibility form;
 * `diacritics` dropped (decomposed, combining marks removed, recomposed); `digits` only, of any script.
 */
export function normalizeText(value: string, steps: readonly NormalizationStep[]): string {
  return steps.reduce((text, step) => normalizers[step](text), value)
}

/**
 * Computes `HMAC-SHA-256(index key, type tag ‖ value bytes)`.
 *
 * @param valueType stored number of the value type, so that values of different types never meet
 * @param normalisedBytes plaintext bytes of the normalised value
 * @param bits how many leading bits to keep, 1 to 256; unused low bits of the last byte are zero
 * @returns standard base64
 * @throws INVALID_CONFIGURATION for another number of bits
 */
export function computeBlindIndex(
  indexKey: KeyObject,
  valueType: ValueType,
  normalisedBytes: Uint8Array,
  bits = FULL_INDEX_BITS,
): string {
  if (!Number.isInteger(bits) || bits < 1 || bits > FULL_INDEX_BITS) {
    throw new KmsEncryptedError({
      code: 'INVALID_CONFIGURATION',
      message: `expected a blind index of 1 to ${FULL_INDEX_BITS} bits, got ${bits}`,
      why: 'The index is cut from a hash of 256 bits.',
      fix: 'Give `bits` a whole number in this range, or leave it out for the full index.',
    })
  }
  const digest = createHmac('sha256', indexKey).update(Buffer.of(valueType)).update(normalisedBytes).digest()
  return keepLeadingBits(digest, bits).toString('base64')
}

function keepLeadingBits(digest: Buffer, bits: number): Buffer {
  const kept = Buffer.from(digest.subarray(0, Math.ceil(bits / 8)))
  const unusedBits = kept.length * 8 - bits
  const last = kept.length - 1
  kept.writeUInt8(kept.readUInt8(last) & (0xff << unusedBits), last)
  return kept
}
