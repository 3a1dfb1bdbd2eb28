/** The rows of a result, and the names by which sealed values in them are found again. */

/** A row of a result, with Prisma's field names. */
export type Row = Record<string, unknown>

/** Key columns that were written after the result had been read, by the sealed values that they belong to. */
export type LateKeys = ReadonlyMap<unknown, string>

/** Where no key column was written later. */
export const noLateKeys: LateKeys = new Map()

/** Sealed values as map keys: text as it is, bytes as base64. */
export function sealedText(stored: unknown): unknown {
  return stored instanceof Uint8Array ? Buffer.from(stored).toString('base64') : stored
}
