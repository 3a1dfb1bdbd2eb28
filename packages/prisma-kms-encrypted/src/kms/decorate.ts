/** Turns one function over batches into a provider that wraps another: what every call policy is made of. */
import type { KmsFailurePlace } from './failure.js'
import type { KmsCall, KmsProvider, Outcome, UnwrapItem, WrapItem } from './provider.js'

/** The operations that take batches. */
export type BatchOperation = 'wrap' | 'unwrap' | 'rewrap'

/** One batch on its way to the service. */
export interface BatchRequest<Item> {
  readonly place: KmsFailurePlace & { readonly operation: BatchOperation }
  readonly items: readonly Item[]
  readonly call: KmsCall
}

/** What lies below the decorator, for the operation and key id of the request. */
export type SendBatch<Item> = (
  items: readonly Item[],
  call: KmsCall,
) => Promise<readonly Outcome<Uint8Array>[]>

/** What a decorator does with a batch: send it on, once, several times or not at all. */
export type RunBatch = <Item extends WrapItem | UnwrapItem>(
  request: BatchRequest<Item>,
  send: SendBatch<Item>,
) => Promise<readonly Outcome<Uint8Array>[]>

/** A provider that passes the batches of `provider` through `run`, and everything else on as it is. */
export function decorateProvider(provider: KmsProvider, run: RunBatch): KmsProvider {
  const place = (keyId: string, operation: BatchOperation) => ({ provider: provider.name, keyId, operation })
  return {
    name: provider.name,
    accepts: (keyId) => provider.accepts(keyId),
    wrap: (keyId, items, call) =>
      run({ place: place(keyId, 'wrap'), items, call }, (passed, passedCall) =>
        provider.wrap(keyId, passed, passedCall),
      ),
    unwrap: (keyId, items, call) =>
      run({ place: place(keyId, 'unwrap'), items, call }, (passed, passedCall) =>
        provider.unwrap(keyId, passed, passedCall),
      ),
    ...(provider.rewrap && {
      rewrap: (keyId, items, call) =>
        run(
          { place: place(keyId, 'rewrap'), items, call },
          (passed, passedCall) => provider.rewrap?.(keyId, passed, passedCall) ?? Promise.resolve([]),
        ),
    }),
    ...(provider.describeKey && { describeKey: provider.describeKey.bind(provider) }),
    ...(provider.contextHash && { contextHash: provider.contextHash.bind(provider) }),
  }
}
