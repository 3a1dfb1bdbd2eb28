/** Turns the texts that the gem kms_encrypted stores in its key columns into what has to be unwrapped, and under which context. */
import { KmsEncryptedError } from '../errors.js'

/** One wrapped data key of the gem. */
export interface RailsKey {
  /** The version of the key that wrapped it. */
  readonly version: number
  readonly ciphertext: Uint8Array
  /** Wrapped by a version of the gem before 1.0, whose contexts were not in a canonical form. */
  readonly unversioned: boolean
  /** Google Cloud only: the key id that the text names, `projects/…`. */
  readonly keyId: string | null
}

/**
 * Reads the four forms: `v1:<base64>`; base64 alone (AWS); `vault:v1:…`; `$gc$<base64 of a short key id>$<base64>`.
 * @param where `Model.field`, for errors
 * @throws KmsEncryptedError `INVALID_KEY_COLUMN`
 */
export function parseRailsKey(text: string, where: string): RailsKey {
  const [, digits, versioned] = /^v([1-9]\d{0,8}):(.+)$/s.exec(text) ?? []
  if (digits !== undefined && versioned !== undefined) {
    return {
      version: Number(digits),
      ciphertext: decode(versioned, where),
      unversioned: false,
      keyId: null,
    }
  }
  const unversioned = { version: 1, unversioned: true, keyId: null }
  if (text.startsWith('vault:')) return { ...unversioned, ciphertext: Buffer.from(text, 'utf8') }
  if (!text.startsWith('$gc$')) return { ...unversioned, ciphertext: decode(text, where) }
  const [, , shortId = '', ciphertext = ''] = text.split('$', 4)
  const [project, location, ring, key] = decode(shortId, where).toString('utf8').split('/')
  return {
    ...unversioned,
    ciphertext: decode(ciphertext, where),
    keyId: `projects/${project ?? ''}/locations/${location ?? ''}/keyRings/${ring ?? ''}/cryptoKeys/${key ?? ''}`,
  }
}

/** Ruby's `Base64.decode64` skips line breaks, which `encode64` writes. */
function decode(base64: string, where: string): Buffer {
  const text = base64.replace(/[\r\n]/g, '')
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length > 0 && bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, ''))
    return bytes
  throw new KmsEncryptedError({
    code: 'INVALID_KEY_COLUMN',
    message: `${where}: expected a wrapped key of the gem kms_encrypted, got another text`,
    why: "Without its wrapped data key, the record's encrypted fields cannot be opened.",
    fix: 'Restore the column from a backup.',
  })
}
