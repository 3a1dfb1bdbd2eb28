/**
 * Turns passing failures of a key service into later successes: again, with full jitter, until one deadline over all.
 * Not a library's policy, because those retry a call as a whole: here only the failed items of a batch go again.
 */
import { isKmsEncryptedError } from '../errors.js'
import { withinCall } from './call.js'
import { decorateProvider } from './decorate.js'
import { isRetryable, kmsFailure } from './failure.js'
import { failed } from './outcome.js'
import type { BatchRequest, SendBatch } from './decorate.js'
import { callWithin } from './interruption.js'
import type { KmsProvider, Outcome, UnwrapItem, WrapItem } from './provider.js'
import { systemTiming } from './timing.js'
import type { Timing } from './timing.js'

/** Milliseconds that a provider has to answer after its deadline. */
const graceMs = 100

/** Items that share one deadline: even a healthy service needs longer than it for a large enough result. */
const itemsPerDeadline = 1_000

/** Options of {@link withRetry}. Times in milliseconds. */
export interface RetryOptions {
  /** Time for all attempts together, for each 1,000 items, unless the call's own deadline comes first; 10,000. */
  readonly timeoutMs?: number
  /** Upper bound of the first delay; it doubles with every attempt; 50. */
  readonly baseMs?: number
  /** The same after throttling; 500. */
  readonly throttleBaseMs?: number
  /** No delay is longer; 1,000: quotas of key services count by the second, so waiting longer gains nothing. */
  readonly capMs?: number
  readonly timing?: Timing
  /** Told of each further attempt, for logs and metrics. */
  readonly onRetry?: (retry: RetryEvent) => void
}

/** One further attempt that is about to be made. */
export interface RetryEvent {
  readonly provider: string
  readonly keyId: string
  readonly operation: 'wrap' | 'unwrap' | 'rewrap'
  /** Number of the attempt that failed, from 1. */
  readonly attempt: number
  readonly delayMs: number
  /** Items that go again. */
  readonly items: number
  readonly code: string
}

/**
 * Retries throttling, timeouts, outages and damaged answers, per item; refusals never.
 * When time is up, the last failure of each item stands. "Full jitter" as in the AWS Architecture Blog,
 * "Exponential Backoff and Jitter": each delay is uniform between 0 and its bound.
 */
export function withRetry(provider: KmsProvider, options: RetryOptions = {}): KmsProvider {
  const { timeoutMs = 10_000, baseMs = 50, throttleBaseMs = 500, capMs = 1_000 } = options
  const { timing = systemTiming, onRetry } = options

  const sendUntilDeadline = async <Item extends WrapItem | UnwrapItem>(
    request: BatchRequest<Item>,
    send: SendBatch<Item>,
  ): Promise<readonly Outcome<Uint8Array>[]> => {
    const { items, call } = request
    const deadlineMs = Math.min(call.deadlineMs ?? Infinity, timing.now() + timeoutMs)
    const answered = await sendOnce(request, send, deadlineMs, timing)
    const isFinal = answered.length === items.length && !answered.some(isPassingFailure)
    return isFinal ? answered : sendFailedAgain(request, send, deadlineMs, answered)
  }

  /** @param answered what the first attempt gave, some of it passing failures */
  const sendFailedAgain = async <Item extends WrapItem | UnwrapItem>(
    request: BatchRequest<Item>,
    send: SendBatch<Item>,
    deadlineMs: number,
    answered: readonly Outcome<Uint8Array>[],
  ): Promise<readonly Outcome<Uint8Array>[]> => {
    const { place, items, call } = request
    const outcomes: Outcome<Uint8Array>[] = [] // the first attempt fills it
    let pending = items.map((_, index) => index)
    for (let attempt = 1; ; attempt += 1) {
      pending.forEach((index, position) => {
        const answer = answered[position] ?? failed(kmsFailure('KMS_INVALID_RESPONSE', place))
        // Once time is up, what the service said before tells more than that time is up.
        const earlier = outcomes[index]
        const keepsEarlier =
          attempt > 1 && !answer.ok && isTimeout(answer.error) && timing.now() >= deadlineMs
        outcomes[index] = keepsEarlier && earlier !== undefined ? earlier : answer
      })
      const errors = new Map<number, Error>()
      for (const index of pending) {
        const outcome = outcomes[index]
        if (outcome?.ok === false && isRetryable(outcome.error)) errors.set(index, outcome.error)
      }
      pending = [...errors.keys()]
      const [firstError] = errors.values()
      if (firstError === undefined) return outcomes

      const throttled = [...errors.values()].some((error) => isKmsEncryptedError(error, 'KMS_THROTTLED'))
      const boundMs = Math.min(capMs, (throttled ? throttleBaseMs : baseMs) * 2 ** (attempt - 1))
      const delayMs = timing.random() * boundMs
      if (timing.now() + delayMs >= deadlineMs) return outcomes
      const code = isKmsEncryptedError(firstError) ? firstError.code : 'KMS_UNAVAILABLE'
      onRetry?.({ ...place, attempt, delayMs, items: pending.length, code })
      await withinCall(call, place, ({ signal }) => timing.sleep(delayMs, signal), { deadlineMs, timing })
      const again = pending.flatMap((index) => items.slice(index, index + 1))
      answered = await sendOnce({ ...request, items: again }, send, deadlineMs, timing)
    }
  }

  const sendInParts = async <Item extends WrapItem | UnwrapItem>(
    request: BatchRequest<Item>,
    send: SendBatch<Item>,
  ): Promise<readonly Outcome<Uint8Array>[]> => {
    const { items } = request
    const outcomes: Outcome<Uint8Array>[] = []
    while (outcomes.length < items.length) {
      const part = items.slice(outcomes.length, outcomes.length + itemsPerDeadline)
      const answers = await sendUntilDeadline({ ...request, items: part }, send)
      outcomes.push(...answers)
      // A service that is down must not be waited for as often as there are parts.
      const lastError = answers.every(isPassingFailure) ? answers[0] : undefined
      if (lastError) outcomes.push(...items.slice(outcomes.length).map(() => lastError))
    }
    return outcomes
  }

  return decorateProvider(provider, (request, send) =>
    request.items.length <= itemsPerDeadline ? sendUntilDeadline(request, send) : sendInParts(request, send),
  )
}

/** One attempt. A call that fails as a whole in a passing way is an outcome of each of its items. */
async function sendOnce<Item extends WrapItem | UnwrapItem>(
  { place, items, call }: BatchRequest<Item>,
  send: SendBatch<Item>,
  deadlineMs: number,
  timing: Timing,
): Promise<readonly Outcome<Uint8Array>[]> {
  try {
    // A provider answers per item when time is up; only one that does not is cut off, with all its items.
    const within = { deadlineMs: deadlineMs + graceMs, timing }
    return await withinCall(call, place, (by) => send(items, callWithin(by, deadlineMs)), within)
  } catch (error) {
    // A foreign error is a fault of the provider, which asking again does not mend; it may hold a request.
    if (!isKmsEncryptedError(error)) throw kmsFailure('KMS_UNAVAILABLE', place)
    if (!isRetryable(error)) throw error
    return items.map(() => failed(error))
  }
}

/** A provider of the application may give nothing in the place of an answer. */
function isPassingFailure(outcome: Outcome<Uint8Array> | undefined): boolean {
  return !outcome || (!outcome.ok && isRetryable(outcome.error))
}

function isTimeout(error: Error): boolean {
  return isKmsEncryptedError(error, 'KMS_TIMEOUT')
}
