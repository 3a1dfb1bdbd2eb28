/** Asks the key services whether each key is enabled and rotated, and says which controls that serves. */
import { isKmsEncryptedError } from '../../errors.js'
import type { KeyDescription } from '../../kms/provider.js'
import { errorParts } from '../report-error.js'
import { check, type Check, type RotationFacts } from './check.js'
import { nameOf, type KeyUse } from './key-uses.js'

/** The controls that a managed key with automatic rotation serves. */
export const rotationControls = [
  'PCI DSS 3.6.4',
  'PCI DSS 3.6.5',
  'HIPAA 164.312(d)',
  'HIPAA 164.312(e)(i)',
  'ISO 27001 A.12.4.1',
  'ISO 27001 A.12.4.3',
  'NIST 800-53 SC-12',
  'NIST 800-53 SC-13',
  'NIST 800-53 SC-17',
  'NIST 800-53 SC-28',
  'GDPR Art. 30',
] as const

const dayMs = 86_400_000

/** Checks each key id once, also when several keys or versions use it. */
export async function checkRotation(
  uses: readonly KeyUse[],
  redact: (text: string) => string,
  now: Date,
): Promise<Check[]> {
  const keyIds = [...new Set(uses.map(({ keyId }) => keyId))]
  const checks = await Promise.all(
    keyIds.map((keyId) =>
      checkKeyId(
        uses.filter((use) => use.keyId === keyId),
        redact,
        now,
      ),
    ),
  )
  return checks.flat()
}

async function checkKeyId(
  uses: readonly KeyUse[],
  redact: (text: string) => string,
  now: Date,
): Promise<Check[]> {
  const [use] = uses
  if (!use) return []
  const { keyId, provider, key } = use
  const rest = { keyId, key, models: [...new Set(uses.flatMap(({ models }) => models))] }
  if (!provider.describeKey) {
    const fix = 'Rotate it by hand: add a version with a new key id and run kms-encrypted rotate.'
    return [
      check('Rotation', 'rotation', 'WARN', keyId, 'the provider tells nothing of its keys', {
        ...rest,
        fix,
        rotation: noFacts,
      }),
    ]
  }
  try {
    const described = await provider.describeKey(keyId)
    const { account, tags } = described
    const more = { ...rest, account, tags }
    return [
      ...stateOf(described, uses.map(nameOf).join(', ')).map((each) => ({ ...each, ...more, fix: each.fix })),
      rotationOf(
        described,
        uses.some(({ current }) => current),
        now,
        more,
      ),
    ]
  } catch (error) {
    const { message, fix } = errorParts(error, redact)
    const missing = isKmsEncryptedError(error, 'KMS_KEY_NOT_FOUND')
    return [
      check('Rotation', 'rotation', missing ? 'CRITICAL' : 'WARN', keyId, message, {
        ...rest,
        fix: fix ?? 'See the message.',
        rotation: noFacts,
      }),
    ]
  }
}

/** What is wrong, or right, with the key itself. */
function stateOf(
  { keyId, enabled, derived, multiRegion, regions }: KeyDescription,
  subject: string,
): Check[] {
  const checks: Check[] = []
  if (enabled === false) {
    checks.push(
      check('Keys', 'key-state', 'CRITICAL', subject, `${keyId} is disabled`, {
        fix: 'Enable it, or nothing can be read.',
      }),
    )
  } else
    checks.push(
      check('Keys', 'key-state', 'OK', subject, `${keyId} is ${enabled === true ? 'enabled' : 'there'}`),
    )
  if (derived !== null) {
    const fix = 'Create a transit key with derived=true, add it as a new version, and rotate.'
    checks.push(
      derived
        ? check('Keys', 'derived', 'OK', subject, 'derived=true: Vault enforces the context')
        : check('Keys', 'derived', 'CRITICAL', subject, 'derived=false: Vault ignores the context', { fix }),
    )
  }
  if (multiRegion === true) checks.push(checkRegions(subject, regions ?? []))
  return checks
}

function checkRegions(subject: string, regions: NonNullable<KeyDescription['regions']>): Check {
  if (regions.length < 2) {
    const fix = 'Give awsKms({ regions: [first, second] }), or ignore this if one region is enough.'
    return check('Keys', 'replicas', 'WARN', subject, 'a multi-Region key, of which one region is used', {
      fix,
    })
  }
  const bad = regions.filter(({ enabled }) => enabled !== true)
  const list = (some: typeof regions) => some.map(({ region }) => region).join(', ')
  if (bad.length === 0) return check('Keys', 'replicas', 'OK', subject, `reachable in ${list(regions)}`)
  return check('Keys', 'replicas', 'CRITICAL', subject, `not usable in ${list(bad)}`, {
    fix: 'Replicate the key there, enable the replica, and permit kms:DescribeKey, kms:Encrypt and kms:Decrypt on it.',
  })
}

function rotationOf(
  { keyId, automaticRotation, rotationPeriodDays, lastRotation, nextRotation }: KeyDescription,
  current: boolean,
  now: Date,
  rest: Partial<Check>,
): Check {
  const rotation: RotationFacts = {
    automatic: automaticRotation,
    periodDays: rotationPeriodDays,
    last: lastRotation?.toISOString().slice(0, 10) ?? null,
    next: nextRotation?.toISOString().slice(0, 10) ?? null,
    controls: rotationControls,
  }
  const say = (severity: Check['severity'], finding: string, fix: string | null) =>
    check('Rotation', 'rotation', severity, keyId, finding, { ...rest, fix, rotation })
  if (automaticRotation === null) {
    return say(
      'WARN',
      'unknown: the service does not tell',
      'Permit reading the rotation status (AWS: kms:GetKeyRotationStatus), or rotate by hand.',
    )
  }
  if (!automaticRotation) {
    // A version that only reads needs no new material.
    if (!current) return say('OK', 'off; the version only reads', null)
    return say(
      'WARN',
      'automatic rotation is off',
      'Turn it on at the key service; or add a version with a new key id regularly and run kms-encrypted rotate.',
    )
  }
  if (nextRotation && nextRotation.getTime() < now.getTime() - dayMs) {
    return say(
      'CRITICAL',
      `on, but overdue since ${rotation.next ?? ''}`,
      'Look at the key service why it does not rotate.',
    )
  }
  return say(
    'OK',
    rotationPeriodDays === null ? 'on' : `on, every ${Math.round(rotationPeriodDays)} days`,
    null,
  )
}

const noFacts: RotationFacts = {
  automatic: null,
  periodDays: null,
  last: null,
  next: null,
  controls: rotationControls,
}
