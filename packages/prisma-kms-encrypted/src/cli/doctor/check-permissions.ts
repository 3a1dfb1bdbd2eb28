/** Checks what a key service permits and enforces: by a probe of random bytes, otherwise by a stored key. */
import { randomBytes } from 'node:crypto'

import { isKmsEncryptedError } from '../../errors.js'
import { isRetryable } from '../../kms/failure.js'
import type { Mode } from '../../kms/permissions.js'
import type { Outcome } from '../../kms/provider.js'
import { checkStored, storedContext } from './check-stored-keys.js'
import type { Check } from './check.js'
import type { KeyFindings } from './key-findings.js'
import { probeContext, unwrapProbe, wrapProbe, type Wrapped } from './key-probes.js'
import type { KeyUse } from './key-uses.js'
import type { StoredKey } from './stored-keys.js'

/**
 * Checks one key version against the mode of this server.
 * @param stored keys of this version that records hold
 */
export async function checkPermissions(
  mode: Mode,
  use: KeyUse,
  stored: readonly StoredKey[],
  { say, reason }: KeyFindings,
): Promise<Check[]> {
  const checks: Check[] = []
  const context = probeContext(use)
  let probe: Wrapped | null = null
  if (use.current) {
    const plaintext = randomBytes(32)
    const wrapped = await wrapProbe(use, plaintext, context)
    if (wrapped.ok) {
      probe = { ciphertext: wrapped.value, context }
      checks.push(
        mode === 'decrypt-only'
          ? say(
              'wrap',
              'WARN',
              'wrapping is allowed, though the mode is decrypt-only',
              `Take the permission to encrypt with ${use.keyId} from this server.`,
            )
          : say('wrap', 'OK', `${use.keyId} wraps`),
      )
    } else if (mode === 'decrypt-only' && isDenied(wrapped.error)) {
      checks.push(say('wrap', 'OK', 'wrapping is denied, as decrypt-only asks for'))
    } else {
      const { message, fix } = reason(wrapped.error)
      checks.push(say('wrap', mode === 'decrypt-only' ? 'WARN' : 'CRITICAL', message, fix))
    }
  }
  const [sample] = stored
  // What a branch key has wrapped is none of the key service's own ciphertexts.
  const subject =
    probe ??
    (sample && !use.branched ? { ciphertext: sample.entry.ciphertext, context: storedContext(sample) } : null)
  if (subject) checks.push(...(await checkUnwrap(use, mode, subject, { say, reason })))
  else if (!sample) checks.push(say('unwrap', 'OK', 'not tried: no record holds a key of this version'))
  if (sample && mode !== 'encrypt-only') checks.push(...(await checkStored(stored, { say, reason })))
  return checks
}

async function checkUnwrap(
  use: KeyUse,
  mode: Mode,
  subject: Wrapped,
  { say, reason }: KeyFindings,
): Promise<Check[]> {
  const opened = await unwrapProbe(use, subject.ciphertext, subject.context)
  if (opened.ok) opened.value.fill(0)
  if (mode === 'encrypt-only') {
    const denied = deniedUnwrap(opened, use, { say, reason })
    return opened.ok ? [denied, await checkContextEnforced(use, subject, { say, reason })] : [denied]
  }
  if (!opened.ok) {
    const { message, fix } = reason(opened.error)
    return [say('unwrap', 'CRITICAL', message, fix)]
  }
  return [
    say('unwrap', 'OK', `${use.keyId} unwraps`),
    await checkContextEnforced(use, subject, { say, reason }),
  ]
}

function deniedUnwrap(opened: Outcome<Uint8Array>, use: KeyUse, { say, reason }: KeyFindings): Check {
  if (opened.ok) {
    return say(
      'unwrap',
      'CRITICAL',
      'unwrapping is allowed, though the mode is encrypt-only',
      `Take the permission to decrypt with ${use.keyId} from this server: whoever takes it over could read everything.`,
    )
  }
  if (isDenied(opened.error)) return say('unwrap', 'OK', 'unwrapping is denied, as encrypt-only asks for')
  const { message, fix } = reason(opened.error)
  return say('unwrap', 'WARN', `could not tell whether unwrapping is denied: ${message}`, fix)
}

/** Another record's context must not open a key, or rows could be exchanged. */
async function checkContextEnforced(
  use: KeyUse,
  { ciphertext, context }: Wrapped,
  { say, reason }: KeyFindings,
): Promise<Check> {
  const [last = 'model_id'] = Object.keys(context)
    .filter((name) => name !== 'namespace')
    .slice(-1)
  const other = await unwrapProbe(use, ciphertext, { ...context, [last]: `${context[last] ?? ''}-other` })
  if (other.ok) {
    other.value.fill(0)
    const fix =
      use.provider.name === 'vault'
        ? `Create a transit key with derived=true, add it as a new version of keys.${use.key}, and rotate.`
        : 'Use a service that binds what it wraps to its context.'
    return say(
      'context-enforced',
      'CRITICAL',
      'a key opens under another record’s context: rows can be exchanged',
      fix,
    )
  }
  if (isRetryable(other.error)) {
    const { message, fix } = reason(other.error)
    return say('context-enforced', 'WARN', `could not tell: ${message}`, fix)
  }
  return say('context-enforced', 'OK', 'another record’s context opens nothing')
}

function isDenied(error: Error): boolean {
  return isKmsEncryptedError(error, 'KMS_ACCESS_DENIED')
}
