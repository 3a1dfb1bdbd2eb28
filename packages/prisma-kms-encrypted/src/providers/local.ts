/** Wraps data keys with AES-256-GCM under a key that this process holds: for development and for hosts without a KMS. */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { randomNonces } from '../envelope/nonces.js'
import { KmsEncryptedError } from '../errors.js'
import { checkCall } from '../kms/call.js'
import { canonicalContextJson } from '../kms/context.js'
import { kmsFailure } from '../kms/failure.js'
import type { KmsFailurePlace } from '../kms/failure.js'
import { isKeyIdOf } from '../kms/key-id.js'
import { attempt, checkDataKey, checkPlaintextKey, dataKeyBytes } from '../kms/outcome.js'
import type { EncryptionContext, KmsProvider, UnwrapItem, WrapItem } from '../kms/provider.js'

/** Options of {@link localKms}: exactly one of `keys` and `key`. */
export interface LocalKmsOptions {
  /** Key material by name: 32 bytes, or standard base64 of 32 bytes. `{ app: '…' }` serves the key id `local/app`. */
  readonly keys?: { readonly [name: string]: string | Uint8Array }
  /** One key for every `local/<name>`. */
  readonly key?: string | Uint8Array
}

// One wrapped key: version (1) ‖ nonce (12) ‖ ciphertext (32) ‖ tag (16). A stored format: never change it.
const formatVersion = 0x01
const nonceBytes = 12 // NIST SP 800-38D §5.2.1.1: 96 bits
const tagBytes = 16

/**
 * The local provider, for key ids `local/<name>`. Random nonces bound a key to 2³² wraps (NIST SP 800-38D §8.3).
 * @throws INVALID_CONFIGURATION when no key material is given, or a key is not 32 bytes
 */
export function localKms(options: LocalKmsOptions): KmsProvider {
  const keyOf = loadKeys(options)
  const place = (keyId: string, operation: KmsFailurePlace['operation']): KmsFailurePlace => ({
    provider: 'local',
    keyId,
    operation,
  })
  const requireKey = (where: KmsFailurePlace): KeyObject => {
    const key = isKeyIdOf('local', where.keyId) ? keyOf(where.keyId.slice('local/'.length)) : undefined
    if (key === undefined)
      throw kmsFailure('KMS_KEY_NOT_FOUND', where, { fix: 'Give it in localKms({ keys }).' })
    return key
  }

  return Object.freeze<KmsProvider>({
    name: 'local',
    accepts: (keyId) => isKeyIdOf('local', keyId),
    // eslint-disable-next-line @typescript-eslint/require-await -- async turns what is thrown into a rejection
    async wrap(keyId, items, call) {
      const where = place(keyId, 'wrap')
      checkCall(call, where)
      return items.map((item) => attempt(where, () => wrapKey(requireKey(where), item)))
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- as above
    async unwrap(keyId, items, call) {
      const where = place(keyId, 'unwrap')
      checkCall(call, where)
      return items.map((item) => attempt(where, () => unwrapKey(requireKey(where), item, where)))
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- as above
    async rewrap(keyId, items, call) {
      const where = place(keyId, 'rewrap')
      checkCall(call, where)
      return items.map((item) =>
        attempt(where, () => {
          const key = requireKey(where)
          const plaintext = unwrapKey(key, item, where)
          const wrapped = wrapKey(key, { plaintext, context: item.context })
          plaintext.fill(0)
          return wrapped
        }),
      )
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- as above
    async describeKey(keyId) {
      requireKey(place(keyId, 'describeKey'))
      return {
        keyId,
        enabled: true,
        automaticRotation: false,
        rotationPeriodDays: null,
        lastRotation: null,
        nextRotation: null,
        multiRegion: null,
        derived: null,
        account: null,
        tags: {},
      }
    },
  })
}

/** Makes key material for {@link localKms} or `KMS_LOCAL_KEY`: 32 random bytes as base64. Keep it secret. */
export function generateLocalKey(): string {
  return randomBytes(dataKeyBytes).toString('base64')
}

function wrapKey(key: KeyObject, { plaintext, context }: WrapItem): Uint8Array {
  checkPlaintextKey(plaintext)
  const nonceEnd = 1 + nonceBytes
  const tagStart = nonceEnd + plaintext.byteLength
  const wrapped = Buffer.allocUnsafe(tagStart + tagBytes) // every byte is written below
  wrapped[0] = formatVersion
  const nonce = randomNonces()
  wrapped.set(nonce, 1)
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(contextBytes(context))
  wrapped.set(cipher.update(plaintext), nonceEnd)
  cipher.final() // GCM is a stream mode: nothing is left, this closes the tag
  wrapped.set(cipher.getAuthTag(), tagStart)
  return wrapped
}

function unwrapKey(key: KeyObject, { ciphertext, context }: UnwrapItem, where: KmsFailurePlace): Uint8Array {
  const aad = contextBytes(context)
  const nonceEnd = 1 + nonceBytes
  const tagStart = ciphertext.byteLength - tagBytes
  if (tagStart < nonceEnd || ciphertext[0] !== formatVersion)
    throw kmsFailure('KMS_INVALID_CIPHERTEXT', where)
  const nonce = ciphertext.subarray(1, nonceEnd)
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  decipher.setAAD(aad)
  decipher.setAuthTag(ciphertext.subarray(tagStart))
  const plaintext = decipher.update(ciphertext.subarray(nonceEnd, tagStart))
  try {
    decipher.final()
  } catch {
    plaintext.fill(0)
    throw kmsFailure('KMS_INVALID_CIPHERTEXT', where) // opaque: which check failed helps only an attacker
  }
  return checkDataKey(plaintext, where)
}

function contextBytes(context: EncryptionContext): Uint8Array {
  return Buffer.from(canonicalContextJson(context), 'utf8')
}

function loadKeys({ keys, key }: LocalKmsOptions): (name: string) => KeyObject | undefined {
  if ((keys === undefined) === (key === undefined)) {
    throw invalidLocalKey('expected exactly one of `keys` and `key`')
  }
  if (key !== undefined) {
    const only = loadKey('key', key)
    return () => only
  }
  const named = new Map(
    Object.entries(keys ?? {}).map(([name, value]) => [name, loadKey(`keys.${name}`, value)]),
  )
  for (const name of named.keys()) {
    if (!isKeyIdOf('local', `local/${name}`))
      throw invalidLocalKey(`${JSON.stringify(name)} cannot be a key name`)
  }
  return (name) => named.get(name)
}

function loadKey(option: string, value: string | Uint8Array): KeyObject {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : value
  // Node's base64 decoder skips what it does not know; only text that it would write itself is taken.
  if (typeof value === 'string' && Buffer.from(bytes).toString('base64') !== value) {
    throw invalidLocalKey(`${option}: expected standard base64 with padding`)
  }
  if (bytes.byteLength !== dataKeyBytes) {
    throw invalidLocalKey(`${option}: expected ${dataKeyBytes} bytes, got ${bytes.byteLength}`)
  }
  return createSecretKey(bytes)
}

function invalidLocalKey(detail: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `localKms: ${detail}`,
    why: 'The local provider wraps data keys with AES-256, whose keys are 32 random bytes.',
    fix: 'Make one with generateLocalKey() and give it in localKms({ keys: { name: … } }) or in KMS_LOCAL_KEY.',
  })
}
