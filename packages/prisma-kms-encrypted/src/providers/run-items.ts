/** Turns a batch into bounded parallel requests, one per item, for services that have no batch operation. */
import type { LimitFunction } from 'p-limit'
import { isKmsEncryptedError } from '../errors.js'
import type { KmsEncryptedError } from '../errors.js'
import { checkCall, openCall } from '../kms/call.js'
import type { KmsFailurePlace } from '../kms/failure.js'
import { isAborted } from '../kms/interruption.js'
import { failed, succeeded } from '../kms/outcome.js'
import type { KmsCall, Outcome } from '../kms/provider.js'

/** One batch, and how it is sent. */
export interface ItemsRequest<Item> {
  readonly place: KmsFailurePlace
  readonly items: readonly Item[]
  readonly call: KmsCall
  /** Bounds the requests of all batches together. */
  readonly limit: LimitFunction
  /** Sends one item. The signal fires when the call is aborted or out of time. */
  readonly send: (item: Item, signal: AbortSignal) => Promise<Uint8Array>
  /** Turns what the client library threw into an error that shows nothing of the request. */
  readonly toFailure: (error: unknown) => KmsEncryptedError
}

/**
 * Sends every item. When time is up, what has been answered stays and the rest gives `KMS_TIMEOUT`.
 * @throws KMS_ABORTED
 * @throws KMS_TIMEOUT when the deadline had passed before
 */
export async function runItems<Item>(request: ItemsRequest<Item>): Promise<readonly Outcome<Uint8Array>[]> {
  const { place, items, call, limit, send, toFailure } = request
  const opened = openCall(call, place)
  const sendOne = async (item: Item): Promise<Outcome<Uint8Array>> => {
    try {
      checkCall(call, place)
      return succeeded(await opened.race(send(item, opened.interruption.signal)))
    } catch (error) {
      return failed(isKmsEncryptedError(error) ? error : toFailure(error))
    }
  }
  try {
    const outcomes = await Promise.all(items.map((item) => limit(sendOne, item)))
    if (isAborted(call)) checkCall(call, place)
    return outcomes
  } finally {
    opened.close()
  }
}
