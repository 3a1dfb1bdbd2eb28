/**
 * Turns the early end of a call into calls of who listens, and into an `AbortSignal` only for who asks for one: most calls
 * end well, most layers never ask, and a signal costs more than all else that a call needs.
 */
import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events'
import type { KmsCall } from './provider.js'

/** Whether a call is over before it was answered. */
export class Interruption {
  #listeners: Set<() => void> | undefined
  #controller: AbortController | undefined
  #isOver = false

  get isOver(): boolean {
    return this.#isOver
  }

  /** The same as a signal, made when it is first asked for. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      allowListeners(this.#controller.signal)
      if (this.#isOver) this.#controller.abort()
    }
    return this.#controller.signal
  }

  /** @returns what stops listening */
  listen(listener: () => void): () => void {
    const listeners = (this.#listeners ??= new Set())
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  /** Ends the call; once. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    const listeners = this.#listeners
    this.#listeners = undefined
    if (listeners) for (const listener of [...listeners]) listener()
    this.#controller?.abort()
  }
}

/** A call that is over when its interruption says so. Our own layers ask for that, not for the signal. */
class InterruptibleCall implements KmsCall {
  readonly #interruption: Interruption
  declare readonly signal: AbortSignal
  readonly deadlineMs?: number

  /** One getter for all calls: with one for each, V8 keeps every call as a dictionary, which is slow to make and to use. */
  static readonly #signal = {
    get(this: InterruptibleCall) {
      return this.#interruption.signal
    },
    enumerable: true,
  }

  constructor(interruption: Interruption, deadlineMs: number | undefined) {
    this.#interruption = interruption
    if (deadlineMs !== undefined) this.deadlineMs = deadlineMs
    // A property of its own, so that a copy of the call has the signal too.
    Object.defineProperty(this, 'signal', InterruptibleCall.#signal)
  }

  /** `undefined` for the calls of others, and for copies: one that is given a signal of its own must be ended by that. */
  static interruptionOf(call: KmsCall): Interruption | undefined {
    return #interruption in call ? call.#interruption : undefined
  }
}

/** A call that is over when `interruption` says so. */
export function callWithin(interruption: Interruption, deadlineMs?: number): KmsCall {
  return new InterruptibleCall(interruption, deadlineMs)
}

/** What ends a call that one of our own layers made; that layer stops waiting when it does. */
export function interruptionIn(call: KmsCall): Interruption | undefined {
  return InterruptibleCall.interruptionOf(call)
}

/** Whether who makes the call has given it up. */
export function isAborted(call: KmsCall): boolean {
  const interruption = interruptionIn(call)
  return interruption ? interruption.isOver : call.signal?.aborted === true
}

/**
 * Listens for the abort of a call.
 * @returns what stops listening; `null` when the call cannot be aborted
 */
export function onAbort(call: KmsCall, listener: () => void): (() => void) | null {
  const interruption = interruptionIn(call)
  if (interruption) return interruption.listen(listener)
  const { signal } = call
  if (signal === undefined) return null
  allowListeners(signal)
  signal.addEventListener('abort', listener, { once: true })
  return () => {
    signal.removeEventListener('abort', listener)
  }
}

/** One signal may serve hundreds of concurrent requests; that is no leak, so Node must not warn of one. */
function allowListeners(signal: AbortSignal): void {
  if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(10_000, signal)
}
