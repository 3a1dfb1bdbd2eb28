/** Column types that hold ciphertext unchanged, and how much of it, for each database. */
import type { DMMF } from '@prisma/generator-helper'

import type { EncryptedField } from '../model.js'
import type { DatabaseKind } from './database-kind.js'

/** Types of fields that can be encrypted. */
const encryptedTypes = ['String', 'Json', 'Bytes'] as const

/** Characters or bytes that a column holds, `null` for any number, given the arguments of its native type. */
type Capacity = (args: readonly string[]) => number | null

/** Native type (`''`: none given) to capacity. A type that is not listed changes or refuses ciphertext. */
type Capacities = Readonly<Record<string, Capacity>>

const unbounded: Capacity = () => null
const fixed =
  (capacity: number): Capacity =>
  () =>
    capacity
/** `VarChar(n)`; `Max` on SQL Server; without argument what the database makes of it. */
const declared =
  (otherwise: number | null): Capacity =>
  ([length]) =>
    length === undefined ? otherwise : length.toLowerCase() === 'max' ? null : Number(length)

/** MySQL manual, "String Type Storage Requirements"; Prisma's own default for `String` is `varchar(191)`. */
const mysqlText: Capacities = {
  '': fixed(191),
  VarChar: declared(191),
  // MySQL removes the padding of char(n) when reading; other databases give it back with the value.
  Char: declared(1),
  TinyText: fixed(2 ** 8 - 1),
  Text: fixed(2 ** 16 - 1),
  MediumText: fixed(2 ** 24 - 1),
  LongText: fixed(2 ** 32 - 1),
}
const mysqlBytes: Capacities = {
  '': fixed(2 ** 32 - 1),
  VarBinary: declared(1),
  TinyBlob: fixed(2 ** 8 - 1),
  Blob: fixed(2 ** 16 - 1),
  MediumBlob: fixed(2 ** 24 - 1),
  LongBlob: fixed(2 ** 32 - 1),
}

const capacities: Readonly<Record<DatabaseKind, Readonly<Record<EncryptedField['type'], Capacities>>>> = {
  postgresql: {
    String: { '': unbounded, Text: unbounded, VarChar: declared(null), Citext: unbounded },
    Bytes: { '': unbounded, ByteA: unbounded },
    Json: { '': unbounded, Json: unbounded, JsonB: unbounded },
  },
  cockroachdb: {
    String: { '': unbounded, String: declared(null) },
    Bytes: { '': unbounded, Bytes: unbounded },
    Json: { '': unbounded, JsonB: unbounded },
  },
  mysql: { String: mysqlText, Bytes: mysqlBytes, Json: { '': unbounded, Json: unbounded } },
  sqlite: { String: { '': unbounded }, Bytes: { '': unbounded }, Json: { '': unbounded } },
  sqlserver: {
    String: {
      '': fixed(1000),
      VarChar: declared(1),
      NVarChar: declared(1),
      Text: unbounded,
      NText: unbounded,
    },
    Bytes: { '': unbounded, VarBinary: declared(1), Image: unbounded },
    Json: { '': unbounded },
  },
}

/**
 * How much ciphertext the column of `field` holds.
 *
 * @returns `capacity` in characters (`String`, `Json`) or bytes (`Bytes`), `null` inside for no limit; `null`
 *   instead of the object when the column type cannot hold ciphertext unchanged
 */
export function readCapacity(
  field: DMMF.Field,
  type: EncryptedField['type'],
  database: DatabaseKind,
): { readonly capacity: number | null } | null {
  const [name, args] = field.nativeType ?? ['', []]
  const capacity = new Map(Object.entries(capacities[database][type])).get(name)
  return capacity === undefined ? null : { capacity: capacity(args) }
}

/** `type` as one that can be encrypted, or `null`. */
export function asEncryptedType(type: string): EncryptedField['type'] | null {
  return encryptedTypes.find((known) => known === type) ?? null
}

/** The type of `field` as the schema spells it, such as `String? @db.VarChar(20)`. */
export function describeType(field: DMMF.Field): string {
  const suffix = field.isList ? '[]' : field.isRequired ? '' : '?'
  if (!field.nativeType) return `${field.type}${suffix}`
  const [name, args] = field.nativeType
  return `${field.type}${suffix} @db.${name}${args.length > 0 ? `(${args.join(', ')})` : ''}`
}
