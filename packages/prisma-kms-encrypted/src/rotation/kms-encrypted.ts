/** `kmsEncrypted(config)`: the extension, together with what its models can do besides Prisma's operations. */
import type { KmsEncryptedConfig, KnownKeys } from '../extension/configuration.js'
import { extendClient } from '../extension/extension.js'
import type { KeyName, ModelDefinitions } from '../schema/model.js'
import { modelMethods } from './model-methods.js'

/**
 * Encrypts the marked fields before they are stored and decrypts them in results.
 *
 * @example
 * const prisma = new PrismaClient({ adapter }).$extends(kmsEncrypted({ models: encryptedModels }))
 *
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`, `UNKNOWN_KEY_ID` at once; `MODELS_MISMATCH` when extending
 */
export function kmsEncrypted<const M extends ModelDefinitions, K extends string = KeyName<M>>(
  config: KmsEncryptedConfig<M, K> & KnownKeys<M, K>,
) {
  const extension = extendClient(config)
  // In a step of its own: Prisma infers exact types only from methods that it sees as they are, not through a parameter.
  return (client: Parameters<typeof extension>[0]) =>
    extension(client).$extends({
      name: 'prisma-kms-encrypted models',
      model: { $allModels: modelMethods },
    })
}
