/** Opens the values of another library with the opener of their field. */
import { isKmsEncryptedError, KmsEncryptedError } from '../errors.js'
import { StoredJson } from '../envelope/json-text.js'
import { exactContext } from '../kms/context.js'
import type { KmsCall } from '../kms/provider.js'
import { contextFor, identityOf, type RecordIdentity } from './context.js'
import { recordReference } from './data-keys.js'
import { keyFailure, serviceFailure } from './key-failures.js'
import type { Args } from './arguments.js'
import type { LegacyOpener, LegacyValue } from './legacy-opener.js'
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
  const { legacy } = field
  if (!legacy) throw new TypeError('only fields with an opener hold values of another library')
  try {
    const opened = await legacy.open(legacyValue(field, row, stored, call))
    if (field.type === 'Bytes') return typeof opened === 'string' ? Buffer.from(opened, 'utf8') : opened
    return typeof opened === 'string' ? opened : new TextDecoder('utf-8', { fatal: true }).decode(opened)
  } catch (error) {
    if (isKmsEncryptedError(error)) throw error
    throw notOpened(field, legacy) // whatever it is, it may quote a value
  }
}

/**
 * Refuses to give a record a new key while a value needs the other library's which is in no encrypted field here.
 * @param field one whose value needs that key
 * @param others column of the database → what is stored there
 * @throws KmsEncryptedError `UNSUPPORTED_OPERATION`, `KMS_…`
 */
export async function refuseForOther(
  field: SealedField,
  row: Args,
  others: ReadonlyMap<string, string | Uint8Array>,
  call: KmsCall,
): Promise<void> {
  const { group, legacy } = field
  if (!legacy?.findOther || others.size === 0) return
  const column = await legacy.findOther(legacyValue(field, row, row[field.name], call), others)
  if (column === null) return
  throw new KmsEncryptedError({
    code: 'UNSUPPORTED_OPERATION',
    message: `${group.model.name}: column '${column}', which is no encrypted field here, holds a value of ${legacy.name} under the key of '${group.key}'`,
    why: 'A record is imported with a new data key; without the old one, that value would be lost.',
    fix: `Make the column an encrypted field of key '${group.key}' and list it in legacy, or set it to NULL if the value may go.`,
  })
}

function legacyValue(field: SealedField, row: Args, stored: unknown, call: KmsCall): LegacyValue {
  const { group } = field
  const identity = identityOf(group.model, row)
  if (!identity) throw new TypeError('the context fields are always read')
  const wrappedKey = row[group.column]
  return {
    model: group.model.name,
    field: field.name,
    stored: stored as string | Uint8Array, // holdsLegacy() has looked
    id: identity.id ?? '',
    row,
    wrappedKey: typeof wrappedKey === 'string' ? wrappedKey : null,
    unwrapKey: (version, ciphertext, contextText) =>
      unwrapKey(group, identity, { version, ciphertext, contextText }, call),
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
