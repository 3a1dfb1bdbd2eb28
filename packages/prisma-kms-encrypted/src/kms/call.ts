/** Turns a call's abort signal and deadline into `KMS_ABORTED` and `KMS_TIMEOUT`, whatever the client library does. */
import { kmsFailure } from './failure.js'
import type { KmsFailurePlace } from './failure.js'
import type { KmsCall } from './provider.js'
import { systemTiming } from './timing.js'
import type { Timing } from './timing.js'

/**
 * Refuses to go on when the caller has aborted or the deadline has passed.
 * @throws KMS_ABORTED
 * @throws KMS_TIMEOUT
 */
export function checkCall(
  call: KmsCall,
  place: KmsFailurePlace,
  now: Timing['now'] = systemTiming.now,
): void {
  if (call.signal?.aborted === true) throw kmsFailure('KMS_ABORTED', place)
  if (call.deadlineMs !== undefined && now() >= call.deadlineMs) throw kmsFailure('KMS_TIMEOUT', place)
}

/**
 * Runs `action` and stops waiting for it when the call is over. What it is given fires at that moment too, so that
 * a client library can drop its request; the wait ends even if the library does not.
 * @throws KMS_ABORTED
 * @throws KMS_TIMEOUT
 */
export async function withinCall<T>(
  call: KmsCall,
  place: KmsFailurePlace,
  action: (signal: AbortSignal) => Promise<T>,
  timing: Timing = systemTiming,
): Promise<T> {
  checkCall(call, place, timing.now)
  if (call.signal === undefined && call.deadlineMs === undefined) return action(new AbortController().signal)
  const over = new AbortController()
  const done = new AbortController()
  let reject: (error: Error) => void = () => undefined
  const interrupted = new Promise<never>((_, rejectWith) => {
    reject = rejectWith
  })
  interrupted.catch(() => undefined) // it may lose the race, and then nobody listens
  const end = (code: 'KMS_ABORTED' | 'KMS_TIMEOUT'): void => {
    reject(kmsFailure(code, place))
    over.abort()
  }
  call.signal?.addEventListener(
    'abort',
    () => {
      end('KMS_ABORTED')
    },
    { signal: done.signal },
  )
  if (call.deadlineMs !== undefined) {
    timing.sleep(call.deadlineMs - timing.now(), done.signal).then(
      () => {
        end('KMS_TIMEOUT')
      },
      () => undefined,
    )
  }
  try {
    return await Promise.race([action(over.signal), interrupted])
  } finally {
    done.abort()
  }
}
