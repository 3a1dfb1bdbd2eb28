/** Turns a key id into the provider that serves it: the user's own first, otherwise a default one loaded on first use. */
import { KmsEncryptedError } from '../errors.js'
import { providerNameOf } from './key-id.js'
import type { DefaultProviderName } from './key-id.js'
import type { KmsProvider } from './provider.js'

/** How a default provider comes into being. */
export interface DefaultProvider {
  /** Imports and creates it; called once, on the first wrap or unwrap. */
  load(): Promise<KmsProvider>
  /** The optional methods that the loaded provider has. */
  readonly offers: readonly ('rewrap' | 'describeKey' | 'contextHash')[]
  /** Runs when a key id is resolved, thus at configuration. @throws INVALID_CONFIGURATION when it may not be used here */
  check?(): void
}

/** The default provider of each name. Lives above this floor, which imports no provider. */
export type DefaultProviders = { readonly [name in DefaultProviderName]?: DefaultProvider }

/** Finds the provider of a key id. */
export interface ProviderRegistry {
  /**
   * @throws UNKNOWN_KEY_ID when no given provider accepts the id and it has none of the known forms
   * @throws INVALID_CONFIGURATION when several given providers accept it, or none of those of its own name does
   */
  resolve(keyId: string): KmsProvider
}

/**
 * Makes a registry. A given provider that accepts a key id wins over the default one.
 * @param providers the user's own; two of them must not accept the same key id
 * @param defaults what serves the known forms of key ids when no given provider does
 */
export function createProviderRegistry(
  providers: readonly KmsProvider[],
  defaults: DefaultProviders,
): ProviderRegistry {
  const lazyProviders = new Map<string, KmsProvider>()
  return {
    resolve(keyId) {
      const [accepting, another] = providers.filter((provider) => provider.accepts(keyId))
      if (another !== undefined) throw ambiguousProvider(keyId)
      if (accepting !== undefined) return accepting

      const name = providerNameOf(keyId)
      const entry = defaults[name]
      // Falling back to the environment would bypass the credentials and region that the user chose for this service.
      if (entry === undefined || providers.some((provider) => provider.name === name)) {
        throw noProvider(keyId, name)
      }
      entry.check?.()
      const lazy = lazyProviders.get(name) ?? createLazyProvider(name, keyId, entry)
      lazyProviders.set(name, lazy)
      return lazy
    },
  }
}

function createLazyProvider(name: string, firstKeyId: string, entry: DefaultProvider): KmsProvider {
  let loading: Promise<KmsProvider> | undefined
  const load = (): Promise<KmsProvider> => {
    // A failed load (a missing SDK) is not kept, so that the next call reports the same instead of a stale state.
    loading ??= entry.load().catch((error: unknown) => {
      loading = undefined
      throw error
    })
    return loading
  }
  const missing = (): KmsEncryptedError => noProvider(firstKeyId, name)
  return {
    name,
    accepts: (keyId) => {
      try {
        return providerNameOf(keyId) === name
      } catch {
        return false
      }
    },
    async close() {
      await (await loading)?.close?.()
    },
    wrap: async (keyId, items, call) => (await load()).wrap(keyId, items, call),
    unwrap: async (keyId, items, call) => (await load()).unwrap(keyId, items, call),
    ...(entry.offers.includes('rewrap') && {
      rewrap: async (keyId, items, call) => {
        const provider = await load()
        if (provider.rewrap === undefined) throw missing()
        return provider.rewrap(keyId, items, call)
      },
    }),
    ...(entry.offers.includes('describeKey') && {
      describeKey: async (keyId) => {
        const provider = await load()
        if (provider.describeKey === undefined) throw missing()
        return provider.describeKey(keyId)
      },
    }),
    ...(entry.offers.includes('contextHash') && {
      contextHash: async (context, path) => {
        const provider = await load()
        if (provider.contextHash === undefined) throw missing()
        return provider.contextHash(context, path)
      },
    }),
  }
}

function ambiguousProvider(keyId: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `providers: more than one accepts the key id ${keyId}`,
    why: 'Which of them serves the key would depend on their order, and the wrong one cannot unwrap what the other wrapped.',
    fix: 'Use key ids that only one provider accepts (for AWS: ARNs, whose region tells them apart), or pass one provider.',
  })
}

function noProvider(keyId: string, name: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `providers: none serves the key id ${keyId}, expected a provider named ${name}`,
    why: 'The given provider of that name does not accept this key id (another region?), or there is none.',
    fix: `Pass a ${name} provider that accepts the key id, or change the key id.`,
  })
}
