/** Turns a call's abort signal and deadline into `KMS_ABORTED` and `KMS_TIMEOUT`, whatever the client library does. */
import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events'
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

/** Node's timers fire at once when asked for more (`setTimeout`, Node.js documentation); such deadlines need none. */
const maxTimerMs = 2 ** 31 - 1

/** Given to what still waits when a call is closed; one for all, since each error would cost a stack trace. */
const closed = new Error('the call is over')

/** A call that is under way, watched for its abort and its deadline. */
export interface OpenCall {
  /** Fires when the call is over early; for client libraries that can drop a request. */
  readonly signal: AbortSignal
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
  const over = new AbortController()
  allowListeners(over.signal)
  if (call.signal === undefined && call.deadlineMs === undefined) {
    return { signal: over.signal, race: (pending) => pending, close: () => undefined }
  }
  const done = new AbortController()
  let reject: (error: Error) => void = () => undefined
  const interrupted = new Promise<never>((_, rejectWith) => {
    reject = rejectWith
  })
  interrupted.catch(() => undefined) // it may lose every race, and then nobody listens
  const end = (code: 'KMS_ABORTED' | 'KMS_TIMEOUT'): void => {
    reject(kmsFailure(code, place))
    over.abort()
  }
  if (call.signal !== undefined) {
    allowListeners(call.signal)
    const abort = (): void => {
      end('KMS_ABORTED')
    }
    call.signal.addEventListener('abort', abort, { signal: done.signal })
  }
  const remainingMs = (call.deadlineMs ?? Infinity) - timing.now()
  if (remainingMs <= maxTimerMs) {
    timing.sleep(remainingMs, done.signal).then(
      () => {
        end('KMS_TIMEOUT')
      },
      () => undefined,
    )
  }
  return {
    signal: over.signal,
    race: (pending) => Promise.race([pending, interrupted]),
    close: () => {
      done.abort(closed)
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
  action: (signal: AbortSignal) => Promise<T>,
  timing: Timing = systemTiming,
): Promise<T> {
  const opened = openCall(call, place, timing)
  try {
    return await opened.race(action(opened.signal))
  } finally {
    opened.close()
  }
}

/** One signal may serve hundreds of concurrent requests; that is no leak, so Node must not warn of one. */
function allowListeners(signal: AbortSignal): void {
  if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(10_000, signal)
}
