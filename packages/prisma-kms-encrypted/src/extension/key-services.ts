/** Turns key ids into ready providers: found in the registry, with call policies and, where asked for, branch keys. */
import { withAudit, type KmsAudit } from '../kms/audit.js'
import type { BranchKeyProvider } from '../kms/branch-keys.js'
import type { DataKeyCacheOptions } from '../kms/cache-options.js'
import { withCallPolicy } from '../kms/call-policy.js'
import { withPermissions, type Mode } from '../kms/permissions.js'
import type { KmsProvider } from '../kms/provider.js'
import type { ProviderRegistry } from '../kms/registry.js'
import { withSingleFlight, type SingleFlightProvider } from '../kms/single-flight.js'
import { createDataKeyCache, type DataKeyCache } from '../records/data-key-cache.js'
import { branchProvider, type BranchedVersion } from './branch-keys.js'
import { invalid } from './check-configuration.js'
import type { BranchKeyOptions } from './branch-key-options.js'

/** What holds for every provider of a configuration. */
export interface KeyServicesOptions {
  readonly mode: Mode
  readonly cache: DataKeyCacheOptions | undefined
  readonly audit: KmsAudit
  /** Milliseconds for all attempts of one call. */
  readonly deadlineMs: number | undefined
}

/** The providers of one configuration. `resolve` gives that of the index key, the one unwrap of every mode. */
export interface KeyServices extends ProviderRegistry {
  /** Keeps the data keys that key services unwrapped, without branch keys; `null`: none are kept. */
  readonly dataKeys: DataKeyCache | null
  /** The provider of data keys, with what the mode permits. */
  forDataKeys(keyId: string): KmsProvider
  /**
   * The provider of a key version whose data keys are wrapped under branch keys.
   * @throws INVALID_CONFIGURATION on an encrypt-only server
   */
  branched(version: BranchedVersion, options: BranchKeyOptions): KmsProvider
  /** Forgets every key in memory at once. */
  flush(): void
  /** Starts a new branch key for every branch of every key version. @returns how many */
  rotateBranchKeys(): Promise<number>
  /** Forgets every key, and closes what providers and stores of branch keys opened themselves. */
  close(): Promise<void>
}

/** Puts the call policies around each provider, once, whatever the number of its keys. */
export function createKeyServices(
  registry: ProviderRegistry,
  { mode, cache, audit, deadlineMs }: KeyServicesOptions,
): KeyServices {
  const dataKeys = cache === undefined ? null : createDataKeyCache(cache, audit)
  const joined: SingleFlightProvider[] = []
  const branched: { readonly provider: BranchKeyProvider; readonly store: BranchKeyOptions['store'] }[] = []

  const retry = deadlineMs === undefined ? {} : { timeoutMs: deadlineMs }
  const withPolicy = once((bare) => withCallPolicy(bare, { retry }))
  const withEvents = once((bare) => {
    if (dataKeys === null) return withAudit(withPolicy(bare), audit)
    const joining = withSingleFlight(withPolicy(bare))
    joined.push(joining)
    return withAudit(joining, audit)
  })
  const permitted = once((bare) => withPermissions(withEvents(bare), mode))
  // Without the cache of data keys: the lifetimes of a branch key in both would add up.
  const forBranchKeys = once((bare) => withPermissions(withAudit(withPolicy(bare), audit), mode))
  const used = new Set<KmsProvider>()
  const resolveBare = (keyId: string): KmsProvider => {
    const bare = registry.resolve(keyId)
    used.add(bare)
    return bare
  }
  const flush = (): void => {
    dataKeys?.flush()
    for (const provider of joined) provider.forget()
    for (const { provider } of branched) provider.flush()
  }

  return {
    dataKeys,
    resolve: (keyId) => withEvents(resolveBare(keyId)),
    forDataKeys: (keyId) => permitted(resolveBare(keyId)),
    branched(version, options) {
      if (mode === 'encrypt-only') throw encryptOnly(version)
      const provider = branchProvider(forBranchKeys(resolveBare(version.keyId)), version, options)
      branched.push({ provider, store: options.store })
      return withPermissions(withAudit(provider, audit), mode)
    },
    flush,
    async rotateBranchKeys() {
      const counts = await Promise.all(branched.map(({ provider }) => provider.rotateBranchKeys()))
      return counts.reduce((sum, count) => sum + count, 0)
    },
    async close() {
      flush()
      const stores = new Set(branched.map(({ store }) => store))
      await Promise.all([...stores, ...used].map(async (opened) => opened.close?.()))
    },
  }
}

/** Remembers what was made of each provider: policies that are shared work across keys. */
function once(make: (bare: KmsProvider) => KmsProvider): (bare: KmsProvider) => KmsProvider {
  const made = new Map<KmsProvider, KmsProvider>()
  return (bare) => {
    const known = made.get(bare) ?? make(bare)
    made.set(bare, known)
    return known
  }
}

function encryptOnly({ key, version }: BranchedVersion): Error {
  return invalid(
    `keys.${key} version ${version}: branchKeys and mode 'encrypt-only' exclude each other`,
    'To wrap under a branch key a server must open it, and with it could open every record under it.',
    'Leave branchKeys out of this key, or use another mode.',
  )
}
