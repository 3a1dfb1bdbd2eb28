/** Turns a context into the keys of a new box, and the head of a stored one into its keys, with one call to the key service. */
import { computeHeadTag, deriveBoxKeys, verifyHeadTag, type BoxKeys } from '../envelope/box-chunks.js'
import { boxRefused, formatBoxHead, type BoxContent, type ParsedBoxHead } from '../envelope/box-format.js'
import { generateDataKey } from '../envelope/data-key.js'
import { isKmsEncryptedError, KmsEncryptedError } from '../errors.js'
import { canonicalContextJson } from '../kms/context.js'
import type { EncryptionContext, KmsCall, Outcome, RecordReference, UnwrapItem } from '../kms/provider.js'
import type { BoxKeyVersion, ResolvedBox } from './box-config.js'

/** What a box is bound to: pairs, or a function that gives them for a version of the key. */
export type BoxContext = EncryptionContext | ((version: number) => EncryptionContext)

/** One use of a box. */
export interface BoxCall {
  /** The box opens under exactly these pairs only. */
  readonly context: BoxContext
  /** Ends waiting for the key service with `KMS_ABORTED`. */
  readonly signal?: AbortSignal
}

/** One use of a box that only opens. */
export interface BoxOpenCall extends Pick<BoxCall, 'signal'> {
  /** As when it was sealed. `null`: for what the gem's box wrote without a context, and only for that. */
  readonly context: BoxContext | null
}

/** The head of a new box, tag included, and the keys for what it holds. */
export interface NewBox {
  readonly head: Buffer
  readonly keys: BoxKeys
}

/**
 * Makes a data key for one box and has it wrapped.
 * @throws KmsEncryptedError `INVALID_CONTEXT`, `KMS_…`
 */
export async function startBox(box: ResolvedBox, content: BoxContent, call: BoxCall): Promise<NewBox> {
  const { current } = box
  const { pairs, text } = contextOf(call.context, current.number)
  const dataKey = generateDataKey().bytes
  try {
    const keys = deriveBoxKeys(dataKey)
    const item = { plaintext: dataKey, context: pairs, record: referenceTo(current) }
    const [outcome] = await current.provider.wrap(current.keyId, [item], kmsCall(call))
    const wrappedKey = Buffer.from(valueOf(outcome, 'wrap'))
    const head = formatBoxHead({ content, keyVersion: current.number, wrappedKey })
    return { head: Buffer.concat([head, computeHeadTag(keys, head, text)]), keys }
  } finally {
    dataKey.fill(0)
  }
}

/**
 * Has the data key of a box unwrapped and proves that head and context belong to it.
 * @throws KmsEncryptedError `UNKNOWN_KEY_VERSION`, `INVALID_CONTEXT`, `DECRYPTION_FAILED`, `KMS_…`
 */
export async function openHead(box: ResolvedBox, head: ParsedBoxHead, call: BoxOpenCall): Promise<BoxKeys> {
  const version = box.versionOf(head.keyVersion)
  const { pairs, text } = contextOf(call.context, version.number)
  const dataKey = await unwrapFor(version, { ciphertext: head.wrappedKey, context: pairs }, call)
  try {
    const keys = deriveBoxKeys(dataKey)
    verifyHeadTag(keys, head.bytes, text, head.tag)
    return keys
  } finally {
    dataKey.fill(0)
  }
}

/** Unwraps one item; what the service takes for another context or key is a box that does not open. */
export async function unwrapFor(
  version: BoxKeyVersion,
  item: Omit<UnwrapItem, 'record'>,
  call: Pick<BoxCall, 'signal'>,
): Promise<Uint8Array> {
  const items = [{ ...item, record: referenceTo(version) }]
  const [outcome] = await version.provider.unwrap(version.keyId, items, kmsCall(call))
  return valueOf(outcome, 'unwrap')
}

/**
 * The pairs for one version, copied, with their one text.
 * @throws KmsEncryptedError `INVALID_CONTEXT`, for `null` too
 */
export function contextOf(
  context: BoxContext | null,
  version: number,
): { readonly pairs: EncryptionContext; readonly text: string } {
  const given = typeof context === 'function' ? context(version) : context
  // Callers may be plain JavaScript; whatever is no context is refused here.
  const text = canonicalContextJson(given as EncryptionContext)
  return { pairs: { ...given }, text }
}

function kmsCall({ signal }: Pick<BoxCall, 'signal'>): KmsCall {
  return signal === undefined ? {} : { signal }
}

function referenceTo({ number }: BoxKeyVersion): RecordReference {
  return { model: null, recordId: null, keyName: 'box', keyVersion: number }
}

function valueOf(outcome: Outcome<Uint8Array> | undefined, operation: 'wrap' | 'unwrap'): Uint8Array {
  if (outcome?.ok === true) return outcome.value
  const error = outcome?.error
  if (!isKmsEncryptedError(error)) throw noAnswer(operation)
  if (operation === 'unwrap' && error.code === 'KMS_INVALID_CIPHERTEXT') throw boxRefused(error)
  throw error
}

function noAnswer(operation: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'KMS_INVALID_RESPONSE',
    message: `Box: the key service gave no outcome for the ${operation} of its data key`,
    why: 'A provider must answer one outcome per item, with errors of this library.',
    fix: 'Check the provider with the contract suite in prisma-kms-encrypted/testing.',
  })
}
