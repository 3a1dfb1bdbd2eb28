/** Turns a call's abort signal and deadline into errors and into one signal for a client library. */
import { kmsFailure } from './failure.js'
import type { KmsFailurePlace } from './failure.js'
import type { KmsCall } from './provider.js'

/** Milliseconds since 1970; injected so that tests own the time. */
export type Clock = () => number

/**
 * Refuses to go on when the caller has aborted or the deadline has passed.
 * @throws KMS_ABORTED
 * @throws KMS_TIMEOUT
 */
export function checkCall(call: KmsCall, place: KmsFailurePlace, now: Clock = Date.now): void {
  if (call.signal?.aborted === true) throw kmsFailure('KMS_ABORTED', place)
  if (call.deadlineMs !== undefined && now() >= call.deadlineMs) throw kmsFailure('KMS_TIMEOUT', place)
}
