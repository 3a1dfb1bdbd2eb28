/** Column types whose values come back exactly as written, and the one spelling that they have in an encryption context. */
import type { DMMF } from '@prisma/generator-helper'

import type { CanonicalForm } from '../model.js'
import type { DatabaseKind } from './database-kind.js'

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
  const forms = new Map(Object.entries(canonicalForms[database][field.type] ?? {}))
  return forms.get(name)?.(args) ?? null
}
