/** Checks what the key services permit: by a probe of random bytes, and by one stored key of each version. */
import { randomBytes } from 'node:crypto'

import { isKmsEncryptedError } from '../../errors.js'
import type { Runtime } from '../../extension/runtime.js'
import { isRetryable } from '../../kms/failure.js'
import type { EncryptionContext, KmsCall, Outcome } from '../../kms/provider.js'
import type { Mode } from '../../kms/permissions.js'
import { contextFor, identityOf, type RecordIdentity } from '../../records/context.js'
import { unwrapBytes } from '../../records/data-keys.js'
import type { RecordModel } from '../../records/models.js'
import type { Row } from '../../records/open-rows.js'
import { errorParts } from '../report-error.js'
import { check, type Check, type Severity } from './check.js'
import { nameOf, type KeyUse } from './key-uses.js'
import { sampleKeys, type StoredKey } from './stored-keys.js'

/** Stands where the id of a record would: no record has it. */
const probeId = 'kms-encrypted-doctor'
const probeTimeoutMs = 10_000

/** Checks every key; the services are asked for one key after another. */
export async function checkKeys(
  runtime: Runtime,
  uses: readonly KeyUse[],
  redact: (text: string) => string,
): Promise<Check[]> {
  const samples = await sampleKeys(runtime)
  const checks: Check[] = []
  for (const use of uses) {
    const about = aboutUse(use, redact)
    checks.push(
      ...(await checkUse(
        runtime,
        use,
        samples.filter(({ entry, group }) => group.key === use.key && entry.version === use.version),
        about,
      )),
    )
    if (use.current) checks.push(...checkBinding(use, about))
  }
  const known = new Set(uses.map(({ key, version }) => `${key} ${version}`))
  for (const { group, entry } of samples) {
    if (known.has(`${group.key} ${entry.version}`)) continue
    checks.push(
      check(
        'Keys',
        'stored-keys',
        'CRITICAL',
        `${group.model.name}, key ${group.key}`,
        `records hold keys of version ${entry.version}, which is not configured`,
        {
          fix: `Add version ${entry.version} to keys.${group.key}.versions.`,
          models: [group.model.name],
          key: group.key,
        },
      ),
    )
  }
  return [...checks, ...(await checkIndexKey(runtime, redact))]
}

type About = ReturnType<typeof aboutUse>

/** A wrapped key with the context that it is bound to. */
interface Wrapped {
  readonly ciphertext: Uint8Array
  readonly context: EncryptionContext
}

/** Makes checks of one key version. */
function aboutUse(use: KeyUse, redact: (text: string) => string) {
  const { key, keyId, models } = use
  return {
    say: (id: string, severity: Severity, finding: string, fix: string | null = null): Check =>
      check('Keys', id, severity, nameOf(use), finding, { fix, key, keyId, models: [...new Set(models)] }),
    reason: (error: unknown) => {
      const { message, fix } = errorParts(error, redact)
      return { message, fix: fix ?? 'See the message.' }
    },
  }
}

async function checkUse(
  { config: { mode } }: Runtime,
  use: KeyUse,
  stored: readonly StoredKey[],
  { say, reason }: About,
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
  { say, reason }: About,
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

function deniedUnwrap(opened: Outcome<Uint8Array>, use: KeyUse, { say, reason }: About): Check {
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
  { say, reason }: About,
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

/** One stored key of each model, opened as the application would. */
async function checkStored(stored: readonly StoredKey[], { say, reason }: About): Promise<Check[]> {
  const requests = stored.map(({ group, entry, row }) => ({
    group,
    entry,
    identity: identityIn(group.model, row),
  }))
  const opened = await unwrapBytes(requests, { deadlineMs: Date.now() + probeTimeoutMs })
  const names = (of: readonly StoredKey[]) => of.map(({ group }) => group.model.name).join(', ')
  const failed = stored.flatMap((sample, at) => {
    const outcome = opened[at]
    if (outcome?.ok) outcome.value.fill(0)
    return outcome?.ok === true ? [] : [{ sample, error: outcome?.error ?? new Error('no answer') }]
  })
  const fine = stored.filter((sample) => failed.every((each) => each.sample !== sample))
  return [
    ...(fine.length > 0 ? [say('stored-keys', 'OK', `a stored key opens: ${names(fine)}`)] : []),
    ...failed.map(({ sample, error }) => {
      const { message, fix } = reason(error)
      return say(
        'stored-keys',
        'CRITICAL',
        `a stored key of ${names([sample])} does not open: ${message}`,
        fix,
      )
    }),
  ]
}

function checkBinding({ key, groups, keyId }: KeyUse, { say }: About): Check[] {
  const config = groups[0]?.config
  const rowBinding =
    config?.rowBinding === false
      ? say(
          'row-binding',
          'WARN',
          'rowBinding is off: whoever writes to the database can exchange the keys of records',
          `Use the record’s id, or an immutable unique column, in keys.${key}.context, as a new version.`,
        )
      : say('row-binding', 'OK', 'keys are bound to their record')
  const namespace =
    config?.namespace === null
      ? say(
          'namespace',
          'WARN',
          'no namespace: records of another database under this KMS key open here',
          `Use ${keyId} for one database only; or, while no record is stored, set namespace.`,
        )
      : say('namespace', 'OK', `namespace ${config?.namespace ?? ''}`)
  return [rowBinding, namespace]
}

async function checkIndexKey(runtime: Runtime, redact: (text: string) => string): Promise<Check[]> {
  const { indexKey } = runtime.config
  if (!indexKey) return []
  const models = [...runtime.models.values()].filter((model) => model.indexes.length > 0)
  const rest = { models: models.map((model) => model.name), keyId: indexKey[0]?.keyId ?? null }
  try {
    await runtime.loadIndexKeys()
    const count = indexKey.length
    return [
      check(
        'Keys',
        'index-key',
        'OK',
        'index key',
        count === 1 ? 'unwraps' : `all ${count} versions unwrap`,
        rest,
      ),
    ]
  } catch (error) {
    const { message, fix } = errorParts(error, redact)
    return [check('Keys', 'index-key', 'CRITICAL', 'index key', message, { ...rest, fix })]
  }
}

function probeContext({ key, version, groups }: KeyUse): EncryptionContext {
  const [group] = groups
  if (!group) return { model_name: key, model_id: probeId }
  try {
    return contextFor(group, version, { id: probeId, columns: {} }).pairs
  } catch {
    // A context of the user's own, which needs values of a record.
    const { namespace } = group.config
    return { model_name: group.contextModel, model_id: probeId, ...(namespace === null ? {} : { namespace }) }
  }
}

function storedContext({ group, entry, row }: StoredKey): EncryptionContext {
  return contextFor(group, entry.version, identityIn(group.model, row)).pairs
}

function identityIn(model: RecordModel, row: Row): RecordIdentity {
  const identity = identityOf(model, row)
  if (!identity) throw new TypeError('the context fields are always read')
  return identity
}

function isDenied(error: Error): boolean {
  return isKmsEncryptedError(error, 'KMS_ACCESS_DENIED')
}

function wrapProbe({ provider, keyId }: KeyUse, plaintext: Uint8Array, context: EncryptionContext) {
  return firstOutcome((call) => provider.wrap(keyId, [{ plaintext, context }], call))
}

function unwrapProbe({ provider, keyId }: KeyUse, ciphertext: Uint8Array, context: EncryptionContext) {
  return firstOutcome((call) => provider.unwrap(keyId, [{ ciphertext, context }], call))
}

async function firstOutcome(
  send: (call: KmsCall) => Promise<readonly Outcome<Uint8Array>[]>,
): Promise<Outcome<Uint8Array>> {
  try {
    const [outcome] = await send({ deadlineMs: Date.now() + probeTimeoutMs })
    return outcome ?? { ok: false, error: new Error('the provider answered nothing') }
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error : new Error('the provider failed') }
  }
}
