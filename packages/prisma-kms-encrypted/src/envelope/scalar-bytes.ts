/** Turns the values of the ten value types into plaintext bytes and back; each value has exactly one form. */

import { isUtf8 } from 'node:buffer'
import { types } from 'node:util'
import { canonicalDecimal, isDecimalObject } from './decimal-text.js'
import type { ValueTypeName } from './field-format.js'
import { invalidCiphertext, invalidValue, typeName } from './refusals.js'

const MIN_INT = -(2 ** 31)
const MAX_INT = 2 ** 31 - 1
const MIN_BIGINT = -(2n ** 63n)
const MAX_BIGINT = 2n ** 63n - 1n

/** The conversions of one value type. */
export interface ScalarBytes {
  /**
   * @param value what the caller passed
   * @param where `Model.field` for errors
   * @throws INVALID_VALUE when `value` is not of this type
   */
  toBytes(value: unknown, where: string): Uint8Array
  /**
   * @param bytes verified plaintext, which the result may take over
   * @throws INVALID_CIPHERTEXT when `bytes` is not what {@link toBytes} gives for any value
   */
  fromBytes(bytes: Buffer, where: string): unknown
}

/** UTF-8 text. A lone surrogate is refused: UTF-8 has no form for it, and encoders silently replace it. */
const text = {
  toBytes(value, where) {
    if (typeof value !== 'string') throw expected('a string', value, where)
    if (!isWellFormed(value)) throw invalidValue(where, 'expected well-formed text, got a lone surrogate')
    return Buffer.from(value, 'utf8')
  },
  fromBytes(bytes, where): string {
    if (!isUtf8(bytes)) throw malformed('UTF-8', where)
    return bytes.toString('utf8')
  },
} satisfies ScalarBytes

/**
 * The conversions of every value type (docs/formats.md). `json` takes and gives JSON *text* (see `jsonText`), `decimal`
 * gives its canonical text, and `list` takes and gives the text forms of its elements.
 */
export const scalarBytes: { readonly [type in ValueTypeName]: ScalarBytes } = {
  string: text,

  bytes: {
    toBytes(value, where) {
      if (!types.isUint8Array(value)) throw expected('a Uint8Array', value, where)
      return value
    },
    fromBytes: (bytes) => ownedBytes(bytes),
  },

  json: text,

  boolean: {
    toBytes(value, where) {
      if (typeof value !== 'boolean') throw expected('a boolean', value, where)
      return Buffer.of(value ? 1 : 0)
    },
    fromBytes(bytes, where) {
      const byte = bytes[0]
      if (bytes.length !== 1 || (byte !== 0 && byte !== 1)) throw malformed('boolean', where)
      return byte === 1
    },
  },

  int: {
    toBytes(value, where) {
      if (typeof value !== 'number' || !Number.isInteger(value) || value < MIN_INT || value > MAX_INT) {
        throw expected('a 32-bit integer', value, where)
      }
      const bytes = Buffer.allocUnsafe(4)
      bytes.writeInt32BE(value)
      return bytes
    },
    fromBytes(bytes, where) {
      if (bytes.length !== 4) throw malformed('int', where)
      return bytes.readInt32BE()
    },
  },

  bigint: {
    toBytes(value, where) {
      // Prisma takes whole numbers for BigInt fields as well.
      const whole = Number.isSafeInteger(value) ? BigInt(value as number) : value
      if (typeof whole !== 'bigint' || whole < MIN_BIGINT || whole > MAX_BIGINT) {
        throw expected('a 64-bit integer', value, where)
      }
      return int64Bytes(whole)
    },
    fromBytes(bytes, where) {
      if (bytes.length !== 8) throw malformed('bigint', where)
      return bytes.readBigInt64BE()
    },
  },

  float: {
    toBytes(value, where) {
      if (typeof value !== 'number' || !Number.isFinite(value))
        throw expected('a finite number', value, where)
      const bytes = Buffer.allocUnsafe(8)
      // Prisma's own protocol knows no negative zero; adding zero turns it into zero, so that equals stay equal.
      bytes.writeDoubleBE(value + 0)
      return bytes
    },
    fromBytes(bytes, where) {
      const value = bytes.length === 8 ? bytes.readDoubleBE() : NaN
      if (!Number.isFinite(value) || Object.is(value, -0)) throw malformed('float', where)
      return value
    },
  },

  decimal: {
    toBytes(value, where) {
      const canonical = canonicalDecimal(decimalSpelling(value))
      if (canonical === null) throw expected('a finite decimal number', value, where)
      return Buffer.from(canonical, 'ascii')
    },
    fromBytes(bytes, where) {
      const canonical = bytes.toString('latin1')
      if (canonicalDecimal(canonical) !== canonical) throw malformed('decimal', where)
      return canonical
    },
  },

  datetime: {
    toBytes(value, where) {
      if (!types.isDate(value) || Number.isNaN(value.getTime())) throw expected('a valid Date', value, where)
      return int64Bytes(BigInt(value.getTime()))
    },
    fromBytes(bytes, where) {
      const date = bytes.length === 8 ? new Date(Number(bytes.readBigInt64BE())) : new Date(NaN)
      if (Number.isNaN(date.getTime())) throw malformed('datetime', where)
      return date
    },
  },

  list: {
    toBytes(value, where) {
      if (!isStringArray(value)) throw expected('a list of text forms', value, where)
      if (!value.every(isWellFormed))
        throw invalidValue(where, 'expected well-formed text, got a lone surrogate')
      return Buffer.from(JSON.stringify(value), 'utf8')
    },
    fromBytes(bytes, where) {
      const json = text.fromBytes(bytes, where)
      const elements = parseOrUndefined(json)
      // The comparison leaves one spelling of each list, like every other type.
      if (!isStringArray(elements) || JSON.stringify(elements) !== json) throw malformed('list', where)
      return elements
    },
  },
}

/**
 * Gives the same bytes as a Uint8Array that shares its memory with nothing else, copying only where it must.
 * Small Buffers are slices of a pool that Node shares between all of them.
 *
 * @param bytes memory that the caller gives up
 */
export function ownedBytes(bytes: Buffer): Uint8Array {
  const { buffer, byteOffset, byteLength } = bytes
  return byteOffset === 0 && byteLength === buffer.byteLength ? new Uint8Array(buffer) : new Uint8Array(bytes)
}

function expected(what: string, value: unknown, where: string): Error {
  return invalidValue(where, `expected ${what}, got ${describe(value)}`)
}

/** A number of the wrong kind is told from a value of the wrong type, without showing it. */
function describe(value: unknown): string {
  return typeof value === 'number' || typeof value === 'bigint' ? `another ${typeof value}` : typeName(value)
}

function malformed(what: string, where: string): Error {
  return invalidCiphertext(where, `expected the bytes of a ${what} value, got others`)
}

function int64Bytes(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64BE(value)
  return bytes
}

function decimalSpelling(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString()
  return isDecimalObject(value) ? value.toFixed() : ''
}

function isStringArray(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((element) => typeof element === 'string')
}

function parseOrUndefined(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

/** Node has it since 20; TypeScript lists it only in the library of ES2024, hence the cast. */
function isWellFormed(value: string): boolean {
  return (value as string & { isWellFormed(): boolean }).isWellFormed()
}
