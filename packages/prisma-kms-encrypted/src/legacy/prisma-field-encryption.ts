/** Opens the values of prisma-field-encryption (`v1.aesgcm256.<fingerprint>.<iv>.<ciphertext>`) with its keys. */
import { createHash, createSecretKey, type KeyObject } from 'node:crypto'

import { decryptGcm } from '../envelope/aes-gcm.js'
import { KmsEncryptedError } from '../errors.js'
import type { LegacyOpener } from '../records/legacy-opener.js'

/** Options of {@link prismaFieldEncryption}. */
export interface PrismaFieldEncryptionOptions {
  /** Model → its fields that were marked `/// @encrypted` for that library. */
  readonly fields: Readonly<Record<string, readonly string[]>>
  /** Its encryption key and decryption keys, `k1.aesgcm256.…`. */
  readonly keys: readonly string[]
  /** See {@link LegacyOpener.indexed}. */
  readonly indexed?: boolean
}

const MESSAGE = /^v1\.aesgcm256\.([0-9a-f]{8})\.([A-Za-z0-9_-]{16})\.([A-Za-z0-9_-]{22,}={0,2})$/
const KEY = /^k1\.aesgcm256\.([A-Za-z0-9_-]{43}=?)$/
const NO_DATA = new Uint8Array()
const TAG_BYTES = 16

/**
 * An opener for `legacy`. That library returns text of another form as it is, so such values count as plaintext: give the
 * model under `migrating` too if there may be some.
 * @throws KmsEncryptedError `INVALID_CONFIGURATION` for a key of another form
 */
export function prismaFieldEncryption(options: PrismaFieldEncryptionOptions): LegacyOpener {
  const keys = new Map(options.keys.map((text) => [fingerprint(text), parseKey(text)]))
  return Object.freeze<LegacyOpener>({
    name: 'prisma-field-encryption',
    fields: options.fields,
    ...(options.indexed === undefined ? {} : { indexed: options.indexed }),
    recognises: (stored) => typeof stored === 'string' && MESSAGE.test(stored),
    open({ stored, model, field }) {
      const [, name = '', iv = '', text = ''] = MESSAGE.exec(String(stored)) ?? []
      const key = keys.get(name)
      if (!key) throw unknownKey(`${model}.${field}`, name)
      const bytes = Buffer.from(text, 'base64url')
      const end = bytes.length - TAG_BYTES
      const nonce = Buffer.from(iv, 'base64url')
      const opened = decryptGcm(key, nonce, NO_DATA, bytes.subarray(0, end), bytes.subarray(end))
      if (!opened) throw new TypeError('the tag does not fit') // worded by the caller, which knows the record
      return opened
    },
  })
}

/** The first 8 hexadecimal digits of the SHA-256 of the key's text (@47ng/cloak, `getKeyFingerprint`). */
function fingerprint(key: string): string {
  return createHash('sha256').update(key, 'utf8').digest('hex').slice(0, 8)
}

function parseKey(text: string): KeyObject {
  const [, base64 = ''] = KEY.exec(text) ?? []
  const bytes = Buffer.from(base64, 'base64url')
  if (bytes.length !== 32) {
    throw new KmsEncryptedError({
      code: 'INVALID_CONFIGURATION',
      message: 'prismaFieldEncryption: a key is not of the form k1.aesgcm256.<base64url of 32 bytes>',
      why: 'Values are opened with the keys of that library, as its configuration has them.',
      fix: 'Give the value of PRISMA_FIELD_ENCRYPTION_KEY, and each of PRISMA_FIELD_DECRYPTION_KEYS.',
    })
  }
  return createSecretKey(bytes)
}

function unknownKey(where: string, name: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'DECRYPTION_FAILED',
    message: `${where}: the value was encrypted with the key of fingerprint ${name}, which is not given`,
    why: 'That library writes the fingerprint of the key into each value.',
    fix: 'Add the key to prismaFieldEncryption({ keys }).',
  })
}
