/** Turns an `upsert` into the create or the update that it comes to, and starts again when another writer was faster. */
import { isArgs, without, type Args } from '../records/arguments.js'
import { writeConflict } from './conflicts.js'
import { sendCreate } from './create.js'
import { sendWithLateKeys } from './late-records.js'
import { refuseBatch } from './atomically.js'
import { sealNewRecords } from './new-records.js'
import { sendOn, type Operation, type SentResult } from './operation.js'
import { delegateOf, isPrismaError } from './prisma-internals.js'
import { unwrapResultKeys } from './result-keys.js'
import { sendUpdate } from './update.js'

const maxAttempts = 10

/** Sends an `upsert`. One whose update side seals nothing is left to Prisma, with the create side sealed. */
export async function sendUpsert(operation: Operation): Promise<SentResult> {
  const { plan } = operation
  if (!plan.changed && plan.nested.length === 0) {
    const late = await sealNewRecords(operation, plan.created)
    await unwrapResultKeys(operation)
    return late.length > 0 ? sendWithLateKeys(operation, late) : sendOn(operation)
  }
  refuseBatch(operation, 'this upsert')
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const exists = await findRecord(operation)
    try {
      return exists
        ? await sendUpdate(operation.again('update', updateArgs(plan.given)))
        : await behindSavepoint(operation, () =>
            sendCreate(operation.again('create', createArgs(plan.given))),
          )
    } catch (error) {
      const lost = isPrismaError(error, exists ? 'P2025' : 'P2002')
      // Lost only if the record has come or gone meanwhile; otherwise it is the caller's own error.
      if (!lost || (await findRecord(operation)) === exists) throw error
    }
  }
  throw writeConflict(operation)
}

async function findRecord({ plan, session }: Operation): Promise<boolean> {
  const select = Object.fromEntries(plan.model.definition.primaryKey.map((field) => [field, true]))
  const row = await delegateOf(session.client, plan.model.delegate).findUnique({
    where: plan.args['where'],
    select,
  })
  return row !== null
}

/** In the caller's transaction an error would end everything, so the insert that may meet another stands behind a savepoint. */
async function behindSavepoint<T>({ session }: Operation, work: () => Promise<T>): Promise<T> {
  if (!session.transaction) return work()
  const { client } = session
  await client.$executeRawUnsafe('SAVEPOINT prisma_kms_encrypted')
  try {
    const result = await work()
    await client.$executeRawUnsafe('RELEASE SAVEPOINT prisma_kms_encrypted')
    return result
  } catch (error) {
    if (isPrismaError(error, 'P2002')) {
      await client.$executeRawUnsafe('ROLLBACK TO SAVEPOINT prisma_kms_encrypted')
      await client.$executeRawUnsafe('RELEASE SAVEPOINT prisma_kms_encrypted')
    }
    throw error
  }
}

function updateArgs(given: Args): Args {
  const { update } = given
  return { ...without(given, 'create', 'update'), data: isArgs(update) ? update : {} }
}

function createArgs(given: Args): Args {
  return { ...without(given, 'where', 'create', 'update'), data: given['create'] }
}
