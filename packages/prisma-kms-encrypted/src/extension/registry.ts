/** Finds the runtime behind a delegate such as `prisma.user`, for the functions that stand beside the extension. */
import { KmsEncryptedError } from '../errors.js'
import { delegateName, type RecordModel } from '../records/models.js'
import { internalClient } from './prisma-internals.js'
import type { Runtime } from './runtime.js'

/** The member that the extension adds to every delegate, untyped. */
export const runtimeMember = '$kmsEncryptedRuntime'

/**
 * The runtime and the model of a delegate.
 * @throws KmsEncryptedError `INVALID_CONFIGURATION` when its client is not extended or the model has no encrypted fields
 */
export function runtimeOf(
  delegate: unknown,
  caller: string,
): { readonly runtime: Runtime; readonly model: RecordModel } {
  const members = (typeof delegate === 'object' && delegate !== null ? delegate : {}) as Record<
    string,
    unknown
  >
  const runtime = members[runtimeMember] as Runtime | undefined // nobody else uses this name
  if (!runtime) {
    throw refused(
      `${caller}: this is no delegate of a client extended by kmsEncrypted()`,
      'The keys and models are part of the extension’s configuration.',
      'Pass prisma.user, or another model, of the client that $extends(kmsEncrypted(…)) returned.',
    )
  }
  const name = String(members['$name'])
  // Prisma takes `$extends` away from the clients of transactions.
  if (typeof (members['$parent'] as { $extends?: unknown }).$extends !== 'function') {
    throw refused(
      `${caller}: ${name} belongs to a transaction`,
      'It commits what it has done step by step, on connections of its own, and would wait for the locks of the transaction.',
      'Pass the model of the client itself, outside transactions.',
    )
  }
  const model = runtime.models.get(name)
  if (model?.encrypted) return { runtime, model }
  throw refused(
    `${caller}: ${name} has no encrypted fields`,
    'There is no data key to act on.',
    'Pass an encrypted model.',
  )
}

/**
 * The runtime of an extended client.
 * @throws KmsEncryptedError `INVALID_CONFIGURATION` when it is not extended by kmsEncrypted(), or no client at all
 */
export function runtimeOfClient(client: unknown, caller: string): Runtime {
  if (typeof client === 'object' && client !== null && '_runtimeDataModel' in client) {
    const internal = internalClient(client)
    for (const model of Object.keys(internal._runtimeDataModel.models)) {
      const delegate = internal[delegateName(model)] as Readonly<Record<string, unknown>> | undefined
      const runtime = delegate?.[runtimeMember] as Runtime | undefined // nobody else uses this name
      if (runtime) return runtime
    }
  }
  throw refused(
    `${caller}: client is no Prisma client extended by kmsEncrypted()`,
    'The keys and models are part of the extension’s configuration.',
    'Give the client that $extends(kmsEncrypted(…)) returned, or a function that returns it.',
  )
}

function refused(message: string, why: string, fix: string): KmsEncryptedError {
  return new KmsEncryptedError({ code: 'INVALID_CONFIGURATION', message, why, fix })
}
