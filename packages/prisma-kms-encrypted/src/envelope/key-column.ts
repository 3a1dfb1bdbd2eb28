/**
 * Turns the text of a key column into wrapped data keys and back.
 *
 * One entry: `v<version>:<base64 of the wrapped key>`, the format of the Ruby gem kms_encrypted 1.x. Several: separated
 * by one space, newest first, each followed by `.<base64url of its key commitment>`.
 */

import { KmsEncryptedError } from '../errors.js'
import { decodeBase64, decodeBase64Url } from './base64.js'
import { COMMITMENT_BYTES } from './data-key.js'

/** Bound of a key column: 64 KiB of ASCII text (docs/formats.md). */
export const MAX_KEY_COLUMN_CHARACTERS = 64 * 1024

/** Version, wrapped key, label. The groups only find the parts; what they hold is checked afterwards. */
const ENTRY = /^v([1-9]\d*):([^.]+)(?:\.(.+))?$/

/** One wrapped data key. */
export interface KeyEntry {
  /** Configured key version that wrapped it, 1 or more. */
  readonly version: number
  /** What the provider's wrap gave. */
  readonly ciphertext: Buffer
  /** Which values it opens; `null`: a lone entry without label, which serves every value of the group. */
  readonly commitment: Buffer | null
}

/**
 * Reads a key column. Exactly the texts that {@link formatKeyColumn} writes are accepted.
 *
 * @param where `Model.field` for errors
 * @returns at least one entry, newest first
 * @throws INVALID_KEY_COLUMN for any other text
 */
export function parseKeyColumn(text: string, where: string): readonly KeyEntry[] {
  checkLength(text, where)
  const entries = text.split(' ').map((entry, index) => parseEntry(entry, index, where))
  checkLabels(entries, where)
  return entries
}

/**
 * Writes a key column. A lone entry is written without its label.
 *
 * @param entries one or more, newest first; with several, each with its own commitment
 * @param where `Model.field` for errors
 * @throws INVALID_KEY_COLUMN for entries that do not make a key column, or more than 64 KiB of them
 */
export function formatKeyColumn(entries: readonly KeyEntry[], where = 'key column'): string {
  const lone = entries.length === 1
  const written = lone ? entries.map((entry) => ({ ...entry, commitment: null })) : entries
  checkLabels(written, where)
  const text = written.map((entry, index) => formatEntry(entry, index, where)).join(' ')
  checkLength(text, where)
  return text
}

/**
 * Finds the entry whose data key opens values with this commitment. A lone entry without label serves any: the
 * commitment is verified once its data key is unwrapped.
 *
 * @returns `null` when no entry serves it
 */
export function entryFor(entries: readonly KeyEntry[], commitment: Uint8Array): KeyEntry | null {
  const [first] = entries
  if (entries.length === 1 && first?.commitment === null) return first
  return entries.find((entry) => entry.commitment?.equals(commitment) === true) ?? null
}

function parseEntry(entry: string, index: number, where: string): KeyEntry {
  const [, versionDigits = '', base64 = '', label] = ENTRY.exec(entry) ?? []
  const version = Number(versionDigits)
  const ciphertext = decodeBase64(base64)
  const commitment = label === undefined ? null : decodeBase64Url(label)
  if (
    versionDigits === '' ||
    !Number.isSafeInteger(version) ||
    ciphertext === null ||
    ciphertext.length === 0 ||
    (label !== undefined && commitment?.length !== COMMITMENT_BYTES)
  ) {
    throw invalidKeyColumn(
      where,
      `expected v<version>:<base64>[.<base64url>] as entry ${index + 1}, got another text`,
    )
  }
  return { version, ciphertext, commitment }
}

function formatEntry(entry: KeyEntry, index: number, where: string): string {
  const { version, ciphertext, commitment } = entry
  if (!Number.isSafeInteger(version) || version < 1) {
    throw invalidKeyColumn(
      where,
      `expected a whole version of 1 or more in entry ${index + 1}, got ${version}`,
    )
  }
  if (ciphertext.length === 0)
    throw invalidKeyColumn(where, `expected a wrapped key in entry ${index + 1}, got none`)
  const label = commitment === null ? '' : `.${commitment.toString('base64url')}`
  return `v${version}:${ciphertext.toString('base64')}${label}`
}

function checkLength(text: string, where: string): void {
  const limit = MAX_KEY_COLUMN_CHARACTERS
  if (text.length > limit) {
    throw invalidKeyColumn(where, `expected at most ${limit} characters, got ${text.length}`)
  }
}

/** A lone entry is bare and several are told apart by their labels: there is one way to write each set of entries. */
function checkLabels(entries: readonly KeyEntry[], where: string): void {
  if (entries.length === 0) throw invalidKeyColumn(where, 'expected one entry or more, got none')
  if (entries.length === 1) {
    if (entries[0]?.commitment !== null)
      throw invalidKeyColumn(where, 'expected a lone entry without label, got one')
    return
  }
  const labels = new Set<string>()
  for (const { commitment } of entries) {
    if (commitment?.length !== COMMITMENT_BYTES) {
      throw invalidKeyColumn(
        where,
        `expected every one of ${entries.length} entries to have a label, got one without`,
      )
    }
    labels.add(commitment.toString('base64url'))
  }
  if (labels.size !== entries.length)
    throw invalidKeyColumn(where, 'expected different labels, got the same one twice')
}

function invalidKeyColumn(where: string, found: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_KEY_COLUMN',
    message: `${where}: ${found}`,
    why: "Without its wrapped data key, the record's encrypted fields cannot be opened.",
    fix: 'Restore the column from a backup; only this library (or kms_encrypted) may write it.',
  })
}
