/** Turns a call's abort signal and deadline into `KMS_ABORTED` and `KMS_TIMEOUT`, whatever the client library does. */
import { kmsFailure } from './failure.js'
import type { KmsFailurePlace } from './failure.js'
import { Interruption, isAborted, onAbort } from './interruption.js'
import type { KmsCall } from './provider.js'
import { runAfter, systemTiming } from './timing.js'
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
  if (isAborted(call)) throw kmsFailure('KMS_ABORTED', place)
  if (call.deadlineMs !== undefined && now() >= call.deadlineMs) throw kmsFailure('KMS_TIMEOUT', place)
}

/** Node's timers fire at once when asked for more (`setTimeout`, Node.js documentation); such deadlines need none. */
const maxTimerMs = 2 ** 31 - 1

/** A call that is under way, watched for its abort and its deadline. */
export interface OpenCall {
  /** Tells when the call is over early; its signal is for client libraries that can drop a request. */
  readonly interruption: Interruption
  /** Gives what `pending` gives, unless the call is over first: then `KMS_ABORTED` or `KMS_TIMEOUT`. */
  race<T>(pending: Promise<T>): Promise<T>
  /** Must be called at the end, or the timer stays. */
  close(): void
}

/**
 * Starts to watch a call.
 * @throws KMS_ABORTED when the caller has aborted already
 * @throws KMS_TIMEOUT when the deadline has passed already
 */
export function openCall(call: KmsCall, place: KmsFailurePlace, timing: Timing = systemTiming): OpenCall {
  checkCall(call, place, timing.now)
  const interruption = new Interruption()
  const waiting = new Set<(error: Error) => void>()
  let failure: Error | undefined
  const end = (code: 'KMS_ABORTED' | 'KMS_TIMEOUT'): void => {
    if (failure) return
    failure = kmsFailure(code, place)
    for (const reject of waiting) reject(failure)
    interruption.end()
  }
  const stopListening = onAbort(call, () => {
    end('KMS_ABORTED')
  })
  const remainingMs = (call.deadlineMs ?? Infinity) - timing.now()
  const stopTimer =
    remainingMs <= maxTimerMs
      ? runAfter(timing, remainingMs, () => {
          end('KMS_TIMEOUT')
        })
      : null
  if (!stopListening && !stopTimer)
    return { interruption, race: (pending) => pending, close: () => undefined }
  return {
    interruption,
    race(pending) {
      if (failure) return Promise.race([pending, Promise.reject(failure)])
      return new Promise((resolve, reject) => {
        waiting.add(reject)
        pending.then(
          (value) => {
            waiting.delete(reject)
            resolve(value)
          },
          (error: unknown) => {
            waiting.delete(reject)
            // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on, whatever it is
            reject(error)
          },
        )
      })
    },
    close() {
      stopListening?.()
      stopTimer?.()
    },
  }
}

/**
 * Runs `action` and stops waiting for it when the call is over, even if the library below does not.
 * @throws KMS_ABORTED
 * @throws KMS_TIMEOUT
 */
export async function withinCall<T>(
  call: KmsCall,
  place: KmsFailurePlace,
  action: (interruption: Interruption) => Promise<T>,
  timing: Timing = systemTiming,
): Promise<T> {
  const opened = openCall(call, place, timing)
  try {
    return await opened.race(action(opened.interruption))
  } finally {
    opened.close()
  }
}
