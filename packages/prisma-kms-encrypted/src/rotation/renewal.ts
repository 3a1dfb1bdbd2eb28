/** One key column of one row that is due for new wrapping or a new data key, and what came of it. */
import { isKmsEncryptedError, type KmsEncryptedError } from '../errors.js'
import { identityOf, type RecordIdentity } from '../records/context.js'
import type { KeyGroup } from '../records/models.js'
import type { Row } from '../records/rows.js'

/** A key column that is due. */
export interface DueColumn {
  readonly group: KeyGroup
  readonly row: Row
  /** The column's text as read. */
  readonly before: string
}

/** New values of the row's columns, or why they could not be made. */
export type Renewal =
  | {
      readonly ok: true
      readonly set: Row
      /** Columns that the new values rest on. */ readonly guards: readonly string[]
      /** Labels that stood at other entries than they should; left out for none. */
      readonly wrongLabels?: readonly Buffer[]
    }
  | { readonly ok: false; readonly error: KmsEncryptedError }

/** The identity of a row that was read with its context fields. */
export function rowIdentity({ group, row }: DueColumn): RecordIdentity {
  const identity = identityOf(group.model, row)
  if (!identity) throw new TypeError('the context fields are always read')
  return identity
}

/** Turns what goes wrong with one row into its outcome; anything that is no error of the library is a fault in it. */
export function attemptRenewal<T>(
  make: () => T,
): { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: KmsEncryptedError } {
  try {
    return { ok: true, value: make() }
  } catch (error) {
    if (isKmsEncryptedError(error)) return { ok: false, error }
    throw error
  }
}
