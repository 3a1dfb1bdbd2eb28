/** Reads standard base64 strictly: of all spellings of the same bytes that decoders accept, only one passes. */

/**
 * Decodes canonical standard base64: padded, without whitespace, unused bits zero.
 *
 * @returns `null` for any other text
 */
export function decodeBase64(text: string): Buffer | null {
  return decodeStrictly(text, 'base64')
}

/**
 * Decodes canonical base64url without padding.
 *
 * @returns `null` for any other text
 */
export function decodeBase64Url(text: string): Buffer | null {
  return decodeStrictly(text, 'base64url')
}

/** Node's decoder skips what it does not know, so only encoding again tells whether the text was canonical. */
function decodeStrictly(text: string, encoding: 'base64' | 'base64url'): Buffer | null {
  const bytes = Buffer.from(text, encoding)
  return bytes.toString(encoding) === text ? bytes : null
}
