/** The options of `rotateAll()` and `rotate()`. */
import type { WalkOptions } from './walk-options.js'

/** How keys are renewed. */
export type RotationMode =
  /** The same data keys, wrapped anew; the fields' own bytes stay. */
  | 'rewrap'
  /**
   * New data keys: every field is sealed again, blind indexes are computed again. A row whose key a value needs that is no
   * encrypted field here is left as it is and reported.
   */
  | 're-encrypt'

/** The `where` of a delegate's `findMany`; `object` for an untyped delegate. */
export type WhereOf<D> = D extends {
  readonly [meta: symbol]: { types: { operations: { findMany: { args: infer Args } } } }
}
  ? Args extends { where?: infer Where }
    ? Where
    : object
  : object

/** What is done to each row. */
export interface RowRotation {
  /** `'rewrap'` (default) after a change of key, key service or context; `'re-encrypt'` after data keys became known. */
  readonly mode?: RotationMode
  /** Only this key; default: all keys of the model. */
  readonly key?: string
  /** Also rows whose keys are of the current version already: after a rotation inside the key service, or to re-encrypt all. */
  readonly force?: boolean
  /** Does everything but write, so that the result tells what would be done and what would fail. */
  readonly dryRun?: boolean
  /** Reads each row again after it was written and opens all its fields; what does not open is reported. */
  readonly verify?: boolean
}

/** Options of {@link rotateAll}; `D` is the type of the delegate. */
export interface RotateOptions<D = unknown> extends RowRotation, WalkOptions {
  /** Only these rows, as in `findMany`. */
  readonly where?: WhereOf<D>
}

/** Options of {@link rotate}. */
export interface RotateOneOptions<D = unknown> extends RowRotation {
  /** The record, as in `findMany`; must find exactly one. */
  readonly where: WhereOf<D>
  readonly signal?: AbortSignal
}
