/** Turns concurrent unwraps of one wrapped key into one request, whose answer everybody who asked gets a copy of. */
import type { SendBatch } from './decorate.js'
import { kmsFailure } from './failure.js'
import type { KmsFailurePlace } from './failure.js'
import { failed } from './outcome.js'
import type { Outcome, UnwrapItem } from './provider.js'

/** An unwrap on its way. Each waiter copies the key; after the last one has, it is zeroed. */
interface Flight {
  readonly outcome: Promise<Outcome<Uint8Array>>
  waiters: number
}

/** The unwraps that are on their way. */
export interface Flights {
  /** Sends the items that nobody else is fetching; every item of `wanted`, by its name, has a flight afterwards. */
  send(wanted: ReadonlyMap<string, UnwrapItem>, place: KmsFailurePlace, send: SendBatch<UnwrapItem>): void
  /** Waits for a flight, and gives a copy of its key. */
  land(name: string, place: KmsFailurePlace): Promise<Outcome<Uint8Array>>
  /** Who waits gets its key; who comes now asks the service. */
  forget(): void
}

/**
 * Makes an empty set of flights.
 * @param onLanded told of each key that arrives, before it is zeroed and unless it was forgotten, with the number of those
 *   who wait for it
 */
export function createFlights(onLanded?: (name: string, key: Uint8Array, waiters: number) => void): Flights {
  const flights = new Map<string, Flight>()
  let generation = 0

  return {
    send(wanted, place, send) {
      const missing = [...wanted].filter(([name]) => !flights.has(name))
      if (missing.length === 0) return
      const startedIn = generation
      // Neither signal nor deadline: others may join this flight, and each waits within its own call.
      const answers = send(
        missing.map(([, item]) => item),
        {},
      )
      missing.forEach(([name], index) => {
        const flight: Flight = { waiters: 0, outcome: answers.then((outcomes) => land(outcomes[index])) }
        const land = (answer: Outcome<Uint8Array> | undefined): Outcome<Uint8Array> => {
          remove()
          if (answer?.ok === true && generation === startedIn) onLanded?.(name, answer.value, flight.waiters)
          return answer ?? failed(kmsFailure('KMS_INVALID_RESPONSE', place))
        }
        const remove = (): void => {
          if (flights.get(name) === flight) flights.delete(name)
        }
        answers.catch(remove)
        flights.set(name, flight)
      })
    },
    async land(name, place) {
      const flight = flights.get(name)
      if (flight === undefined) return failed(kmsFailure('KMS_INVALID_RESPONSE', place))
      flight.waiters += 1
      const outcome = await flight.outcome
      flight.waiters -= 1
      if (!outcome.ok) return outcome
      const copy = Uint8Array.from(outcome.value)
      if (flight.waiters === 0) outcome.value.fill(0)
      return { ...outcome, value: copy }
    },
    forget() {
      generation += 1
      flights.clear()
    },
  }
}
