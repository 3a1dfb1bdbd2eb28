/** Checks every key of the models, and the index key: permissions, stored keys, and what they are bound to. */
import type { Runtime } from '../../extension/runtime.js'
import { errorParts } from '../report-error.js'
import { checkPermissions } from './check-permissions.js'
import { checkVersions } from './check-stored-keys.js'
import { check, type Check } from './check.js'
import { findingsAbout, type KeyFindings } from './key-findings.js'
import type { KeyUse } from './key-uses.js'
import { sampleKeys } from './stored-keys.js'

/** Checks every key; the services are asked for one key after another. */
export async function checkKeys(
  runtime: Runtime,
  uses: readonly KeyUse[],
  redact: (text: string) => string,
): Promise<Check[]> {
  const samples = await sampleKeys(runtime)
  const checks: Check[] = []
  for (const use of uses) {
    const findings = findingsAbout(use, redact)
    const stored = samples.filter(
      ({ entry, group }) => group.key === use.key && entry.version === use.version,
    )
    checks.push(...(await checkPermissions(runtime.config.mode, use, stored, findings)))
    if (use.current) checks.push(...checkBinding(use, findings))
  }
  return [...checks, ...checkVersions(samples, uses), ...(await checkIndexKey(runtime, redact))]
}

function checkBinding({ key, groups, keyId }: KeyUse, { say }: KeyFindings): Check[] {
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
