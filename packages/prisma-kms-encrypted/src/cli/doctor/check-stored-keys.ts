/** Checks the keys that records hold: that one of each version opens, and that none is of a version nobody has. */
import type { EncryptionContext } from '../../kms/provider.js'
import { contextFor, identityOf, type RecordIdentity } from '../../records/context.js'
import { unwrapBytes } from '../../records/data-keys.js'
import type { RecordModel } from '../../records/models.js'
import type { Row } from '../../records/rows.js'
import { check, type Check } from './check.js'
import type { KeyFindings } from './key-findings.js'
import { probeCall } from './key-probes.js'
import type { KeyUse } from './key-uses.js'
import type { StoredKey } from './stored-keys.js'

/** One stored key of each model, opened as the application would. */
export async function checkStored(
  stored: readonly StoredKey[],
  { say, reason }: KeyFindings,
): Promise<Check[]> {
  const requests = stored.map(({ group, entry, row }) => ({
    group,
    entry,
    identity: identityIn(group.model, row),
  }))
  const opened = await unwrapBytes(requests, probeCall())
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

/** Stored keys of versions that are not configured: their records cannot be opened. */
export function checkVersions(samples: readonly StoredKey[], uses: readonly KeyUse[]): Check[] {
  const known = new Set(uses.map(({ key, version }) => `${key} ${version}`))
  return samples
    .filter(({ group, entry }) => !known.has(`${group.key} ${entry.version}`))
    .map(({ group, entry }) =>
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

/** The context that a stored key is bound to. */
export function storedContext({ group, entry, row }: StoredKey): EncryptionContext {
  return contextFor(group, entry.version, identityIn(group.model, row)).pairs
}

function identityIn(model: RecordModel, row: Row): RecordIdentity {
  const identity = identityOf(model, row)
  if (!identity) throw new TypeError('the context fields are always read')
  return identity
}
