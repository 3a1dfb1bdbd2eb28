/** Opens the records of the Ruby gem kms_encrypted: Lockbox and attr_encrypted fields under its wrapped data keys. */
import { createSecretKey } from 'node:crypto'

import { decryptGcm } from '../envelope/aes-gcm.js'
import { KmsEncryptedError } from '../errors.js'
import type { LegacyOpener, LegacyValue } from '../records/legacy-opener.js'
import { parseRailsKey } from './rails-key.js'

/** How one field was encrypted; `attr_encrypted` keeps the nonce in a column of its own. */
export type RailsField = 'lockbox' | { readonly attrEncrypted: { readonly iv: string } }

/** Options of {@link railsKmsEncrypted}, for one model. */
export interface RailsKmsEncryptedOptions {
  /** Prisma's name of the model. */
  readonly model: string
  /** Encrypted field → how it was encrypted; `iv` is the Prisma field of the column `encrypted_…_iv`. */
  readonly fields: Readonly<Record<string, RailsField>>
  /**
   * The context of keys without a version, which versions of the gem before 1.0 wrote. `'model'` (default) is the gem's
   * default one; `'empty'` is that of `upgrade_context: true`; a function gives the pairs of a context of your own, in the
   * order in which Ruby gave them, with numbers as numbers.
   */
  readonly unversionedContext?: 'model' | 'empty' | ((row: LegacyValue['row']) => object)
  /** `model_name` of Rails, if it is not the name of the model here. */
  readonly railsModel?: string
  /** The Google Cloud key id that `$gc$…` keys must name; default: whatever version 1 of the key is configured as. */
  readonly googleKeyId?: string
  /** See {@link LegacyOpener.indexed}. */
  readonly indexed?: boolean
}

const NONCE_BYTES = 12
const TAG_BYTES = 16
const NO_DATA = new Uint8Array()

/**
 * An opener for `legacy`. The keys are unwrapped with the configured key versions: versions of the gem keep their numbers,
 * and keys without a version use version 1.
 */
export function railsKmsEncrypted(options: RailsKmsEncryptedOptions): LegacyOpener {
  const { model, fields, indexed } = options
  const ivColumns = Object.values(fields).flatMap((field) =>
    field === 'lockbox' ? [] : [field.attrEncrypted.iv],
  )
  return Object.freeze<LegacyOpener>({
    name: 'kms_encrypted',
    fields: { [model]: Object.keys(fields) },
    columns: { [model]: ivColumns },
    ...(indexed === undefined ? {} : { indexed }),
    async open(value) {
      // Neither gem encrypts empty text.
      if (value.stored.length === 0) return value.stored
      const sealed = bytesOf(value.stored)
      const key = await dataKeyOf(value, options)
      try {
        return openBytes(key, withNonce(fields[value.field], value, sealed))
      } finally {
        key.fill(0)
      }
    },
    async findOther(value, others) {
      if (value.wrappedKey === null) return null
      const key = await dataKeyOf(value, options)
      try {
        for (const [column, stored] of others) if (isUnder(key, column, stored, others)) return column
        return null
      } finally {
        key.fill(0)
      }
    },
  })
}

/** Whether a value opens under a key: as one of Lockbox, or with the nonce in the column that attr_encrypted would name. */
function isUnder(
  key: Uint8Array,
  column: string,
  stored: string | Uint8Array,
  others: ReadonlyMap<string, string | Uint8Array>,
): boolean {
  const iv = others.get(`${column}_iv`)
  const sealed = bytesOf(stored)
  return [sealed, ...(iv === undefined ? [] : [Buffer.concat([bytesOf(iv), sealed])])].some((bytes) => {
    try {
      return openBytes(key, bytes).length > 0
    } catch {
      return false // what does not open is nobody's that needs this key
    }
  })
}

/** Nonce, ciphertext and tag, one behind the other, as Lockbox stores them. */
function withNonce(field: RailsField | undefined, { row }: LegacyValue, sealed: Buffer): Buffer {
  if (field === undefined || field === 'lockbox') return sealed
  const iv = row[field.attrEncrypted.iv]
  if (typeof iv !== 'string' && !(iv instanceof Uint8Array)) throw new TypeError('the nonce is missing')
  return Buffer.concat([bytesOf(iv), sealed])
}

function openBytes(key: Uint8Array, bytes: Buffer): Buffer {
  const end = bytes.length - TAG_BYTES
  if (end <= NONCE_BYTES) throw new TypeError('it is too short') // worded by the caller, which knows the record
  const opened = decryptGcm(
    createSecretKey(key),
    bytes.subarray(0, NONCE_BYTES),
    NO_DATA,
    bytes.subarray(NONCE_BYTES, end),
    bytes.subarray(end),
  )
  if (!opened) throw new TypeError('the tag does not fit')
  return opened
}

/** Ruby's base64 of attr_encrypted has line breaks; binary columns hold the bytes themselves. */
function bytesOf(stored: string | Uint8Array): Buffer {
  return typeof stored === 'string' ? Buffer.from(stored, 'base64') : Buffer.from(stored)
}

async function dataKeyOf(value: LegacyValue, options: RailsKmsEncryptedOptions): Promise<Uint8Array> {
  const where = `${value.model}.${value.field}`
  if (value.wrappedKey === null) throw keyMissing(where)
  const key = parseRailsKey(value.wrappedKey, where)
  if (key.keyId !== null && options.googleKeyId !== undefined && key.keyId !== options.googleKeyId)
    throw otherKey(where, key.keyId)
  if (!key.unversioned) return value.unwrapKey(key.version, key.ciphertext)
  return value.unwrapKey(key.version, key.ciphertext, unversionedContext(value, options))
}

/** The JSON as Rails wrote it: pairs in their own order, numbers as numbers, HTML's special characters escaped. */
function unversionedContext(
  { row, id, model }: LegacyValue,
  { unversionedContext: context = 'model', railsModel = model }: RailsKmsEncryptedOptions,
): string {
  if (context === 'empty') return '{}'
  const number = /^\d{1,15}$/.test(id)
  const pairs =
    typeof context === 'function'
      ? context(row)
      : { model_name: railsModel, model_id: number ? Number(id) : id }
  return JSON.stringify(pairs).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function keyMissing(where: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'KEY_MISSING',
    message: `${where} holds a value of kms_encrypted, but the record has no wrapped key`,
    why: 'A value cannot be opened without its data key.',
    fix: 'Restore the key column of this row from a backup, or set the field to null if the value may go.',
  })
}

function otherKey(where: string, keyId: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'UNKNOWN_KEY_ID',
    message: `${where}: the wrapped key names ${keyId}, which is not the configured one`,
    why: 'Key ids found in the database never choose where a request goes.',
    fix: 'Give googleKeyId, and that key as version 1 of the key, if the row is right.',
  })
}
