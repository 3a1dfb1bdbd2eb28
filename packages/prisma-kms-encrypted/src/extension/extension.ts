/** Turns the configuration into a Prisma client extension: every operation runs through here. */
import { Prisma } from '@prisma/client/extension'

import { isArgs } from '../records/arguments.js'
import { createRecordModels } from '../records/models.js'
import type { EncryptedModelName, KeyName, ModelDefinitions } from '../schema/model.js'
import { checkClient } from './check-client.js'
import type { KmsEncryptedConfig, KnownKeys } from './configuration.js'
import {
  baseClient,
  internalClient,
  type InternalParams,
  type TransactionOptions,
} from './prisma-internals.js'
import type { Query } from './operation.js'
import { runOperation } from './run-operation.js'
import { resolveConfiguration } from './resolve-configuration.js'
import { createRuntime } from './runtime.js'
import { checkMigratingDatabase } from './migrating.js'
import { createKmsClient } from './kms-client.js'
import { runtimeMember } from './registry.js'
import { runTransaction } from './transaction-override.js'

/**
 * The extension without the model methods of the floor above, such as `rotateAll()`.
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`, `UNKNOWN_KEY_ID` at once; `MODELS_MISMATCH` when extending
 */
export function extendClient<const M extends ModelDefinitions, K extends string = KeyName<M>>(
  config: KmsEncryptedConfig<M, K> & KnownKeys<M, K>,
) {
  const resolved = resolveConfiguration(config)
  const models = createRecordModels(resolved.models, resolved.keyFor, resolved)
  return Prisma.defineExtension((client) => {
    const parent = internalClient(client)
    checkClient(parent, resolved.models)
    checkMigratingDatabase(parent._activeProvider, resolved.models, resolved.stageOf)
    const runtime = createRuntime(baseClient(parent), resolved, models)
    const original = parent.$transaction
    return client.$extends({
      name: 'prisma-kms-encrypted',
      query: {
        $allModels: {
          $allOperations(request) {
            const { model: modelName, operation, args } = request
            // Prisma types the documented arguments only; `query` takes the internal parameters besides.
            const { __internalParams: params, query } = request as unknown as {
              __internalParams: InternalParams
              query: Query
            }
            const model = models.get(modelName)
            if (!model) return query(args, params)
            return runOperation(runtime, { model, operation, args: isArgs(args) ? args : {}, params, query })
          },
        },
      },
      // Untyped: only rotateAll() and its siblings look for it.
      model: { $allModels: { ...({ [runtimeMember]: runtime } as object) } },
      client: {
        /** Opens, seals and explains values outside Prisma's operations. */
        $kms: createKmsClient<EncryptedModelName<M>>(runtime),
        // Declared as nothing, so that Prisma's own exact type of `$transaction` stays.
        ...({
          $transaction(this: unknown, work: unknown, options?: TransactionOptions) {
            const self = internalClient(Prisma.getExtensionContext(this))
            return runTransaction(runtime, original, self, work, options)
          },
        } as object),
      },
    })
  })
}
