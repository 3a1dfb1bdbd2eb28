/** Lists every version of every key that the models use. */
import type { Runtime } from '../../extension/runtime.js'
import type { KmsProvider } from '../../kms/provider.js'
import type { KeyGroup } from '../../records/models.js'

/** One version of one key, with the groups whose data keys it wraps. */
export interface KeyUse {
  readonly key: string
  readonly version: number
  readonly current: boolean
  readonly keyId: string
  /** Whether branch keys wrap the data keys, and the KMS key only these. */
  readonly branched: boolean
  /** The key service itself, without the mode's restrictions. */
  readonly provider: KmsProvider
  readonly groups: readonly KeyGroup[]
  readonly models: readonly string[]
}

/** All uses, the current version of each key first. */
export function listKeyUses({ models, config }: Runtime): readonly KeyUse[] {
  const groups = [...models.values()].flatMap((model) => [...model.groups.values()])
  const names = [...new Set(groups.map((group) => group.key))]
  return names.flatMap((key) => {
    const own = groups.filter((group) => group.key === key)
    const resolved = own[0]?.config
    if (!resolved) return []
    const versions = [...resolved.versions].sort(([a], [b]) => rank(b) - rank(a))
    return versions.map(([version, { keyId, branch }]) => ({
      key,
      version,
      current: version === resolved.current,
      keyId,
      branched: branch !== null,
      provider: config.services.resolve(keyId),
      groups: own,
      models: own.map((group) => group.model.name),
    }))

    function rank(version: number): number {
      return version === resolved?.current ? Infinity : version
    }
  })
}

/** `default`, or `default v1` for a version that is not the current one. */
export function nameOf({ key, version, current }: KeyUse): string {
  return current ? key : `${key} v${version}`
}
