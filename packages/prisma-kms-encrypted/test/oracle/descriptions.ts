/**
 * What the generators make: self-contained descriptions of Prisma calls, without any id or random text in them, so
 * that they shrink, print and replay. Arguments are plain Prisma arguments in which these placeholders may stand.
 */
import type { IndexedKind, ModelName, SecretKind } from './fixture-models.js'

/** A condition that names one unique row. */
export interface WherePlaceholder {
  readonly $where: ModelName
  /** Position among the known rows, modulo their number; negative: a row that does not exist. */
  readonly index: number
  /** The unique field to name it by; the id if not given. */
  readonly by?: string
  /** Prefer rows that the record at hand reaches through this relation. */
  readonly relation?: string
  /** More conditions beside the unique one. */
  readonly also?: object
}

/** The id of one row, for foreign keys. */
export interface IdPlaceholder {
  readonly $id: ModelName
  readonly index: number
}

/** The present value of a row's marker, unique text or indexed field. */
export interface ValuePlaceholder {
  readonly $valueOf: ModelName
  readonly index: number
  readonly field: string
  /** For an indexed field: in which spelling. */
  readonly style?: number
}

/** A condition on a field with a blind index; the twin is asked by the normal forms in its index column. */
export interface SearchPlaceholder {
  readonly $search: unknown
}

/** A value that never occurred before, equal on both sides. */
export interface FreshPlaceholder {
  readonly $fresh: 'text' | 'int' | 'uuid' | 'id' | 'bigId'
}

/** A value for an encrypted field that carries the canary. */
export interface SecretPlaceholder {
  readonly $secret: SecretKind
  readonly style: number
}

/** One of Prisma's null markers. */
export interface NullPlaceholder {
  /** The name of an indexed field: null in it. */
  readonly $null: 'DbNull' | 'JsonNull' | IndexedKind
}

/** Empty bytes; bytes with content are secrets. */
export interface BytesPlaceholder {
  readonly $bytes: string
}

export type Placeholder =
  | WherePlaceholder
  | IdPlaceholder
  | ValuePlaceholder
  | FreshPlaceholder
  | SecretPlaceholder
  | NullPlaceholder
  | BytesPlaceholder
  | SearchPlaceholder

/** One call on a delegate. */
export interface CallDescription {
  readonly model: ModelName
  readonly operation: string
  readonly args: object
  /** Relations that are called on the result's promise, as in `user.findUnique(…).posts(…)`. */
  readonly fluent?: readonly { readonly relation: string; readonly args: object }[]
  /** The call is one that the library documents to refuse, with this code; the twin is not asked. */
  readonly refusal?: string
}

/** One step of a sequence. */
export type StepDescription =
  | { readonly step: 'call'; readonly call: CallDescription }
  | { readonly step: 'interactive'; readonly calls: readonly CallDescription[]; readonly rollback: boolean }
  | { readonly step: 'batch'; readonly calls: readonly CallDescription[] }
  /** Reads that are started in one tick. */
  | { readonly step: 'together'; readonly calls: readonly CallDescription[] }

/** A sequence, and the client that it runs on. */
export interface SequenceDescription {
  /** Connections in the extended client's pool. */
  readonly pool: 'one' | 'many'
  readonly setup: 'default' | 'after-insert' | 'omit-keys'
  /** `rows`: after a few records of every model, so that the first operations find something. */
  readonly start: 'rows' | 'empty'
  readonly steps: readonly StepDescription[]
}
