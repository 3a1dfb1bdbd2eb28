/** Turns encrypted values into what each type of column stores, base64 text or bytes, and back. */

import { types } from 'node:util'
import { decodeBase64 } from './base64.js'
import {
  BASE64_MAGIC,
  beginsSealed,
  hasMagic,
  OVERHEAD_BYTES,
  SEALED_TEXT,
  tooShort,
} from './field-format.js'
import { invalidCiphertext, plaintextFound, typeName } from './refusals.js'
import { ownedBytes } from './scalar-bytes.js'

/** Base64 that holds magic, version, flags and commitment: 28 characters are 21 bytes, with nothing left over. */
const HEADER_CHARACTERS = 28

/** Prisma types of the columns that can hold encrypted values. */
export type ColumnType = 'String' | 'Json' | 'Bytes'

/** The conversions between sealed bytes and what Prisma reads and writes in such a column. */
export interface ColumnStorage {
  readonly unit: 'characters' | 'bytes'
  /** Length of a stored value, in `unit`. */
  storedLength(sealedBytes: number): number
  /** Gives what Prisma writes; `sealed` is given up. */
  store(sealed: Buffer): string | Uint8Array
  /**
   * Gives all bytes of a stored value, without a look at their format in Bytes columns.
   *
   * @throws PLAINTEXT_FOUND when a text does not begin like an encrypted value
   * @throws INVALID_CIPHERTEXT when it does and is not canonical base64, or is not what such a column holds
   */
  load(stored: unknown, where: string): Buffer
  /** Whether a stored or given value begins like an encrypted one, however it goes on. */
  looksSealed(value: unknown): boolean
  /** Like {@link load}, but perhaps only the bytes in front of the nonce, and of values of 48 bytes and more. */
  loadHeader(stored: unknown, where: string): Buffer
}

const textStorage: ColumnStorage = {
  unit: 'characters',
  storedLength: base64Length,
  store: (sealed) => sealed.toString('base64'),
  looksSealed: (value) => typeof value === 'string' && value.startsWith(SEALED_TEXT),
  load(stored, where) {
    return decodeOrRefuse(textWithMagic(stored, where), where)
  },
  loadHeader(stored, where) {
    const text = textWithMagic(stored, where)
    if (text.length < base64Length(OVERHEAD_BYTES)) {
      throw invalidCiphertext(where, `expected at least 64 characters, got ${text.length}`)
    }
    return decodeOrRefuse(text.slice(0, HEADER_CHARACTERS), where)
  },
}

const bytesStorage: ColumnStorage = {
  unit: 'bytes',
  storedLength: (sealedBytes) => sealedBytes,
  store: ownedBytes,
  looksSealed: (value) => types.isUint8Array(value) && beginsSealed(value),
  load(stored, where) {
    if (!types.isUint8Array(stored)) {
      throw invalidCiphertext(where, `expected a Uint8Array from the database, got ${typeName(stored)}`)
    }
    return Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength)
  },
  loadHeader(stored, where) {
    const bytes = bytesStorage.load(stored, where)
    if (hasMagic(bytes) && bytes.length < OVERHEAD_BYTES) {
      throw invalidCiphertext(where, tooShort(bytes.length))
    }
    return bytes
  },
}

/** The conversions of every column type. */
export const columnStorages: { readonly [type in ColumnType]: ColumnStorage } = {
  String: textStorage,
  Json: textStorage,
  Bytes: bytesStorage,
}

/** Refuses what is not the text of an encrypted value before any of it is decoded. */
function textWithMagic(stored: unknown, where: string): string {
  if (stored === null || stored === undefined) {
    throw invalidCiphertext(where, `expected text from the database, got ${typeName(stored)}`)
  }
  // A Json column that holds anything but a string holds plaintext.
  if (typeof stored !== 'string' || !BASE64_MAGIC.test(stored)) throw plaintextFound(where)
  return stored
}

function decodeOrRefuse(text: string, where: string): Buffer {
  const bytes = decodeBase64(text)
  if (bytes === null) throw invalidCiphertext(where, 'expected canonical base64, got another spelling')
  return bytes
}

function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4
}
