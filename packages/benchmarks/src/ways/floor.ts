/** The floor: what opening the stored values costs when nothing else is done. */
import { createDecipheriv, timingSafeEqual } from 'node:crypto'
import type { OpenedKey } from './stored-form.js'

/** One row's stored values, in the order of the fields, and its data key. */
export interface StoredRow {
  readonly values: readonly string[]
  readonly key: OpenedKey
}

/** Opens every value: base64, commitment, AES-256-GCM, UTF-8. */
export function openFloor(rows: readonly StoredRow[], aads: readonly Buffer[]): string[][] {
  const opened: string[][] = []
  for (const { values, key } of rows) {
    const texts: string[] = []
    for (let index = 0; index < values.length; index++) {
      const bytes = Buffer.from(values[index] as string, 'base64') // within the loop's bound
      if (!timingSafeEqual(bytes.subarray(4, 20), key.commitment)) throw new Error('another data key')
      const decipher = createDecipheriv('aes-256-gcm', key.cipherKey, bytes.subarray(20, 32), {
        authTagLength: 16,
      })
      decipher.setAAD(aads[index] as Buffer) // one for each field
      decipher.setAuthTag(bytes.subarray(-16))
      const plaintext = decipher.update(bytes.subarray(32, -16))
      decipher.final()
      texts.push(plaintext.toString('utf8'))
    }
    opened.push(texts)
  }
  return opened
}
