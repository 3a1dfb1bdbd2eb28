/** Turns a provider into one that only does what the server's mode permits, whatever its credentials could. */
import { KmsEncryptedError } from '../errors.js'
import { decorateProvider } from './decorate.js'
import type { KmsProvider } from './provider.js'

/** What a server may do with encrypted values. */
export type Mode = 'read-write' | 'encrypt-only' | 'decrypt-only'

/**
 * The last line behind the refusals of planning: under `encrypt-only` nothing is unwrapped, under `decrypt-only` nothing
 * is wrapped. `rewrap` stays in both, since no key leaves the service in it.
 */
export function withPermissions(provider: KmsProvider, mode: Mode): KmsProvider {
  if (mode === 'read-write') return provider
  return decorateProvider(provider, ({ place, items, call }, send) => {
    const what = `a data key under ${place.keyId}`
    if (mode === 'encrypt-only' && place.operation === 'unwrap')
      return Promise.reject(decryptNotPermitted(what))
    if (mode === 'decrypt-only' && place.operation === 'wrap')
      return Promise.reject(encryptNotPermitted(what))
    return send(items, call)
  })
}

/**
 * @param what the field, or what else would have to be opened
 * @param fix replaces the advice to leave the value out of what is asked for
 */
export function decryptNotPermitted(what: string, fix?: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'DECRYPT_NOT_PERMITTED',
    message: `${what} cannot be opened: this server is encrypt-only`,
    why: "With mode: 'encrypt-only' nothing is decrypted but the index key; only values of this very write are known.",
    fix: fix ?? 'Leave the field out with omit or select, or ask a server that may decrypt.',
  })
}

/**
 * @param what the field, or what else would have to be sealed
 * @param fix replaces the advice to leave the value out of the data
 */
export function encryptNotPermitted(what: string, fix?: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'ENCRYPT_NOT_PERMITTED',
    message: `${what} cannot be sealed: this server is decrypt-only`,
    why: "With mode: 'decrypt-only' no value of an encrypted field is written; null, which is stored as it is, may be.",
    fix: fix ?? 'Leave the field out of the data, or send the write to a server that may encrypt.',
  })
}
