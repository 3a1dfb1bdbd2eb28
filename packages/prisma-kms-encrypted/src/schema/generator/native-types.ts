/** What each database's column types hold: how much ciphertext, and in which canonical form an id comes back. */
import type { DMMF } from '@prisma/generator-helper'

import type { CanonicalForm, EncryptedField } from '../model.js'

/** Databases whose column types are known here, as Prisma names them. */
export const databaseKinds = ['postgresql', 'cockroachdb', 'mysql', 'sqlite', 'sqlserver'] as const

/** One of {@link databaseKinds}. */
export type DatabaseKind = (typeof databaseKinds)[number]

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
  const capacity = lookUp(capacities[database][type], name)
  return capacity === null ? null : { capacity: capacity(args) }
}

/** Form of an id, given the arguments of its native type; `null`: what is read is not what was written. */
type Canonical = (args: readonly string[]) => CanonicalForm | null

const as =
  (form: CanonicalForm): Canonical =>
  () =>
    form
/** A timestamp keeps JavaScript's milliseconds with three digits or more. */
const instant =
  (digitsOtherwise: number): Canonical =>
  ([digits]) =>
    Number(digits ?? digitsOtherwise) >= 3 ? 'datetime' : null

const canonicalForms: Readonly<
  Record<DatabaseKind, Readonly<Record<string, Readonly<Record<string, Canonical>>>>>
> = {
  postgresql: {
    // Not citext: two spellings of one id would be one row with two contexts.
    String: {
      '': as('text'),
      Text: as('text'),
      VarChar: as('text'),
      Char: as('padded-text'),
      Uuid: as('uuid'),
    },
    Bytes: { '': as('bytes'), ByteA: as('bytes') },
    DateTime: { '': instant(3), Timestamp: instant(6), Timestamptz: instant(6) },
  },
  cockroachdb: {
    String: { '': as('text'), String: as('text'), Char: as('text'), Uuid: as('uuid') },
    Bytes: { '': as('bytes'), Bytes: as('bytes') },
    DateTime: { '': instant(3), Timestamp: instant(6), Timestamptz: instant(6) },
  },
  mysql: {
    String: { '': as('text'), VarChar: as('text'), Char: as('padded-text') },
    // Not Binary(n), which is filled up with zero bytes.
    Bytes: { '': as('bytes'), VarBinary: as('bytes') },
    DateTime: { '': instant(3), DateTime: instant(0), Timestamp: instant(0) },
  },
  sqlite: { String: { '': as('text') }, Bytes: { '': as('bytes') }, DateTime: { '': as('datetime') } },
  sqlserver: {
    // Not VarChar and Char, which replace characters outside their code page.
    String: { '': as('text'), NVarChar: as('text'), NChar: as('padded-text'), UniqueIdentifier: as('uuid') },
    Bytes: { '': as('bytes'), VarBinary: as('bytes') },
    // Not DateTime (steps of 1/300 s) and SmallDateTime (minutes).
    DateTime: { '': as('datetime'), DateTime2: as('datetime'), DateTimeOffset: as('datetime') },
  },
}

/**
 * The canonical form in which `field` can be part of an encryption context.
 *
 * @param mappedEnums enums with a value whose database name differs (`@map`)
 * @returns `null` for types that are lossy (`Float`, `Decimal`, `Date`, …) or that have no one spelling
 */
export function readCanonicalForm(
  field: DMMF.Field,
  database: DatabaseKind,
  mappedEnums: ReadonlySet<string>,
): CanonicalForm | null {
  if (field.kind === 'enum') return mappedEnums.has(field.type) ? null : 'text'
  if (field.type === 'Boolean') return 'boolean'
  if (field.type === 'Int' || field.type === 'BigInt') return 'integer'
  const [name, args] = field.nativeType ?? ['', []]
  const forms = canonicalForms[database][field.type]
  return forms === undefined ? null : (lookUp(forms, name)?.(args) ?? null)
}

function lookUp<T>(table: Readonly<Record<string, T>>, name: string): T | null {
  return Object.hasOwn(table, name) ? (table[name] ?? null) : null
}
