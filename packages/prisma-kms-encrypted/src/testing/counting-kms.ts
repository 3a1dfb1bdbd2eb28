/** Wraps a provider so that a test sees how it is called and can make it slow or faulty. */
import { setTimeout as sleepFor } from 'node:timers/promises'
import { kmsFailure } from '../kms/failure.js'
import type { KmsCall, KmsProvider, Outcome, UnwrapItem, WrapItem } from '../kms/provider.js'

type CountedOperation = 'wrap' | 'unwrap' | 'rewrap'

/** Calls made, and items in them. */
export interface KmsCounts {
  readonly calls: number
  readonly items: number
}

/** One item on its way to the provider. */
export interface FaultRequest {
  readonly operation: CountedOperation
  readonly keyId: string
  readonly item: WrapItem | UnwrapItem
  /** Position in the batch, from 0. */
  readonly index: number
  /** Number of this call among all counted calls, from 1. */
  readonly call: number
}

/** Options of {@link countingKms}. */
export interface CountingKmsOptions {
  /** Milliseconds every call takes in addition. */
  readonly latencyMs?: number
  /**
   * Called for every item: an error that it returns becomes the item's outcome, without the item being passed on;
   * what it throws rejects the whole call.
   */
  readonly fault?: (request: FaultRequest) => Error | undefined
  /** Replaces the timer, for tests with a fake clock. */
  readonly sleep?: (ms: number) => Promise<unknown>
}

/** A provider that counts. `latencyMs` and `fault` may be changed between calls. */
export interface CountingKms extends KmsProvider {
  readonly counts: { readonly [operation in CountedOperation]: KmsCounts }
  /** Calls of all operations together. */
  readonly totalCalls: number
  /** The calls in the order they were made. */
  readonly log: readonly {
    readonly operation: CountedOperation
    readonly keyId: string
    readonly items: number
  }[]
  latencyMs: number
  fault: ((request: FaultRequest) => Error | undefined) | undefined
  /** Forgets all counts; latency and fault stay. */
  reset(): void
}

/** Wraps `provider`; it behaves the same except for what the options inject. */
export function countingKms(provider: KmsProvider, options: CountingKmsOptions = {}): CountingKms {
  const { sleep = sleepFor } = options
  let log: { operation: CountedOperation; keyId: string; items: number }[] = []

  const run = async <Item extends WrapItem | UnwrapItem>(
    operation: CountedOperation,
    keyId: string,
    items: readonly Item[],
    { signal }: KmsCall,
    pass: (items: readonly Item[]) => Promise<readonly Outcome<Uint8Array>[]>,
  ): Promise<readonly Outcome<Uint8Array>[]> => {
    log.push({ operation, keyId, items: items.length })
    const number = log.length
    if (counting.latencyMs > 0) await sleep(counting.latencyMs)
    // The caller has gone while we slept; a client library would not have sent the request either.
    if (signal?.aborted === true)
      throw kmsFailure('KMS_ABORTED', { provider: provider.name, keyId, operation })
    const faults = items.map((item, index) =>
      counting.fault?.({ operation, keyId, item, index, call: number }),
    )
    const healthy = items.filter((_, index) => faults[index] === undefined)
    const outcomes = (healthy.length === 0 && items.length > 0 ? [] : await pass(healthy))[Symbol.iterator]()
    return faults.map((error): Outcome<Uint8Array> => {
      if (error !== undefined) return { ok: false, error }
      const next = outcomes.next()
      if (next.done === true) throw new Error('countingKms: the provider answered fewer outcomes than items')
      return next.value
    })
  }
  const countOf = (operation: CountedOperation): KmsCounts => {
    const calls = log.filter((entry) => entry.operation === operation)
    return { calls: calls.length, items: calls.reduce((sum, { items }) => sum + items, 0) }
  }

  const counting: CountingKms = {
    name: provider.name,
    accepts: (keyId) => provider.accepts(keyId),
    wrap: (keyId, items, call) =>
      run('wrap', keyId, items, call, (passed) => provider.wrap(keyId, passed, call)),
    unwrap: (keyId, items, call) =>
      run('unwrap', keyId, items, call, (passed) => provider.unwrap(keyId, passed, call)),
    ...(provider.rewrap && {
      rewrap: (keyId, items, call) =>
        run(
          'rewrap',
          keyId,
          items,
          call,
          (passed) => provider.rewrap?.(keyId, passed, call) ?? Promise.resolve([]),
        ),
    }),
    ...(provider.describeKey && { describeKey: provider.describeKey.bind(provider) }),
    ...(provider.contextHash && { contextHash: provider.contextHash.bind(provider) }),
    get counts() {
      return { wrap: countOf('wrap'), unwrap: countOf('unwrap'), rewrap: countOf('rewrap') }
    },
    get totalCalls() {
      return log.length
    },
    get log() {
      return log
    },
    latencyMs: options.latencyMs ?? 0,
    fault: options.fault,
    reset() {
      log = []
    },
  }
  return counting
}
