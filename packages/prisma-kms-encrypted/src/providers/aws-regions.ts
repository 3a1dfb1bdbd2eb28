/** Knows which region an AWS key id belongs to, and in which order the regions of a multi-Region key are tried. */
import type { Timing } from '../kms/timing.js'

/** Milliseconds for which a region that failed is tried last. */
const avoidMs = 5_000

/** The region that an ARN names; `undefined` for other key ids. */
export function regionOfArn(keyId: string): string | undefined {
  return keyId.startsWith('arn:') ? keyId.split(':')[3] : undefined
}

/** Whether the key exists in several regions under the same id and material. */
export function isMultiRegionKey(keyId: string): boolean {
  return /(?:^|:key\/)mrk-/.test(keyId)
}

/** The same multi-Region key as it is called in `region`; any other key id as it is. */
export function keyIdInRegion(keyId: string, region: string | undefined): string {
  const ofArn = regionOfArn(keyId)
  if (region === undefined || ofArn === undefined || !isMultiRegionKey(keyId)) return keyId
  return keyId.replace(`:${ofArn}:`, `:${region}:`)
}

/** Remembers which regions failed lately, so that not every request waits for a dead one first. */
export interface RegionOrder {
  /** The regions in order of preference, those that failed lately last. */
  sort(regions: readonly string[]): readonly string[]
  /** Notes a failure. */
  avoid(region: string | undefined): void
}

/** Makes the memory of one provider. */
export function createRegionOrder(timing: Timing): RegionOrder {
  const avoidedUntilMs = new Map<string, number>()
  const isAvoided = (region: string): boolean => (avoidedUntilMs.get(region) ?? 0) > timing.now()
  return {
    sort: (regions) => [
      ...regions.filter((region) => !isAvoided(region)),
      ...regions.filter((region) => isAvoided(region)),
    ],
    avoid: (region) => {
      if (region !== undefined) avoidedUntilMs.set(region, timing.now() + avoidMs)
    },
  }
}
