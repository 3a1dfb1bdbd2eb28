/** What one cell of the table is made of: a call on an encrypted model and on its twin, and what the two came to. */

/** Models of the table's fixture. */
export type ModelName = 'User' | 'Profile' | 'Post' | 'Account' | 'Org' | 'Tag' | 'Membership'

/** Where an operation is called. */
export type Place = 'alone' | 'interactive' | 'array' | 'foreign'

/** One call, for both sides. */
export interface Call {
  readonly model: ModelName
  readonly operation: string
  readonly args: Args
  /** `null`: the twin has nothing to compare with, so that only a refusal is a result. */
  readonly twin?: null
}

/** Arguments of a Prisma operation. */
export type Args = Readonly<Record<string, unknown>>

/** What a cell says. */
export type Verdict =
  | { readonly kind: 'supported' }
  | { readonly kind: 'refused'; readonly code: string }
  /** Prisma has no such clause for the operation. */
  | { readonly kind: 'none' }

/** One line of a table. */
export interface Row {
  /** In the words of an application, as Markdown. */
  readonly clause: string
  /** `null`: the operation has no such clause. */
  readonly call: (column: Column) => Call | null
  /** Prisma's error code that both sides must answer with. */
  readonly error?: string
  /** Prisma refuses it everywhere. */
  readonly never?: true
}

/** One column: operations that answer alike. */
export interface Column {
  readonly title: string
  readonly operations: readonly string[]
  /** Which data of an `upsert` the clause goes into. */
  readonly side?: 'create' | 'update'
  readonly place?: Place
}

/** One table with its heading. */
export interface Section {
  readonly title: string
  readonly text: string
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
}

/** The clause without any operation. */
export const absent: Verdict = { kind: 'none' }
