/** Lets this process work while it waits for the database. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { types } from 'node:util'

/**
 * Does `work` while `pending` is on its way: statements leave the process at the end of the turn in which they are sent.
 * Where nothing has to be waited for, `work` begins at once.
 * @returns what both give
 * @throws what `pending` rejects with, otherwise what `work` does; not before both have come to their end
 */
export async function whileWaiting<Awaited, Done>(
  pending: Awaited | Promise<Awaited>,
  work: () => Promise<Done>,
): Promise<readonly [Awaited, Done]> {
  return types.isPromise(pending) ? besides(pending, work) : [pending, await work()]
}

async function besides<Awaited, Done>(
  pending: Promise<Awaited>,
  work: () => Promise<Done>,
): Promise<readonly [Awaited, Done]> {
  await Promise.race([pending, nextTurn()])
  const [awaited, done] = await Promise.allSettled([pending, work()])
  if (awaited.status === 'rejected') throw awaited.reason
  if (done.status === 'rejected') throw done.reason
  return [awaited.value, done.value]
}
