/** Makes extended clients on a test database, with counters for statements and KMS calls. */
import { kmsEncrypted } from '../../src/index.js'
import { createIndexKey } from '../../src/extension/index-key.js'
import { generateLocalKey, localKms } from '../../src/providers/local.js'
import { countingKms } from '../../src/testing/index.js'
import { encryptedModels } from '../generated/kms-encrypted.js'
import { createClient, type ClientOptions } from './client.js'

/** Key material shared by all clients of one test file, so that one reads what another wrote. */
export const localKeys = { app: generateLocalKey(), phone: generateLocalKey(), next: generateLocalKey() }

/** The keys of the fixture schema, in their plainest form. */
export const plainKeys = { default: { keyId: 'local/app' }, phone: { keyId: 'local/phone' } }

/** The wrapped index master key of all clients of one test file; under a provider whose calls are not counted. */
export const indexKey = {
  keyId: 'insecure-test-key',
  key: await createIndexKey({ keyId: 'insecure-test-key' }),
}

/** An un-extended client and the same one extended, with everything they did. */
export function createExtendedClient(
  options: ClientOptions,
  config: Omit<Parameters<typeof kmsEncrypted<typeof encryptedModels>>[0], 'models' | 'providers'> = {},
) {
  const { prisma: plain, queries } = createClient(options)
  const kms = countingKms(localKms({ keys: localKeys }))
  const prisma = plain.$extends(
    kmsEncrypted({ models: encryptedModels, providers: [kms], keys: plainKeys, indexKey, ...config }),
  )
  return { plain, prisma, queries, kms }
}
