/** Turns a call's abort signal and deadline into `KMS_ABORTED` and `KMS_TIMEOUT`, whatever the client library does. */
import { kmsFailure } from './failure.js'
import type { KmsFailurePlace } from './failure.js'
import { Interruption, isAborted, onAbort } from './interruption.js'
import type { KmsCall } from './provider.js'
import { maxTimerMs, runAfter, systemTiming } from './timing.js'
import type { Timing } from './timing.js'

/**
 * Refuses to go on when the caller has aborted or the deadline has passed.
 * @param deadlineMs instead of the call's own
 * @throws KMS_ABORTED
 * @throws KMS_TIMEOUT
 */
export function checkCall(
  call: KmsCall,
  place: KmsFailurePlace,
  now: Timing['now'] = systemTiming.now,
  deadlineMs = call.deadlineMs,
): void {
  if (isAborted(call)) throw kmsFailure('KMS_ABORTED', place)
  if (deadlineMs !== undefined && now() >= deadlineMs) throw kmsFailure('KMS_TIMEOUT', place)
}

/** Told when a call is over before it was answered. */
type OnEnd = (failure: Error) => void

/**
 * Watches for a call's abort and its deadline.
 * @param deadlineMs instead of the call's own
 * @returns ends the watch, which must be called at the end, or the timer stays; `null`: nothing can end the call early
 */
function watchCall(
  call: KmsCall,
  place: KmsFailurePlace,
  deadlineMs: number | undefined,
  timing: Timing,
  onEnd: OnEnd,
): (() => void) | null {
  const stopListening = onAbort(call, () => {
    onEnd(kmsFailure('KMS_ABORTED', place))
  })
  const remainingMs = deadlineMs === undefined ? Infinity : deadlineMs - timing.now()
  if (remainingMs > maxTimerMs) return stopListening // no timer reaches so far, and nobody waits so long
  const stopTimer = runAfter(timing, remainingMs, () => {
    onEnd(kmsFailure('KMS_TIMEOUT', place))
  })
  if (!stopListening) return stopTimer
  return () => {
    stopListening()
    stopTimer()
  }
}

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
 * Starts to watch a call that makes several requests.
 * @throws KMS_ABORTED when the caller has aborted already
 * @throws KMS_TIMEOUT when the deadline has passed already
 */
export function openCall(call: KmsCall, place: KmsFailurePlace, timing: Timing = systemTiming): OpenCall {
  checkCall(call, place, timing.now)
  const interruption = new Interruption()
  const waiting = new Set<OnEnd>()
  let failure: Error | undefined
  const stop = watchCall(call, place, call.deadlineMs, timing, (early) => {
    if (failure) return
    failure = early
    for (const reject of waiting) reject(early)
    interruption.end()
  })
  if (!stop) return { interruption, race: (pending) => pending, close: () => undefined }
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
    close: stop,
  }
}

/** What {@link withinCall} may be told besides. */
export interface WithinCallOptions {
  /** Milliseconds since 1970, instead of the call's own deadline. */
  readonly deadlineMs?: number
  readonly timing?: Timing
}

/**
 * Runs `action` and stops waiting for it when the call is over, even if the library below does not.
 * @throws KMS_ABORTED
 * @throws KMS_TIMEOUT
 */
export function withinCall<T>(
  call: KmsCall,
  place: KmsFailurePlace,
  action: (interruption: Interruption) => Promise<T>,
  { deadlineMs = call.deadlineMs, timing = systemTiming }: WithinCallOptions = {},
): Promise<T> {
  return new Promise((resolve, reject) => {
    checkCall(call, place, timing.now, deadlineMs)
    const interruption = new Interruption()
    const stop = watchCall(call, place, deadlineMs, timing, (early) => {
      fail(early)
      interruption.end()
    })
    const fail = (error: unknown): void => {
      stop?.()
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- passed on, whatever it is
      reject(error)
    }
    try {
      action(interruption).then((value) => {
        stop?.()
        resolve(value)
      }, fail)
    } catch (error) {
      fail(error)
    }
  })
}
