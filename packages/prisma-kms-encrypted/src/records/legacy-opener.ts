/** The interface of what opens another library's values while its rows are imported; ready ones are in `legacy/`. */

/** One value of another library. */
export interface LegacyValue {
  readonly model: string
  readonly field: string
  /** As it is stored; text of a Json column is that of its string. */
  readonly stored: string | Uint8Array
  /** The id as in encryption contexts. */
  readonly id: string
  /** The record's columns: its ids, its key column, and the opener's own columns. */
  readonly row: Readonly<Record<string, unknown>>
  /** Text of the record's key column; `null`: it is empty. */
  readonly wrappedKey: string | null
  /**
   * Unwraps a data key with the configured key of this version. Concurrent calls share a batch.
   * @param contextText JSON of an object, sent exactly so; by default the record's own encryption context
   */
  unwrapKey(version: number, ciphertext: Uint8Array, contextText?: string): Promise<Uint8Array>
}

/** Opens the values of another library. */
export interface LegacyOpener {
  /** For errors, such as `kms_encrypted`. */
  readonly name: string
  /** Model → fields that may hold such values. All fields of a key are listed, or none. */
  readonly fields: Readonly<Record<string, readonly string[]>>
  /** Model → further columns (Prisma fields) that opening needs. */
  readonly columns?: Readonly<Record<string, readonly string[]>>
  /** Whether `encryptAll()` has filled the blind indexes of the fields; before, searching them is refused. */
  readonly indexed?: boolean
  /** Whether a value is one of that library; what is not may still be plaintext. Default: every value is. */
  recognises?(stored: string | Uint8Array): boolean
  /**
   * Opens one value: the text of a String field, the JSON text of a Json field, the bytes of a Bytes field.
   * @throws whatever; only errors of this library are passed on
   */
  open(value: LegacyValue): string | Uint8Array | Promise<string | Uint8Array>
  /**
   * Finds a value under the same wrapped key in a column that is no encrypted field here: an import would take the key away
   * from it. Left out where values need nothing of their record.
   * @param others column of the database → what is stored there, unless it is too short to be encrypted
   * @returns the name of such a column; `null`: there is none
   */
  findOther?(value: LegacyValue, others: ReadonlyMap<string, string | Uint8Array>): Promise<string | null>
}
