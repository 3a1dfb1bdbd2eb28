/** Turns the values of one encrypted field into what its column stores and back, under a given data key. */

import { createFieldCipher } from './cipher.js'
import { columnStorages, type ColumnType } from './column-storage.js'
import type { DataKey } from './data-key.js'
import {
  OVERHEAD_BYTES,
  readCommitment,
  readValueType,
  SEALED_TEXT,
  type ValueTypeName,
  valueTypes,
} from './field-format.js'
import { jsonText, StoredJson } from './json-text.js'
import type { NonceSource } from './nonces.js'
import { invalidCiphertext, invalidValue, unexpectedValueType, valueTooLong } from './refusals.js'
import { scalarBytes } from './scalar-bytes.js'

/** What a {@link FieldCodec} is bound to. */
export interface FieldCodecOptions {
  /** Cryptographic name of the model. */
  readonly model: string
  /** Cryptographic name of the field. */
  readonly field: string
  readonly type: ColumnType
  /** `Model.field` for errors. */
  readonly where: string
  /** What the column holds: characters for String, bytes for Bytes; `null`: unbounded. Json columns have no bound. */
  readonly capacity: number | null
  /** Only tests replace it. */
  readonly nonces?: NonceSource
}

/** Seals and opens the values of one field. `null` never comes here: it is stored as it is. */
export interface FieldCodec {
  /**
   * Encrypts a value.
   *
   * @returns base64 for String and Json columns, for Bytes columns a Uint8Array in memory of its own
   * @throws INVALID_VALUE when `value` is not of the field's type
   * @throws VALUE_TOO_LONG when the column cannot hold the result
   */
  seal(value: unknown, key: DataKey): string | Uint8Array
  /**
   * Decrypts what {@link seal} gave: a string, a Uint8Array, or the JSON value.
   *
   * @throws PLAINTEXT_FOUND when `stored` does not look encrypted
   * @throws INVALID_CIPHERTEXT when it looks encrypted but is not a value of this field's type
   * @throws DECRYPTION_FAILED when it was changed or belongs to another data key, model or field
   */
  open(stored: unknown, key: DataKey): unknown
  /**
   * Encrypts a stored value anew under another data key, byte for byte: numbers beyond 2^53 in Json survive.
   *
   * @returns like {@link seal}
   * @throws like {@link open} and {@link seal}
   */
  reseal(stored: unknown, from: DataKey, to: DataKey): string | Uint8Array
  /**
   * Tells which data key a stored value needs, without decrypting it.
   *
   * @returns a copy of its 16-byte commitment
   * @throws PLAINTEXT_FOUND, INVALID_CIPHERTEXT like {@link open}
   */
  commitmentOf(stored: unknown): Buffer
  /**
   * Whether a value begins like an encrypted one. Plaintext may too, so it decides only where both may be stored, and
   * in doubt for ciphertext: what then does not open is an error, never taken for plaintext.
   */
  looksSealed(value: unknown): boolean
  /** How {@link looksSealed} values begin in a String column; `null`: the column's type has no such filter. */
  readonly sealedPrefix: string | null
}

/** The conversions between the caller's value and plaintext bytes that a column type asks for. */
interface ColumnValue {
  readonly valueType: ValueTypeName
  toBytes(value: unknown, where: string): Uint8Array
  fromBytes(bytes: Buffer, where: string): unknown
}

const columnValues: { readonly [type in ColumnType]: ColumnValue } = {
  String: { valueType: 'string', ...scalarBytes.string },
  Bytes: { valueType: 'bytes', ...scalarBytes.bytes },
  Json: {
    valueType: 'json',
    toBytes(value, where) {
      const text = value instanceof StoredJson ? value.text : jsonText(value, where)
      // Sealed, it would escape the null filters: JsonNull and DbNull are stored as they are.
      if (text === 'null') throw invalidValue(where, 'expected a JSON value other than null, got null')
      return scalarBytes.json.toBytes(text, where)
    },
    fromBytes(bytes, where) {
      // The conversion of `json` gives text.
      return parseJson(scalarBytes.json.fromBytes(bytes, where) as string, where)
    },
  },
}

/**
 * Makes the codec of one field.
 *
 * @throws INVALID_CONFIGURATION for a name that the AAD cannot hold
 */
export function createFieldCodec(options: FieldCodecOptions): FieldCodec {
  const { model, field, type, where, capacity, nonces } = options
  const columnValue = columnValues[type]
  const storage = columnStorages[type]
  const valueType = valueTypes[columnValue.valueType]
  const cipher = createFieldCipher({
    model,
    field,
    valueType,
    where,
    ...(nonces === undefined ? {} : { nonces }),
  })

  const sealBytes = (plaintext: Uint8Array, key: DataKey): string | Uint8Array => {
    const needed = storage.storedLength(plaintext.length + OVERHEAD_BYTES)
    if (capacity !== null && needed > capacity) throw valueTooLong(where, needed, capacity, storage.unit)
    return storage.store(cipher.seal(plaintext, key))
  }

  return {
    seal(value, key) {
      return sealBytes(columnValue.toBytes(value, where), key)
    },

    reseal(stored, from, to) {
      return sealBytes(cipher.open(storage.load(stored, where), from), to)
    },

    open(stored, key) {
      return columnValue.fromBytes(cipher.open(storage.load(stored, where), key), where)
    },

    commitmentOf(stored) {
      const header = storage.loadHeader(stored, where)
      const found = readValueType(header, where)
      if (found !== valueType) throw unexpectedValueType(where, valueType, found)
      return Buffer.from(readCommitment(header))
    },

    looksSealed: (value) => storage.looksSealed(value),
    sealedPrefix: type === 'String' ? SEALED_TEXT : null,
  }
}

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not attached as the cause: the message of a SyntaxError quotes the text.
    throw invalidCiphertext(where, 'expected the text of a JSON value, got another text')
  }
}
