/** Turns the concurrent calls of one turn of the event loop into one batch per operation and key id. */
import { withinCall } from './call.js'
import { validateContext } from './context.js'
import { decorateProvider } from './decorate.js'
import type { BatchRequest, SendBatch } from './decorate.js'
import { kmsFailure } from './failure.js'
import { callWithin, Interruption, interruptionIn } from './interruption.js'
import { attempt, failed } from './outcome.js'
import type { EncryptionContext, KmsCall, KmsProvider, Outcome, UnwrapItem, WrapItem } from './provider.js'
import { systemTiming } from './timing.js'
import type { Timing } from './timing.js'

/** Milliseconds that a batch has to answer after its deadline, where no layer around waits for it. */
const graceMs = 50

/** Options of {@link withCoalescing}. */
export interface CoalescingOptions {
  /** A batch with this many items is sent without waiting for more; 1,000. */
  readonly maxItems?: number
  /** Runs the dispatch once the calls of this turn are in; `setImmediate` by default. */
  readonly schedule?: (dispatch: () => void) => void
  readonly timing?: Timing
}

type Item = WrapItem | UnwrapItem
type Outcomes = readonly Outcome<Uint8Array>[]

/** One caller's part in a batch. */
interface Participant {
  readonly items: readonly Item[]
  readonly call: KmsCall
  /** Tells when the caller stops waiting. */
  readonly interruption: Interruption
  readonly settle: (result: Outcomes | Promise<Outcomes>) => void
}

interface Batch {
  readonly place: BatchRequest<Item>['place']
  readonly send: SendBatch<Item>
  readonly participants: Participant[]
  /** Items of all participants. */
  items: number
}

/**
 * Joins concurrent calls into batches. Equal unwraps are sent once, and each caller gets its own copy; wraps never
 * are, since two records must not share a wrapped key. A caller that aborts or runs out of time stops waiting alone;
 * the batch is aborted only when no caller is left.
 */
export function withCoalescing(provider: KmsProvider, options: CoalescingOptions = {}): KmsProvider {
  const { maxItems = 1_000, timing = systemTiming } = options
  const schedule = options.schedule ?? ((dispatch) => void setImmediate(dispatch))
  const collecting = new Map<string, Batch>()

  return decorateProvider(provider, ({ place, items, call }, send) => {
    if (items.length === 0) return send(items, call)
    const name = `${place.operation} ${place.keyId}`
    const close = (batch: Batch): void => {
      if (collecting.get(name) !== batch) return // it was full and has gone
      collecting.delete(name)
      dispatchBatch(batch)
    }
    const join = (interruption: Interruption): Promise<Outcomes> =>
      new Promise((settle) => {
        let batch = collecting.get(name)
        if (batch === undefined) {
          // The cast: all items under one name are of the type that belongs to its operation.
          const opened: Batch = { place, send: send as SendBatch<Item>, participants: [], items: 0 }
          batch = opened
          collecting.set(name, opened)
          schedule(() => {
            close(opened)
          })
        }
        batch.participants.push({ items, call, interruption, settle })
        batch.items += items.length
        if (batch.items >= maxItems) close(batch)
      })
    // A layer around, such as the retry, already watches the call, and stops waiting when it is over.
    const watched = interruptionIn(call)
    if (watched && !watched.isOver) return join(watched)
    // A provider answers item by item when time is up; what it still has to say is waited for.
    const deadlineMs = (call.deadlineMs ?? Infinity) + graceMs
    return withinCall(call, place, join, { deadlineMs, timing })
  })
}

function dispatchBatch({ place, send, participants }: Batch): void {
  // Async, and with a list of its own: nobody would catch here what a provider throws at once or gives instead of a list.
  const ask = async (items: readonly Item[], call: KmsCall): Promise<Outcomes> => [
    ...(await send(items, call)),
  ]
  const present = participants.filter(({ interruption }) => !interruption.isOver)
  const [only] = present
  if (!only) return
  // Wraps are never joined, so those of one caller are sent as they came.
  if (present.length === 1 && place.operation === 'wrap') {
    only.settle(ask(only.items, callWithin(only.interruption, only.call.deadlineMs)))
    return
  }
  const abandoned = new Interruption()
  for (const { interruption } of present) {
    interruption.listen(() => {
      if (present.every((participant) => participant.interruption.isOver)) abandoned.end()
    })
  }
  const deadlineMs = Math.max(...present.map(({ call }) => call.deadlineMs ?? Infinity))
  const { distinct, positions } = indexItems(present, place)
  const call = callWithin(abandoned, deadlineMs === Infinity ? undefined : deadlineMs)

  // What is rejected stays as it is, and so does an answer that is no list of outcomes: the retry around judges both.
  const answering = ask(distinct, call).then((outcomes) => distributeOutcomes(outcomes, positions, place))
  present.forEach(({ settle }, index) => {
    settle(answering.then((results) => results[index] ?? []))
  })
}

/** Where an item is in the batch that is sent, or why it is not in it. */
type Position = number | Error

/** The batch to send, and for each participant the positions of its items in it. */
function indexItems(
  participants: readonly Participant[],
  place: Batch['place'],
): { readonly distinct: readonly Item[]; readonly positions: readonly (readonly Position[])[] } {
  const distinct: Item[] = []
  const byCiphertext = new Map<string, number[]>()
  const indexItem = (item: Item): Position => {
    if (place.operation !== 'unwrap' || !('ciphertext' in item)) return distinct.push(item) - 1
    const { ciphertext, context, holds } = item
    const usable = attempt(place, () => {
      validateContext(context)
    })
    if (!usable.ok) return usable.error
    const text = Buffer.from(ciphertext.buffer, ciphertext.byteOffset, ciphertext.byteLength).toString(
      'latin1',
    )
    const alike = byCiphertext.get(text)
    const twin = alike?.find((position) => {
      const other = distinct[position]
      // A value of any length must not be handed out as a data key.
      const isAlike = other !== undefined && 'ciphertext' in other && other.holds === holds
      return isAlike && isSameContext(other.context, context)
    })
    if (twin !== undefined) return twin
    const position = distinct.push(item) - 1
    if (alike) alike.push(position)
    else byCiphertext.set(text, [position])
    return position
  }
  return { distinct, positions: participants.map(({ items }) => items.map(indexItem)) }
}

function isSameContext(one: EncryptionContext, other: EncryptionContext): boolean {
  const pairs = Object.entries(one)
  return (
    pairs.length === Object.keys(other).length &&
    pairs.every(([name, value]) => Object.hasOwn(other, name) && other[name] === value)
  )
}

/** Gives every taker bytes of its own and zeroes those that were only copied. */
function distributeOutcomes(
  outcomes: Outcomes,
  positions: readonly (readonly Position[])[],
  place: Batch['place'],
): readonly Outcomes[] {
  const takers = new Map<Position, number>()
  for (const position of positions.flat()) takers.set(position, (takers.get(position) ?? 0) + 1)
  const isShared = (position: Position): boolean => (takers.get(position) ?? 0) > 1

  const results = positions.map((own) =>
    own.map((position): Outcome<Uint8Array> => {
      if (position instanceof Error) return failed(position)
      const outcome = outcomes[position]
      if (outcome === undefined) return failed(kmsFailure('KMS_INVALID_RESPONSE', place))
      return outcome.ok && isShared(position)
        ? { ...outcome, value: Uint8Array.from(outcome.value) }
        : outcome
    }),
  )
  for (const position of takers.keys()) {
    const outcome = position instanceof Error ? undefined : outcomes[position]
    if (outcome?.ok === true && isShared(position)) outcome.value.fill(0)
  }
  return results
}
