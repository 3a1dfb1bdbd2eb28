/** Wraps data keys with the transit engine of Vault or OpenBao: whole batches, bound to their context by key derivation. */
import pLimit from 'p-limit'
import { KmsEncryptedError } from '../errors.js'
import { openCall } from '../kms/call.js'
import type { OpenCall } from '../kms/call.js'
import { canonicalContextJson } from '../kms/context.js'
import { kmsFailure } from '../kms/failure.js'
import type { KmsFailurePlace, KmsOperation } from '../kms/failure.js'
import { isAborted } from '../kms/interruption.js'
import { isKeyIdOf } from '../kms/key-id.js'
import { attempt, checkPlaintextKey, checkUnwrapped, failed } from '../kms/outcome.js'
import type {
  EncryptionContext,
  KmsCall,
  KmsProvider,
  Outcome,
  UnwrapItem,
  WrapItem,
} from '../kms/provider.js'
import { checkVaultOptions, invalidVaultOptions, loadVaultClient } from './vault-client.js'
import type { VaultClient, VaultTransitOptions } from './vault-client.js'
import { readVaultKey, toKeyDescription } from './vault-key.js'
import { readBatchResults, toVaultFailure } from './vault-response.js'

export type { VaultClient, VaultTransitOptions } from './vault-client.js'

/** OpenBao refuses bodies with more than 1,000 JSON strings; an item has four. */
const maxBatchItems = 249
/** Requests of one provider under way at the same time. */
const maxRequests = 8

/** What one item becomes in `batch_input`. */
type BatchInput =
  Readonly<Record<'plaintext' | 'ciphertext' | 'context', string>> | Readonly<Record<string, string>>

/**
 * The Vault transit provider, for key ids `vault/<key>`. Keys must be `derived=true` unless `allowUnderived` is set:
 * only then does Vault enforce the context.
 * @throws INVALID_CONFIGURATION for unknown options
 */
export function vaultTransit(options: VaultTransitOptions = {}): KmsProvider {
  const settings = checkVaultOptions(options)
  const { mount, requestTimeoutMs } = settings
  const limit = pLimit(maxRequests)
  const derivedKeys = new Set<string>()
  const requestOptions = { timeout: requestTimeoutMs }
  let client: Promise<VaultClient> | undefined
  const getClient = (): Promise<VaultClient> => {
    client ??= loadVaultClient(settings).catch((error: unknown) => {
      client = undefined
      throw error
    })
    return client
  }

  /** Also keeps a misspelt key name from creating a key: `encrypt` creates what does not exist. */
  const requireDerived = async (place: KmsFailurePlace): Promise<void> => {
    if (settings.allowUnderived || derivedKeys.has(place.keyId)) return
    const key = await readVaultKey(await getClient(), mount, place, requestOptions)
    if (!key.derived) throw underivedKey(place.keyId, mount)
    derivedKeys.add(place.keyId)
  }

  const sendChunk = async (
    opened: OpenCall,
    place: KmsFailurePlace,
    path: string,
    inputs: readonly BatchInput[],
  ): Promise<readonly Outcome<Record<string, unknown>>[]> => {
    try {
      if (opened.interruption.isOver) throw kmsFailure('KMS_TIMEOUT', place)
      const vault = await getClient()
      const answer = vault.write(path, { batch_input: inputs }, requestOptions)
      return readBatchResults(await opened.race(answer), inputs.length, place)
    } catch (error) {
      const outcomes = readBatchResults(error, inputs.length, place)
      return outcomes.length > 0 ? outcomes : inputs.map(() => failed(toVaultFailure(error, place)))
    }
  }

  const run = async <Item extends WrapItem | UnwrapItem>(
    operation: 'wrap' | 'unwrap' | 'rewrap',
    keyId: string,
    items: readonly Item[],
    call: KmsCall,
    toInput: (item: Item, place: KmsFailurePlace) => BatchInput,
    toBytes: (result: Record<string, unknown>, place: KmsFailurePlace, item: Item) => Uint8Array,
  ): Promise<readonly Outcome<Uint8Array>[]> => {
    const place: KmsFailurePlace = { provider: 'vault', keyId, operation }
    const opened = openCall(call, place)
    try {
      if (items.length === 0) return []
      const key = keyNameOf(place)
      await opened.race(requireDerived(place))
      const path = `${mount}/${endpoints[operation]}/${key}`
      const inputs = items.map((item) => ({ item, ...attempt(place, () => toInput(item, place)) }))
      const valid = inputs.flatMap((input) => (input.ok ? [input.value] : []))
      const chunks = Array.from({ length: Math.ceil(valid.length / maxBatchItems) }, (_, index) =>
        valid.slice(index * maxBatchItems, (index + 1) * maxBatchItems),
      )
      const sent = chunks.map((chunk) => limit(() => sendChunk(opened, place, path, chunk)))
      const answers = (await Promise.all(sent)).flat()[Symbol.iterator]()
      const outcomes = inputs.map((input): Outcome<Uint8Array> => {
        if (!input.ok) return failed(input.error)
        const answer = answers.next()
        if (answer.done === true) return failed(kmsFailure('KMS_INVALID_RESPONSE', place))
        const outcome = answer.value
        return outcome.ok ? attempt(place, () => toBytes(outcome.value, place, input.item)) : outcome
      })
      if (isAborted(call)) throw kmsFailure('KMS_ABORTED', place)
      return outcomes
    } catch (error) {
      // What the service refuses or cannot do is the outcome of each item; the rest is about the call or the setup.
      const failure = toVaultFailure(error, place)
      if (failure.code === 'KMS_ABORTED' || !failure.code.startsWith('KMS_')) throw failure
      return items.map(() => failed(failure))
    } finally {
      opened.close()
    }
  }

  return Object.freeze<KmsProvider>({
    name: 'vault',
    accepts: (keyId) => isKeyIdOf('vault', keyId),
    wrap: (keyId, items, call) => run('wrap', keyId, items, call, toWrapInput, readCiphertext),
    unwrap: (keyId, items, call) => run('unwrap', keyId, items, call, toUnwrapInput, readPlaintext),
    rewrap: (keyId, items, call) => run('rewrap', keyId, items, call, toUnwrapInput, readCiphertext),
    describeKey: async (keyId) => {
      const place: KmsFailurePlace = { provider: 'vault', keyId, operation: 'describeKey' }
      keyNameOf(place)
      return toKeyDescription(keyId, await readVaultKey(await getClient(), mount, place, requestOptions))
    },
    contextHash: async (context, path) => {
      const place: KmsFailurePlace = { provider: 'vault', keyId: mount, operation: 'contextHash' }
      if (!/^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*$/.test(path))
        throw invalidVaultOptions('path of an audit device')
      const input = encodeContext(context)
      const vault = await getClient()
      const answer = await vault
        .write(`sys/audit-hash/${path}`, { input }, requestOptions)
        .catch((error: unknown) => {
          throw toVaultFailure(error, place)
        })
      const hash = (answer as { data?: { hash?: unknown } } | undefined)?.data?.hash // checked below
      if (typeof hash !== 'string') throw kmsFailure('KMS_INVALID_RESPONSE', place)
      return hash
    },
  })
}

const endpoints: { readonly [operation in KmsOperation]?: string } = {
  wrap: 'encrypt',
  unwrap: 'decrypt',
  rewrap: 'rewrap',
}

function keyNameOf(place: KmsFailurePlace): string {
  // The name goes into a URL path, unencoded: only what the key-id table lets through may pass.
  if (!isKeyIdOf('vault', place.keyId)) throw kmsFailure('KMS_KEY_NOT_FOUND', place)
  return place.keyId.slice('vault/'.length)
}

function toWrapInput({ plaintext, context }: WrapItem): BatchInput {
  checkPlaintextKey(plaintext)
  return { plaintext: Buffer.from(plaintext).toString('base64'), context: encodeContext(context) }
}

function toUnwrapInput({ ciphertext, context }: UnwrapItem, place: KmsFailurePlace): BatchInput {
  const encodedContext = encodeContext(context)
  const text = Buffer.from(ciphertext).toString('latin1')
  if (!/^vault:v\d{1,9}:[A-Za-z0-9+/]+={0,2}$/.test(text)) throw kmsFailure('KMS_INVALID_CIPHERTEXT', place)
  return { ciphertext: text, context: encodedContext }
}

function readCiphertext(result: Record<string, unknown>, place: KmsFailurePlace): Uint8Array {
  const { ciphertext } = result
  if (typeof ciphertext !== 'string' || !ciphertext.startsWith('vault:v')) {
    throw kmsFailure('KMS_INVALID_RESPONSE', place)
  }
  return Buffer.from(ciphertext, 'latin1')
}

function readPlaintext(
  result: Record<string, unknown>,
  place: KmsFailurePlace,
  item: UnwrapItem,
): Uint8Array {
  const { plaintext } = result
  if (typeof plaintext !== 'string') throw kmsFailure('KMS_INVALID_RESPONSE', place)
  return checkUnwrapped(Buffer.from(plaintext, 'base64'), item, place)
}

function encodeContext(context: EncryptionContext): string {
  return Buffer.from(canonicalContextJson(context), 'utf8').toString('base64')
}

function underivedKey(keyId: string, mount: string): KmsEncryptedError {
  const name = keyId.slice('vault/'.length)
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `${keyId}: the transit key is not derived`,
    why: 'Vault ignores the encryption context of such a key, so a wrapped key copied to another row would open there.',
    fix: `Make a new key with: vault write -f ${mount}/keys/${name} derived=true. It cannot be set later. Or accept the weaker binding: vaultTransit({ allowUnderived: true }).`,
  })
}
