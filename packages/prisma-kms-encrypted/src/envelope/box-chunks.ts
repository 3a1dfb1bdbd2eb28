/**
 * Turns the content of a box into sealed chunks and back, byte stream in, byte stream out, by the STREAM construction:
 * V. T. Hoang, R. Reyhanitabar, P. Rogaway, D. Vizár, "Online Authenticated-Encryption and its Nonce-Reuse
 * Misuse-Resistance" (CRYPTO 2015, https://eprint.iacr.org/2015/189), as in the age file format (https://age-encryption.org/v1).
 *
 * Every chunk but the last holds exactly 64 KiB; the last one holds less or as much, and nothing only if the content
 * is empty. Each is AES-256-GCM under a key that belongs to this box alone, its nonce an 11-byte counter from 0,
 * big-endian, and one byte that is 1 for the last chunk, otherwise 0. So a chunk opens only at its place, only the
 * last one opens as the last, and nothing can follow it: reordering, repeating, dropping, appending and cutting off
 * chunks are all noticed.
 */

import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'
import { decryptGcm, encryptGcm } from './aes-gcm.js'
import { boxRefused } from './box-format.js'
import { checkDataKeyLength } from './data-key.js'
import { TAG_BYTES, NONCE_BYTES } from './field-format.js'

/** Content bytes of every chunk but the last: 64 KiB, as in age. */
export const CHUNK_BYTES = 64 * 1024

/** Bytes of a sealed chunk that holds {@link CHUNK_BYTES}. */
export const SEALED_CHUNK_BYTES = CHUNK_BYTES + TAG_BYTES

/** Bounds a box to 256 TiB, far below what AES-GCM bears under one key and what the counter can tell. */
const MAX_CHUNKS = 2 ** 32

/** Separates this derivation from those of field values; `0x01` numbers the one output block. */
const DERIVATION_INPUT = Buffer.concat([Buffer.from('prisma-kms-encrypted/box/1', 'ascii'), Buffer.of(0x01)])
const CIPHER_KEY_BYTES = 32
const NO_AAD = Buffer.alloc(0)

/** The keys of one box. Neither shows a secret in `inspect` or JSON. */
export interface BoxKeys {
  /** AES-256 key of the chunks. */
  readonly cipherKey: KeyObject
  /** HMAC-SHA-256 key of the head. */
  readonly headKey: KeyObject
}

/**
 * Derives the keys of a box from its data key, by one HMAC-SHA-512 used as a PRF.
 *
 * @param dataKey 32 bytes, made for this box alone; the caller overwrites them afterwards
 * @throws KMS_INVALID_RESPONSE when the length differs
 */
export function deriveBoxKeys(dataKey: Uint8Array): BoxKeys {
  checkDataKeyLength(dataKey)
  const block = createHmac('sha512', dataKey).update(DERIVATION_INPUT).digest()
  const cipherKey = createSecretKey(block.subarray(0, CIPHER_KEY_BYTES))
  const headKey = createSecretKey(block.subarray(CIPHER_KEY_BYTES))
  block.fill(0)
  return { cipherKey, headKey }
}

/**
 * The tag of a head: HMAC-SHA-256 over the head, the length of the context's text (u32) and that text. It commits to
 * the data key, and binds the context even where the key service does not.
 *
 * @param contextText the canonical JSON of the encryption context
 */
export function computeHeadTag(keys: BoxKeys, head: Uint8Array, contextText: string): Buffer {
  const context = Buffer.from(contextText, 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(context.length)
  return createHmac('sha256', keys.headKey).update(head).update(length).update(context).digest()
}

/**
 * Proves that a head belongs to this data key and context.
 *
 * @throws DECRYPTION_FAILED
 */
export function verifyHeadTag(keys: BoxKeys, head: Uint8Array, contextText: string, tag: Uint8Array): void {
  if (!timingSafeEqual(computeHeadTag(keys, head, contextText), tag)) throw boxRefused()
}

/** Takes bytes as they come and gives whole chunks as they fill up. */
export interface ChunkStream {
  /** @returns the chunks that are complete now; never the last one, which only {@link finish} can tell */
  update(bytes: Uint8Array): Buffer[]
  /** @returns the last chunk */
  finish(): Buffer
}

/** Seals content into chunks. */
export function createChunkSealer({ cipherKey }: BoxKeys): ChunkStream {
  return cutIntoChunks(CHUNK_BYTES, (nonce, content) => {
    const sealed = Buffer.allocUnsafe(content.length + TAG_BYTES)
    encryptGcm(cipherKey, nonce, NO_AAD, content, sealed, 0)
    return sealed
  })
}

/**
 * Opens sealed chunks. What it gives is verified; that it is all there was, only {@link ChunkStream.finish} tells.
 *
 * @throws DECRYPTION_FAILED from `update` and `finish`
 */
export function createChunkOpener({ cipherKey }: BoxKeys): ChunkStream {
  return cutIntoChunks(SEALED_CHUNK_BYTES, (nonce, sealed, isOnly) => {
    const tagOffset = sealed.length - TAG_BYTES
    // Of all ways to cut content into chunks one is valid: an empty last chunk only if there is no other.
    if (tagOffset < 0 || (tagOffset === 0 && !isOnly)) throw boxRefused()
    const ciphertext = sealed.subarray(0, tagOffset)
    const content = decryptGcm(cipherKey, nonce, NO_AAD, ciphertext, sealed.subarray(tagOffset))
    if (content === null) throw boxRefused()
    return content
  })
}

/**
 * Cuts a byte stream into chunks of `size`, the last one of 0 to `size` bytes. Holds back one chunk at most, since a
 * full chunk is the last one if nothing follows.
 */
function cutIntoChunks(
  size: number,
  process: (nonce: Buffer, chunk: Uint8Array, isOnly: boolean) => Buffer,
): ChunkStream {
  let held: Buffer | null = null
  let heldBytes = 0
  let chunks = 0

  const take = (chunk: Uint8Array, isLast: boolean): Buffer => {
    if (chunks >= MAX_CHUNKS) throw boxRefused()
    const nonce = Buffer.alloc(NONCE_BYTES)
    nonce.writeUIntBE(chunks, NONCE_BYTES - 7, 6) // the counter's five upper bytes stay zero
    nonce[NONCE_BYTES - 1] = isLast ? 1 : 0
    const output = process(nonce, chunk, chunks === 0)
    chunks += 1
    return output
  }
  const hold = (bytes: Uint8Array): void => {
    held ??= Buffer.allocUnsafe(size)
    held.set(bytes, heldBytes)
    heldBytes += bytes.length
  }

  return {
    update(bytes) {
      const outputs: Buffer[] = []
      let rest = bytes
      while (heldBytes + rest.length > size) {
        if (heldBytes === 0) {
          outputs.push(take(rest.subarray(0, size), false))
          rest = rest.subarray(size)
          continue
        }
        const missing = rest.subarray(0, size - heldBytes)
        hold(missing)
        rest = rest.subarray(missing.length)
        heldBytes = 0
        if (held) outputs.push(take(held, false))
      }
      hold(rest)
      return outputs
    },
    finish() {
      const last = take(held?.subarray(0, heldBytes) ?? NO_AAD, true)
      held?.fill(0)
      return last
    },
  }
}
