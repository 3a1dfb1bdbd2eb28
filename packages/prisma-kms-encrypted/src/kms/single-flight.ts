/** Turns concurrent unwraps of one wrapped key into one, without keeping anything once it is answered. */
import { withinCall } from './call.js'
import { decorateProvider } from './decorate.js'
import type { SendBatch } from './decorate.js'
import { createFlights } from './flights.js'
import { itemKey } from './item-key.js'
import { attempt } from './outcome.js'
import type { KmsProvider, UnwrapItem } from './provider.js'
import { systemTiming } from './timing.js'
import type { Timing } from './timing.js'

/** A provider whose concurrent unwraps are joined. */
export interface SingleFlightProvider extends KmsProvider {
  /** Lets nobody join what is on its way now. */
  forget(): void
}

/** Sends an unwrap only if the same key is not on its way already; each caller waits within its own call. */
export function withSingleFlight(provider: KmsProvider, timing: Timing = systemTiming): SingleFlightProvider {
  const flights = createFlights()
  const decorated = decorateProvider(provider, ({ place, items, call }, send) => {
    if (place.operation !== 'unwrap') return send(items, call)
    // The cast: items of an unwrap are unwrap items.
    const unwrapItems = items as unknown as readonly UnwrapItem[]
    const wanted = new Map<string, UnwrapItem>()
    const names = unwrapItems.map((item) => {
      const name = attempt(place, () => itemKey(place.provider, place.keyId, item))
      if (name.ok) wanted.set(name.value, item)
      return name
    })
    const gather = async () => {
      flights.send(wanted, place, send as unknown as SendBatch<UnwrapItem>) // as above
      return Promise.all(names.map(async (name) => (name.ok ? flights.land(name.value, place) : name)))
    }
    return withinCall(call, place, gather, timing)
  })
  return {
    ...decorated,
    forget: () => {
      flights.forget()
    },
  }
}
