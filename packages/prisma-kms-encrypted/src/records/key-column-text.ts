/** Checks that a key column holds the text that is to be written into it. */
import { KmsEncryptedError } from '../errors.js'
import type { KeyGroup } from './models.js'
import { columnName } from './stored-entries.js'

/**
 * A key column's text, if the column holds it.
 * @throws KmsEncryptedError `VALUE_TOO_LONG`
 */
export function checkedColumn(group: KeyGroup, text: string): string {
  if (group.capacity === null || text.length <= group.capacity) return text
  throw new KmsEncryptedError({
    code: 'VALUE_TOO_LONG',
    message: `${columnName(group)}: the wrapped keys have ${text.length} characters, the column holds ${group.capacity}`,
    why: 'The database would cut it off or refuse it; a cut key can never be unwrapped.',
    fix: 'Make the column unbounded text.',
  })
}
