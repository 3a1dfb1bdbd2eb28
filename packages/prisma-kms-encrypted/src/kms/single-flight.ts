/** Turns concurrent unwraps of one wrapped key into one, without keeping anything once it is answered. */
import { withinCall } from './call.js'
import { decorateProvider } from './decorate.js'
import type { SendBatch } from './decorate.js'
import { createFlights } from './flights.js'
import { itemKey } from './item-key.js'
import type { KeptKeys } from './kept-keys.js'
import { attempt } from './outcome.js'
import type { KmsProvider, Outcome, UnwrapItem } from './provider.js'
import { systemTiming } from './timing.js'
import type { Timing } from './timing.js'

/** A provider whose concurrent unwraps are joined. */
export interface SingleFlightProvider extends KmsProvider {
  /** Lets nobody join what is on its way now. */
  readonly forget: () => void
}

/**
 * Sends an unwrap only if the same key is not on its way already; each caller waits within its own call.
 * @param kept where keys are looked for first, and kept when they arrive; nowhere unless given
 */
export function withSingleFlight(
  provider: KmsProvider,
  timing: Timing = systemTiming,
  kept?: Pick<KeptKeys<Uint8Array>, 'take' | 'keep'>,
): SingleFlightProvider {
  const flights = createFlights((name, key, waiters) => kept?.keep(name, key, waiters))
  const decorated = decorateProvider(provider, ({ place, items, call }, send) => {
    if (place.operation !== 'unwrap') return send(items, call)
    const wanted = new Map<string, UnwrapItem>()
    // The casts: items of an unwrap are unwrap items.
    const asked = (items as unknown as readonly UnwrapItem[]).map((item) => {
      const name = attempt(place, () => itemKey(place.provider, place.keyId, item))
      const key = name.ok ? kept?.take(name.value) : undefined
      if (name.ok && key === undefined) wanted.set(name.value, item)
      return { name, key }
    })
    const gather = async (): Promise<readonly Outcome<Uint8Array>[]> => {
      flights.send(wanted, place, send as unknown as SendBatch<UnwrapItem>)
      return Promise.all(
        asked.map(async ({ name, key }) => {
          if (!name.ok) return name
          if (key !== undefined) return { ok: true, value: key, source: 'cache' }
          return flights.land(name.value, place)
        }),
      )
    }
    return withinCall(call, place, gather, { timing })
  })
  return {
    ...decorated,
    forget: () => {
      flights.forget()
    },
  }
}
