/** A provider whose answers the test decides, with plain readable bytes. */
import type { KmsFailureCode, KmsOperation } from '../../src/kms/failure.js'
import { kmsFailure } from '../../src/kms/failure.js'
import type { KmsCall, KmsProvider, Outcome, UnwrapItem, WrapItem } from '../../src/kms/provider.js'

type Item = WrapItem | UnwrapItem

export interface FakeCall {
  readonly operation: KmsOperation
  readonly keyId: string
  readonly items: readonly Item[]
  readonly call: KmsCall
}

/** @param answer gives the outcomes of a call, a failure code for all its items, or throws */
export function createFakeProvider(
  answer: (
    call: FakeCall,
    number: number,
  ) => KmsFailureCode | Promise<readonly Outcome<Uint8Array>[]> | undefined = () => undefined,
): KmsProvider & { readonly calls: readonly FakeCall[] } {
  const calls: FakeCall[] = []
  const run = async (made: FakeCall): Promise<readonly Outcome<Uint8Array>[]> => {
    const number = calls.push(made)
    const answered = answer(made, number)
    if (typeof answered === 'string') return made.items.map(() => failure(answered))
    return answered ?? made.items.map(successOf)
  }
  return {
    name: 'fake',
    calls,
    accepts: () => true,
    wrap: (keyId, items, call) => run({ operation: 'wrap', keyId, items, call }),
    unwrap: (keyId, items, call) => run({ operation: 'unwrap', keyId, items, call }),
    rewrap: (keyId, items, call) => run({ operation: 'rewrap', keyId, items, call }),
  }
}

/** Succeeds with the bytes it was given, plus one. */
export function successOf(item: Item): Outcome<Uint8Array> {
  const bytes = 'plaintext' in item ? item.plaintext : item.ciphertext
  return { ok: true, value: bytes.map((byte) => byte + 1) }
}

export function failure(code: KmsFailureCode): Outcome<Uint8Array> {
  return { ok: false, error: kmsFailure(code, { provider: 'fake', keyId: 'key', operation: 'unwrap' }) }
}

export function wrapped(byte: number, id = 'a'): UnwrapItem {
  return { ciphertext: Uint8Array.of(byte), context: { model_name: 'User', model_id: id } }
}

export function plain(byte: number, id = 'a'): WrapItem {
  return { plaintext: Uint8Array.of(byte), context: { model_name: 'User', model_id: id } }
}

/** The first byte of a success, or the code of a failure. */
export function shortForm(outcome: Outcome<Uint8Array>): unknown {
  return outcome.ok ? outcome.value[0] : (outcome.error as { code?: unknown }).code
}
