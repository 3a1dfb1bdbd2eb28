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

/** Where our own layers find what ends a call, without asking for its signal. */
const interruptionOf = Symbol('interruption')

interface InterruptibleCall extends KmsCall {
  readonly [interruptionOf]?: Interruption
}

/** A call that is over when `interruption` says so. */
export function callWithin(interruption: Interruption, deadlineMs?: number): KmsCall {
  const call: KmsCall = {
    get signal() {
      return interruption.signal
    },
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  }
  // Not enumerable: a copy that somebody gives a signal of its own must be ended by that signal.
  return Object.defineProperty(call, interruptionOf, { value: interruption })
}

/** What ends a call that one of our own layers made; that layer stops waiting when it does. */
export function interruptionIn(call: InterruptibleCall): Interruption | undefined {
  return call[interruptionOf]
}

/** Whether who makes the call has given it up. */
export function isAborted(call: InterruptibleCall): boolean {
  const interruption = call[interruptionOf]
  return interruption ? interruption.isOver : call.signal?.aborted === true
}

/**
 * Listens for the abort of a call.
 * @returns what stops listening; `null` when the call cannot be aborted
 */
export function onAbort(call: InterruptibleCall, listener: () => void): (() => void) | null {
  const interruption = call[interruptionOf]
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
