/** The table of default providers: what serves a key id when the configuration names no provider for it. */
import { KmsEncryptedError } from '../errors.js'
import type { DefaultProviders } from '../kms/registry.js'
import { refuseInProduction } from './test.js'

/**
 * Default providers, configured by the environment and imported on first use.
 * @param environment where `KMS_LOCAL_KEY` is read from; each provider's own variables are read by its SDK
 */
export function defaultProviders(
  environment: { readonly [name: string]: string | undefined } = process.env,
): DefaultProviders {
  return {
    aws: {
      offers: ['rewrap', 'describeKey'],
      load: async () => (await import('./aws.js')).awsKms(),
    },
    gcp: {
      offers: ['describeKey'],
      load: async () => (await import('./gcp.js')).gcpKms(),
    },
    vault: {
      offers: ['rewrap', 'describeKey', 'contextHash'],
      load: async () => (await import('./vault.js')).vaultTransit(),
    },
    local: {
      offers: ['rewrap', 'describeKey'],
      check: () => {
        requireLocalKey(environment)
      },
      load: async () => {
        const { localKms } = await import('./local.js')
        return localKms({ key: requireLocalKey(environment) })
      },
    },
    test: {
      offers: ['rewrap'],
      check: refuseInProduction,
      load: async () => {
        const { insecureTestKms } = await import('./test.js')
        return insecureTestKms()
      },
    },
  }
}

function requireLocalKey(environment: { readonly [name: string]: string | undefined }): string {
  const key = environment['KMS_LOCAL_KEY']
  if (key !== undefined && key !== '') return key
  throw new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: 'A key id local/<name> is configured, but there is no key material for it',
    why: 'Neither a localKms() provider nor the environment variable KMS_LOCAL_KEY was given.',
    fix: 'Set KMS_LOCAL_KEY to the output of generateLocalKey(), or pass providers: [localKms({ keys: { <name>: … } })].',
  })
}
