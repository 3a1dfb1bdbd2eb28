/** Checks the versions of Node, Prisma's client and the key services' SDKs. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { check, type Check } from './check.js'
import type { KeyUse } from './key-uses.js'

/** Oldest supported versions: `engines` and `peerDependencies` of this package (a test compares them). */
export const oldestVersions = {
  node: '20.19.0',
  '@prisma/client': '7.5.0',
  '@aws-sdk/client-kms': '3.700.0',
  '@google-cloud/kms': '5.0.0',
  'node-vault': '0.12.0',
} as const

type PackageName = Exclude<keyof typeof oldestVersions, 'node'>

const sdks: Readonly<Record<string, PackageName>> = {
  aws: '@aws-sdk/client-kms',
  gcp: '@google-cloud/kms',
  vault: 'node-vault',
}

/**
 * Checks what is installed.
 * @param from the configuration file, beside which packages are looked for
 */
export function checkEnvironment(uses: readonly KeyUse[], from: string, nodeVersion: string): Check[] {
  const wanted = new Set<PackageName>(['@prisma/client'])
  for (const { provider } of uses) {
    const sdk = sdks[provider.name]
    if (sdk) wanted.add(sdk)
  }
  return [
    checkVersion('node', nodeVersion),
    ...[...wanted].map((name) => {
      const version = installedVersion(name, [from, import.meta.url])
      if (version !== null) return checkVersion(name, version)
      const fix = `Install it: npm install ${name}`
      return check('Environment', 'versions', 'CRITICAL', name, 'not installed', { fix })
    }),
  ]
}

function checkVersion(name: keyof typeof oldestVersions, version: string): Check {
  const oldest = oldestVersions[name]
  if (compareVersions(version, oldest) >= 0) return check('Environment', 'versions', 'OK', name, version)
  return check('Environment', 'versions', 'CRITICAL', name, `${version}, older than ${oldest}`, {
    fix: `Update ${name} to ${oldest} or later.`,
  })
}

/** Negative when `a` is older; what stands behind the three numbers does not count. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.replace(/^v/, '').split(/[.+-]/).slice(0, 3).map(Number))
  const difference = (left ?? []).map((number, at) => number - (right?.[at] ?? 0)).find((each) => each !== 0)
  return difference ?? 0
}

/** A package may not export its package.json, so it is read where Node would look for the package. */
function installedVersion(name: string, places: readonly string[]): string | null {
  for (const place of places) {
    for (const folder of createRequire(place).resolve.paths(name) ?? []) {
      const path = join(folder, name, 'package.json')
      if (!existsSync(path)) continue
      const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version?: unknown }
      if (typeof version === 'string') return version
    }
  }
  return null
}
