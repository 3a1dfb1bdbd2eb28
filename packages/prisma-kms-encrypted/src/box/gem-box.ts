/** Opens what `KmsEncrypted::Box` of the Ruby gem kms_encrypted 1.x wrote: `v<version>:<base64>`, the value itself encrypted by the service. */
import { invalidBox } from '../envelope/box-format.js'
import { decodeBase64 } from '../envelope/base64.js'
import { absentContext } from '../kms/context.js'
import type { ResolvedBox } from './box-config.js'
import { contextOf, unwrapFor, type BoxOpenCall } from './box-keys.js'

const GEM_BOX = /^v([1-9]\d{0,8}):(.+)$/s

/** Tells whether a text has the form in which the gem's box writes. */
export function isGemBox(text: string): boolean {
  return /^v\d/.test(text)
}

/**
 * Opens a value that the gem wrote.
 * @returns its bytes
 * @throws KmsEncryptedError `INVALID_CIPHERTEXT` unless `legacy: 'kms_encrypted'` is set, and for another form;
 *   `UNKNOWN_KEY_VERSION`, `DECRYPTION_FAILED`, `KMS_…`
 */
export async function openGemBox(box: ResolvedBox, text: string, call: BoxOpenCall): Promise<Buffer> {
  if (!box.opensGem) {
    throw invalidBox(
      "it has the form of the gem kms_encrypted, which is opened only with legacy: 'kms_encrypted'",
    )
  }
  const [, digits = '', base64 = ''] = GEM_BOX.exec(text) ?? []
  const ciphertext = decodeBase64(base64)
  if (digits === '' || ciphertext === null) throw invalidBox('expected v<version>:<base64>')
  const version = box.versionOf(Number(digits))
  const context = call.context === null ? absentContext : contextOf(call.context, version.number).pairs
  return Buffer.from(await unwrapFor(version, { ciphertext, context, holds: 'value' }, call))
}
