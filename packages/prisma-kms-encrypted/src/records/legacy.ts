/** Opens the values of another library with the opener of their field. */
import { isKmsEncryptedError, KmsEncryptedError } from '../errors.js'
import { StoredJson } from '../envelope/json-text.js'
import { exactContext } from '../kms/context.js'
import type { KmsCall } from '../kms/provider.js'
import { contextFor, identityOf, type RecordIdentity } from './context.js'
import { keyFailure, recordReference, serviceFailure } from './data-keys.js'
import type { Args } from './arguments.js'
import type { LegacyOpener } from './legacy-opener.js'
import type { KeyGroup, SealedField } from './models.js'

/**
 * Opens one value of another library.
 * @param row the record with its ids, key column and the opener's columns
 * @returns text, or bytes for a Bytes field
 * @throws KmsEncryptedError `DECRYPTION_FAILED`, `UNKNOWN_KEY_VERSION`, `KMS_…`
 */
export async function openLegacy(
  field: SealedField,
  row: Args,
  stored: unknown,
  call: KmsCall,
): Promise<string | Uint8Array> {
  const { group, legacy } = field
  const { model } = group
  const identity = identityOf(model, row)
  if (!identity || !legacy) throw new TypeError('the context fields are always read')
  const wrappedKey = row[group.column]
  try {
    const opened = await legacy.open({
      model: model.name,
      field: field.name,
      stored: stored as string | Uint8Array, // holdsLegacy() has looked
      id: identity.id ?? '',
      row,
      wrappedKey: typeof wrappedKey === 'string' ? wrappedKey : null,
      unwrapKey: (version, ciphertext, contextText) =>
        unwrapKey(group, identity, { version, ciphertext, contextText }, call),
    })
    if (field.type === 'Bytes') return typeof opened === 'string' ? Buffer.from(opened, 'utf8') : opened
    return typeof opened === 'string' ? opened : new TextDecoder('utf-8', { fatal: true }).decode(opened)
  } catch (error) {
    if (isKmsEncryptedError(error)) throw error
    throw notOpened(field, legacy) // whatever it is, it may quote a value
  }
}

/** An opened value as Prisma would give it. */
export function legacyResult(field: SealedField, opened: string | Uint8Array): unknown {
  if (field.type !== 'Json' || typeof opened !== 'string') return opened
  try {
    return JSON.parse(opened) as unknown
  } catch {
    throw notOpened(field, field.legacy) // a SyntaxError quotes the text
  }
}

/** An opened value as it is sealed: JSON keeps its text. */
export function legacyPlaintext(field: SealedField, opened: string | Uint8Array): unknown {
  if (field.type !== 'Json' || typeof opened !== 'string') return opened
  legacyResult(field, opened) // what is no JSON must not be sealed as such
  return new StoredJson(opened)
}

async function unwrapKey(
  group: KeyGroup,
  identity: RecordIdentity,
  given: {
    readonly version: number
    readonly ciphertext: Uint8Array
    readonly contextText: string | undefined
  },
  call: KmsCall,
): Promise<Uint8Array> {
  const version = group.config.versions.get(given.version)
  const owner = { group, identity }
  if (!version) {
    throw new KmsEncryptedError({
      code: 'UNKNOWN_KEY_VERSION',
      message: `${group.model.name}.${group.column}: version ${given.version} of key '${group.key}' is not configured`,
      why: 'The stored key names a version that this server has no key id for.',
      fix: `Add version ${given.version} to keys.${group.key}.versions, with the key id that the other library used.`,
    })
  }
  const context =
    given.contextText === undefined
      ? contextFor(group, given.version, identity).pairs
      : exactContext(given.contextText)
  const record = recordReference(owner, given.version)
  const items = [{ ciphertext: given.ciphertext, context, record }]
  const [outcome] = await version.provider
    .unwrap(version.keyId, items, call)
    .catch((error: unknown): never => {
      throw serviceFailure(error)
    })
  if (outcome?.ok) return outcome.value
  throw keyFailure(outcome?.error ?? new Error('no answer'), owner, 'unwrap')
}

function notOpened({ group, name }: SealedField, legacy: LegacyOpener | null): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'DECRYPTION_FAILED',
    message: `${group.model.name}.${name}: the value does not open as one of ${legacy?.name ?? 'another library'}`,
    why: 'It was changed, belongs to another record or key, or is no value of that library.',
    fix: 'Check the opener’s options against the settings of the other library; otherwise restore the row.',
  })
}

/** @returns the error for a record whose values of one key are partly in the current format, partly another library's */
export function mixedFormats(group: KeyGroup): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'DECRYPTION_FAILED',
    message: `${group.model.name}: the fields of key '${group.key}' hold values of two formats in one record`,
    why: 'A record is imported as a whole. Beside values of the current format, another library’s could be planted by whoever writes the database.',
    fix: 'Find out who wrote the row; restore it, or write all its fields of this key at once.',
  })
}

/** @returns the error for a write that would leave a record partly imported */
export function importFirst(group: KeyGroup): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'UNSUPPORTED_OPERATION',
    message: `${group.model.name}: a partial update of a record that is not imported yet`,
    why: 'A record is imported as a whole, with a new data key for all its fields.',
    fix: 'Run encryptAll() first, with `where` for this record alone if need be, or write all its fields of this key at once.',
  })
}
