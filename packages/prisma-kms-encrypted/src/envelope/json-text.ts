/**
 * Turns a JavaScript value into the JSON text that Prisma itself would store in a Json column.
 *
 * The rules are those of `serializeJsonQuery` and `safeJsonStringify` in Prisma 7.10, seen to give these texts on
 * PostgreSQL. Three of its accidents are not followed: an own property `__proto__` is kept (Prisma loses it), an
 * object that looks like `Prisma.raw` parameters is data like any other, and a Decimal at the top is a string like
 * one further down (the PostgreSQL adapter makes it a number).
 */

import { types } from 'node:util'
import { isKmsEncryptedError } from '../errors.js'
import { isDecimalObject } from './decimal-text.js'
import { invalidValue, typeName } from './refusals.js'

/** JSON text as the database gave it: it is sealed as it stands, so that numbers beyond 2^53 keep all their digits. */
export class StoredJson {
  /** @param text JSON other than `null` */
  constructor(readonly text: string) {}
}

/** Marks Prisma's null objects (`JsonNull` and its like), which inside a document stand for their names. */
const PRISMA_ENUM_VALUE = Symbol.for('prisma.objectEnumValue')

/**
 * Gives the JSON text of `value`: BigInt, Decimal, Date and bytes become strings (ISO 8601 for dates, base64 for
 * bytes), `toJSON` is honoured, undefined properties are dropped, NaN and infinities become `null`.
 *
 * @param where `Model.field` for errors
 * @throws INVALID_VALUE for functions, symbols, invalid dates, undefined array elements, BigInt at the top (which
 *   Prisma refuses too), cycles, and a `toJSON` that throws
 */
export function jsonText(value: unknown, where = 'JSON value'): string {
  if (typeof value === 'bigint') throw invalidValue(where, 'expected a JSON value, got a lone bigint')
  const text = stringify(value, where)
  if (text === undefined) throw invalidValue(where, 'expected a JSON value, got undefined')
  return text
}

/** Gives `undefined` when a `toJSON` at the top does, which the type of `JSON.stringify` conceals. */
function stringify(value: unknown, where: string): string | undefined {
  try {
    return JSON.stringify(toJsonValue(value, where), stringifySpecial)
  } catch (error) {
    if (isKmsEncryptedError(error, 'INVALID_VALUE')) throw error
    // Not attached as the cause: what a caller's toJSON throws may quote the value.
    throw invalidValue(where, 'expected a JSON value, got one that is cyclic, too deep or fails in toJSON')
  }
}

function toJsonValue(value: unknown, where: string): unknown {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'boolean':
      return value
    case 'bigint':
      return value.toString()
    case 'object':
      return value === null ? null : toJsonObject(value, where)
    default:
      throw invalidValue(where, `expected a JSON value, got ${typeName(value)} in it`)
  }
}

function toJsonObject(value: object, where: string): unknown {
  if (types.isDate(value)) {
    if (Number.isNaN(value.getTime())) throw invalidValue(where, 'expected valid dates, got an invalid one')
    return value.toISOString()
  }
  if (Array.isArray(value)) return toJsonArray(value, where)
  if (ArrayBuffer.isView(value)) return toBase64(value)
  if (isDecimalObject(value)) return value.toString()
  if (isPrismaEnumValue(value)) return value._getName()
  if (isSkip(value)) throw invalidValue(where, 'expected a JSON value, got Prisma.skip')
  // What toJSON gives is not searched for anything but BigInt and bytes, as in Prisma.
  if (isJsonConvertible(value)) return value.toJSON()
  // Prisma passes an object with a `$type` of its own on as it is, so that it is not taken for a tagged value.
  if ('$type' in value && Boolean(value.$type)) return value
  return toJsonRecord(value, where)
}

function toJsonArray(array: readonly unknown[], where: string): unknown[] {
  const elements: unknown[] = []
  // A loop, as map() would skip holes, which Prisma refuses like undefined, and a callback halves the possible depth.
  for (const element of array) elements.push(toJsonValue(element, where))
  return elements
}

function toJsonRecord(object: object, where: string): Record<string, unknown> {
  const record: Record<string, unknown> = {}
  // Inherited enumerable properties count, as in Prisma.
  for (const key in object) {
    const value = (object as Record<string, unknown>)[key]
    if (value === undefined || isSkip(value)) continue
    const converted = toJsonValue(value, where)
    if (key === '__proto__') {
      Object.defineProperty(record, key, { value: converted, enumerable: true })
    } else {
      record[key] = converted
    }
  }
  return record
}

function stringifySpecial(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return ArrayBuffer.isView(value) ? toBase64(value) : value
}

function toBase64(view: ArrayBufferView): string {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64')
}

function isJsonConvertible(value: object): value is { toJSON(): unknown } {
  return 'toJSON' in value && typeof value.toJSON === 'function'
}

function isPrismaEnumValue(value: object): value is { _getName(): string } {
  return (
    PRISMA_ENUM_VALUE in value &&
    value[PRISMA_ENUM_VALUE] === true &&
    '_getName' in value &&
    typeof value._getName === 'function'
  )
}

/** Recognises `Prisma.skip` by shape: every generated client has an instance of its own. */
function isSkip(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'ifUndefined' in value &&
    typeof value.ifUndefined === 'function' &&
    Object.keys(value).length === 0
  )
}
