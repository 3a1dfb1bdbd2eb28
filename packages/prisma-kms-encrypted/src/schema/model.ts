/** The shape of `encryptedModels`: what the generator knows of a Prisma schema and the extension needs at run time. */

/** Scalar types of Prisma that this library can seal or must recognise. */
export type ScalarType =
  'String' | 'Boolean' | 'Int' | 'BigInt' | 'Float' | 'Decimal' | 'DateTime' | 'Json' | 'Bytes'

/** How a client-side or database default makes an id. `sequence` is `autoincrement()`. */
export type IdDefault =
  | { readonly kind: 'sequence' }
  | { readonly kind: 'uuid'; readonly version: 4 | 7 }
  | { readonly kind: 'cuid'; readonly version: 1 | 2 }
  | { readonly kind: 'nanoid'; readonly length: number }
  | { readonly kind: 'ulid' }
  | { readonly kind: 'now' }
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  /** Made by the database in a way that this side cannot foresee (`dbgenerated`). */
  | { readonly kind: 'database' }

/** The stored form of an id value, so that the encryption context never depends on how a caller spelled it. */
export type CanonicalForm =
  /** text stored exactly as sent */
  | 'text'
  /** decimal integer */
  | 'integer'
  /** lower-case hyphenated UUID */
  | 'uuid'
  /** `char(n)`: trailing spaces do not count */
  | 'padded-text'
  /** instant with millisecond precision, as ISO 8601 in UTC */
  | 'datetime'
  /** `true` or `false` */
  | 'boolean'
  /** lower-case hexadecimal */
  | 'bytes'

/** One component of the identity that a model's encryption context is bound to. */
export interface ContextIdField {
  readonly field: string
  readonly column: string
  readonly canonical: CanonicalForm
  /** How the value comes into being when a create does not give it; `null`: the caller must. */
  readonly default: IdDefault | null
}

/** One encrypted field. */
export interface EncryptedField {
  /** Name of the key group, `default` unless the comment says otherwise. */
  readonly key: string
  /** Cryptographic name: part of the AAD; stays when the Prisma field is renamed. */
  readonly name: string
  readonly type: 'String' | 'Json' | 'Bytes'
  readonly column: string
  readonly required: boolean
  /** Characters (`String`) or bytes (`Bytes`) that the column holds; `null`: unbounded. */
  readonly capacity: number | null
}

/** One key column, holding the wrapped data keys of one group. */
export interface KeyColumn {
  readonly field: string
  readonly column: string
  /** Cryptographic name of the model for this key's encryption context. */
  readonly model: string
  readonly capacity: number | null
}

/** A step that brings text into the form whose index is stored; applied in the order given. */
export type NormalizeStep = 'trim' | 'lowercase' | 'nfkc' | 'diacritics' | 'digits'

/** One blind index, by the field that holds it: keyed hashes under which an encrypted field can be searched. */
export interface BlindIndex {
  /** The encrypted field that it stands for. */
  readonly field: string
  readonly column: string
  readonly normalize: readonly NormalizeStep[]
  /** Leading bits of the hash that are kept; `null`: all 256. */
  readonly bits: number | null
  /** Whether the database refuses equal values: the index column is `@unique`. */
  readonly unique: boolean
  /** `false`: rows found through the index are returned without checking it against the opened field. */
  readonly verify: boolean
}

/** A relation field, with what is needed to walk it and to know who holds the foreign key. */
export interface RelationField {
  readonly model: string
  readonly list: boolean
  readonly required: boolean
  readonly relationName: string
  /** Foreign-key fields on this side; empty when the other side (or a join table) holds them. */
  readonly fields: readonly string[]
  /** Fields of the other model that {@link fields} refer to. */
  readonly references: readonly string[]
  /** What the database does to {@link fields} when {@link references} change; `null` without {@link fields}. */
  readonly onUpdate: string | null
}

/** One scalar or enum field as the database knows it. */
export interface ScalarField {
  /** A {@link ScalarType} or the name of an enum. */
  readonly type: string
  readonly column: string
  readonly list: boolean
  readonly required: boolean
  readonly hasDefault: boolean
  readonly updatedAt: boolean
  /** Prisma's native type, such as `['VarChar', '191']`, without its `@db.` prefix. */
  readonly nativeType: readonly string[] | null
}

/** A unique criterion: the property that Prisma's where-unique input calls it, and its fields. */
export interface UniqueCriterion {
  readonly name: string
  readonly fields: readonly string[]
}

/** Everything known of one model. A model without encrypted fields has empty `encrypted` and `keys`. */
export interface ModelDefinition {
  /** Cryptographic name used in AAD. */
  readonly name: string
  readonly table: string
  /** `@@schema`, or `null` when the connection's schema applies. */
  readonly schema: string | null
  /**
   * The fields of the primary key (or, failing one, of the first unique criterion of required fields), in the
   * order of `@@id` or `@@unique`.
   */
  readonly primaryKey: readonly string[]
  /**
   * What the encryption context is bound to: the `@kmsId` field, otherwise the primary key. Empty in a model
   * without encrypted fields.
   */
  readonly contextId: readonly ContextIdField[]
  /** Whether Prisma's *checked* create input takes every context id field. */
  readonly checkedCreateTakesId: boolean
  readonly uniques: readonly UniqueCriterion[]
  readonly scalars: { readonly [field: string]: ScalarField }
  readonly relations: { readonly [field: string]: RelationField }
  readonly encrypted: { readonly [field: string]: EncryptedField }
  readonly keys: { readonly [key: string]: KeyColumn }
  readonly indexes: { readonly [field: string]: BlindIndex }
}

/** The generated module's value: every model of the schema that is encrypted or can reach an encrypted one. */
export interface ModelDefinitions {
  readonly [model: string]: ModelDefinition
}

/** Names of the models of `M` that have encrypted fields. */
export type EncryptedModelName<M> = {
  [K in keyof M]: M[K] extends { readonly keys: infer Keys } ? (keyof Keys extends never ? never : K) : never
}[keyof M] &
  string

/** Names of all key groups in `M`. */
export type KeyName<M> = {
  [K in keyof M]: M[K] extends { readonly keys: infer Keys } ? keyof Keys : never
}[keyof M] &
  string
