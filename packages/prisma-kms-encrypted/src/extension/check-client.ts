/** Checks, when extending, that the generated models describe this client and that the order of extensions is right. */
import { KmsEncryptedError } from '../errors.js'
import type { ModelDefinitions } from '../schema/model.js'
import type { InternalClient } from './prisma-internals.js'

/**
 * @throws KmsEncryptedError `MODELS_MISMATCH` when models or fields differ, `INVALID_CONFIGURATION` after a read-replica
 *   extension
 */
export function checkClient(client: InternalClient, definitions: ModelDefinitions): void {
  if ('$replica' in client) {
    throw new KmsEncryptedError({
      code: 'INVALID_CONFIGURATION',
      message: 'kmsEncrypted() was applied after a read-replica extension',
      why: 'That extension answers reads by itself, so they would never be decrypted.',
      fix: 'Extend with kmsEncrypted() first: new PrismaClient(…).$extends(kmsEncrypted(…)).$extends(readReplicas(…)).',
    })
  }
  const { models } = client._runtimeDataModel
  for (const [name, definition] of Object.entries(definitions)) {
    const found = models[name]
    if (!found) throw mismatch(`model ${name} is not in this client`)
    const expected = [...Object.keys(definition.scalars), ...Object.keys(definition.relations)]
    const actual = found.fields.map((field) => field.name)
    const missing = expected.filter((field) => !actual.includes(field))
    if (missing.length > 0) throw mismatch(`${name}.${missing.join(', ')} is not in this client`)
    const relations = found.fields.filter((field) => field.kind === 'object').map((field) => field.name)
    const unknown = actual.filter((field) => !expected.includes(field) && !relations.includes(field))
    if (unknown.length > 0) throw mismatch(`${name}.${unknown.join(', ')} is not in encryptedModels`)
  }
}

function mismatch(message: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'MODELS_MISMATCH',
    message: `encryptedModels and the Prisma client differ: ${message}`,
    why: 'With models of another schema, fields would be stored unencrypted or returned encrypted.',
    fix: 'Run prisma generate, and deploy the client and encryptedModels together.',
  })
}
