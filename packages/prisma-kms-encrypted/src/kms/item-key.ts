/** Turns one wrapped key with its context into a map key that no other pair shares. */
import { createHash } from 'node:crypto'
import { exactTextOf, validateContext } from './context.js'
import type { EncryptionContext, UnwrapItem } from './provider.js'

/**
 * A digest of the provider, the key id, the wrapped key and the context, each part preceded by its length, so that
 * bytes never move from one part to the next. The order of the context's pairs does not matter.
 * @throws INVALID_CONTEXT
 */
export function itemKey(provider: string, keyId: string, { ciphertext, context, holds }: UnwrapItem): string {
  const hash = createHash('sha256')
  const add = (part: Uint8Array | string): void => {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'utf8') : part
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.byteLength)
    hash.update(length).update(bytes)
  }
  add(holds === 'value' ? `${provider}\0value` : provider) // a value must not be taken for a data key
  add(keyId)
  add(ciphertext)
  for (const part of contextParts(context)) add(part)
  return hash.digest('base64')
}

function contextParts(context: EncryptionContext): readonly string[] {
  validateContext(context)
  const exact = exactTextOf(context)
  if (exact !== null) return [exact] // one part: no pair of strings is like it
  return Object.entries(context)
    .sort(([a], [b]) => (a < b ? -1 : 1)) // names are unique
    .flat()
}
