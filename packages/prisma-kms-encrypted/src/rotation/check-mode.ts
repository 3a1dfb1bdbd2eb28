/** Refuses work over a table for which the server would have to do what its mode does not permit. */
import { decryptNotPermitted, encryptNotPermitted } from '../kms/permissions.js'
import type { KeyGroup } from '../records/models.js'
import { columnName } from '../records/stored-entries.js'
import type { RotationMode } from './rotate-options.js'

/**
 * Wrapping a data key anew takes both permissions, unless the key service does it by itself: between versions of one key
 * id, with a provider that offers it.
 * @throws KmsEncryptedError `DECRYPT_NOT_PERMITTED`, `ENCRYPT_NOT_PERMITTED`
 */
export function checkRotationMode(
  groups: readonly KeyGroup[],
  { mode: how, verify }: { readonly mode?: RotationMode; readonly verify?: boolean },
): void {
  for (const group of groups) {
    const { mode } = group.config
    if (mode === 'read-write') continue
    const opens = how === 're-encrypt' || (verify === true && mode === 'encrypt-only')
    if (!opens && rewrapsInService(group)) continue
    const what = `The stored data keys of ${columnName(group)}`
    const fix = 'Rotate on a server with mode: read-write.'
    throw mode === 'encrypt-only' ? decryptNotPermitted(what, fix) : encryptNotPermitted(what, fix)
  }
}

/**
 * Sealing plaintext takes one permission. What is sealed already is looked at without opening it where the mode says so.
 * @param seals whether values are encrypted, not only indexed
 * @throws KmsEncryptedError `DECRYPT_NOT_PERMITTED`, `ENCRYPT_NOT_PERMITTED`
 */
export function checkEncryptionMode(
  groups: readonly KeyGroup[],
  seals: boolean,
  { openSealed, verify }: { readonly openSealed?: boolean; readonly verify?: boolean },
): void {
  for (const group of groups) {
    const { mode } = group.config
    const what = `The values under ${columnName(group)}`
    const fix = 'Run encryptAll() on a server with mode: read-write.'
    if (mode === 'decrypt-only' && seals) throw encryptNotPermitted(what, fix)
    if (mode === 'encrypt-only' && (openSealed === true || verify === true))
      throw decryptNotPermitted(what, 'Leave openSealed and verify out, or ask a server that may decrypt.')
  }
}

function rewrapsInService({ config }: KeyGroup): boolean {
  const current = config.versions.get(config.current)
  return [...config.versions.values()].every(
    ({ keyId, provider, context }) =>
      provider.rewrap !== undefined &&
      provider === current?.provider &&
      keyId === current.keyId &&
      context === current.context,
  )
}
