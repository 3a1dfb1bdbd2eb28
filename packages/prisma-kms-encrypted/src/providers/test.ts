/** Encodes data keys, visibly and without any protection, in the test format of the Ruby gem kms_encrypted; for tests only. */
import { KmsEncryptedError } from '../errors.js'
import { checkCall } from '../kms/call.js'
import { canonicalContextJson } from '../kms/context.js'
import { kmsFailure } from '../kms/failure.js'
import type { KmsFailurePlace } from '../kms/failure.js'
import { isKeyIdOf } from '../kms/key-id.js'
import { attempt, checkPlaintextKey, checkUnwrapped } from '../kms/outcome.js'
import type {
  EncryptionContext,
  KmsCall,
  KmsProvider,
  Outcome,
  UnwrapItem,
  WrapItem,
} from '../kms/provider.js'

// Decodes to 11 bytes; with the ":" that follows, stored keys start with `insecure+data+A6` in base64.
const prefix = Buffer.from('insecure+data+A', 'base64')
const separator = Buffer.from(':')
const encryptOnlyKeyId = 'insecure-test-key/encrypt'

/**
 * The insecure test provider, for `insecure-test-key` and `insecure-test-key/encrypt`, which refuses to unwrap.
 * Anybody can read what it "wraps".
 * @throws INVALID_CONFIGURATION under `NODE_ENV=production`
 */
export function insecureTestKms(): KmsProvider {
  refuseInProduction()
  const run = <Item>(
    where: KmsFailurePlace,
    items: readonly Item[],
    call: KmsCall,
    action: (item: Item) => Uint8Array,
  ): readonly Outcome<Uint8Array>[] => {
    refuseInProduction()
    checkCall(call, where)
    return items.map((item) =>
      attempt(where, () => {
        if (!isKeyIdOf('test', where.keyId)) throw kmsFailure('KMS_KEY_NOT_FOUND', where)
        if (where.operation !== 'wrap' && where.keyId === encryptOnlyKeyId) {
          throw kmsFailure('KMS_ACCESS_DENIED', where)
        }
        return action(item)
      }),
    )
  }

  return Object.freeze<KmsProvider>({
    name: 'test',
    accepts: (keyId) => isKeyIdOf('test', keyId),
    // eslint-disable-next-line @typescript-eslint/require-await -- async turns what is thrown into a rejection
    async wrap(keyId, items, call) {
      return run({ provider: 'test', keyId, operation: 'wrap' }, items, call, encodeKey)
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- as above
    async unwrap(keyId, items, call) {
      const where: KmsFailurePlace = { provider: 'test', keyId, operation: 'unwrap' }
      return run(where, items, call, (item) => decodeKey(item, where))
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- as above
    async rewrap(keyId, items, call) {
      const where: KmsFailurePlace = { provider: 'test', keyId, operation: 'rewrap' }
      return run(where, items, call, (item) =>
        encodeKey({ plaintext: decodeKey(item, where), context: item.context }),
      )
    },
  })
}

/**
 * Refuses the test provider where real data may be.
 * @throws INVALID_CONFIGURATION under `NODE_ENV=production`
 */
export function refuseInProduction(): void {
  if (process.env['NODE_ENV'] !== 'production') return
  throw new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: 'The key id insecure-test-key is refused under NODE_ENV=production',
    why: 'The test provider does not protect anything: whoever reads the database reads every field.',
    fix: 'Set a key id of AWS KMS, Google Cloud KMS, Vault or the local provider.',
  })
}

function encodeKey({ plaintext, context }: WrapItem): Uint8Array {
  checkPlaintextKey(plaintext)
  const encoded = Buffer.from(Buffer.from(plaintext).toString('base64'))
  return Buffer.concat([prefix, separator, encoded, separator, Buffer.from(encodeContext(context))])
}

function decodeKey(item: UnwrapItem, where: KmsFailurePlace): Uint8Array {
  const { ciphertext, context } = item
  const expectedContext = encodeContext(context)
  const [head, encoded, storedContext, ...rest] = Buffer.from(ciphertext).toString('latin1').split(':')
  if (head !== prefix.toString('latin1') || encoded === undefined || rest.length > 0) {
    throw kmsFailure('KMS_INVALID_CIPHERTEXT', where)
  }
  const key = Buffer.from(encoded, 'base64')
  // Beyond the gem: text that is not exactly what encodes the key counts as tampered.
  if ((storedContext ?? '') !== expectedContext || key.toString('base64') !== encoded) {
    throw kmsFailure('KMS_INVALID_CIPHERTEXT', where)
  }
  return checkUnwrapped(key, item, where)
}

/** Ruby's `Base64.encode64`: a newline after every 60 characters and at the end. */
function encodeContext(context: EncryptionContext): string {
  const encoded = Buffer.from(canonicalContextJson(context)).toString('base64')
  return encoded.replace(/.{1,60}/g, (line) => `${line}\n`)
}
