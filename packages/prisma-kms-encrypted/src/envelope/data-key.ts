/** Turns the 32 bytes of a data key into what seals and names a record's values: an AES key and a commitment. */

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { KmsEncryptedError } from '../errors.js'
import { createRandomPool } from './random-pool.js'

/** Length of a data key: AES-256 asks for 32 bytes, and a PRF key of the same strength makes it. */
export const DATA_KEY_BYTES = 32

/** Length of the public commitment to a data key: 128 bits (docs/formats.md). */
export const COMMITMENT_BYTES = 16

/** Separates this derivation from every other use of the same bytes; `0x01` numbers the one output block. */
const DERIVATION_INPUT = Buffer.concat([Buffer.from('prisma-kms-encrypted/1', 'ascii'), Buffer.of(0x01)])

/** Length of the AES-256 key inside the derived block. */
const CIPHER_KEY_BYTES = 32

/** A data key ready for use. Neither part shows a secret in `inspect` or JSON: the commitment is public. */
export interface DataKey {
  /** AES-256 key. A `KeyObject`, because raw keys are several times slower on newer Node versions. */
  readonly cipherKey: KeyObject
  /** 16 bytes, stored in the header of every value sealed under this key. */
  readonly commitment: Buffer
}

/**
 * Derives the AES key and the commitment from the bytes of a data key, by one HMAC-SHA-512 used as a PRF.
 *
 * @param bytes 32 bytes; the caller may overwrite them afterwards
 * @throws KMS_INVALID_RESPONSE when the length differs: whatever was unwrapped is not one of our data keys
 */
export function deriveDataKey(bytes: Uint8Array): DataKey {
  checkDataKeyLength(bytes)
  const block = createHmac('sha512', bytes).update(DERIVATION_INPUT).digest()
  const cipherKey = createSecretKey(block.subarray(0, CIPHER_KEY_BYTES))
  const commitment = Buffer.from(block.subarray(CIPHER_KEY_BYTES, CIPHER_KEY_BYTES + COMMITMENT_BYTES))
  block.fill(0)
  return { cipherKey, commitment }
}

/**
 * Refuses what is no data key.
 *
 * @throws KMS_INVALID_RESPONSE
 */
export function checkDataKeyLength(bytes: Uint8Array): void {
  if (bytes.byteLength === DATA_KEY_BYTES) return
  throw new KmsEncryptedError({
    code: 'KMS_INVALID_RESPONSE',
    message: `expected a data key of ${DATA_KEY_BYTES} bytes, got ${bytes.byteLength}`,
    why: 'What the KMS unwrapped is not a data key of this library.',
    fix: 'Check that the key column holds what this library (or kms_encrypted) wrote, and the KMS key that opens it.',
  })
}

/** Few at a time, since what is drawn and not used yet waits in memory, where the keys in use are too. */
const drawKey = createRandomPool(DATA_KEY_BYTES, 16)

/** Each key has memory of its own, so that who is given one never holds a view on the next, and is wiped from the draw. */
function randomKey(): Buffer {
  const drawn = drawKey()
  const bytes = Buffer.alloc(DATA_KEY_BYTES)
  bytes.set(drawn)
  drawn.fill(0)
  return bytes
}

/**
 * Makes a new data key.
 *
 * @param random gives 32 random bytes; only tests replace it
 * @returns the 32 bytes to wrap, which the caller overwrites once they are wrapped, and the key made of them
 */
export function generateDataKey(random: () => Buffer = randomKey): {
  bytes: Buffer
  dataKey: DataKey
} {
  const bytes = random()
  return { bytes, dataKey: deriveDataKey(bytes) }
}
