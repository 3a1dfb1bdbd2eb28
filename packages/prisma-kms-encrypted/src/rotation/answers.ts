/** Remembers what key services have answered for some rows, so that a row which others keep changing need not wait for them again. */
import type { DataKey } from '../envelope/data-key.js'
import { KmsEncryptedError } from '../errors.js'
import type { UnwrapRequest } from '../records/data-keys.js'
import { entryText, nameForRecord, nameOfKey, type KeyOwner } from '../records/key-names.js'
import { columnName } from '../records/stored-entries.js'
import { attemptRenewal } from './renewal.js'

/** What came of one key. */
export type KeyOutcome<Value> = ReturnType<typeof attemptRenewal<Value>>

/** Asks the key services for those keys that are not remembered; one outcome each. */
type Ask<Request, Value> = (requests: readonly Request[]) => Promise<ReadonlyMap<Request, KeyOutcome<Value>>>

/** The answers of one kind; failures are not remembered. */
export class Answers<Request extends KeyOwner, Value> {
  readonly #values = new Map<string, Value>()
  readonly #nameOf: (request: Request) => string

  /** @param nameOf names everything that an answer depends on */
  constructor(nameOf: (request: Request) => string) {
    this.#nameOf = nameOf
  }

  /**
   * The answers to some requests.
   * @param ask `null`: nobody is asked, and what is not remembered fails with `WRITE_CONFLICT`
   */
  async get(
    requests: readonly Request[],
    ask: Ask<Request, Value> | null,
  ): Promise<ReadonlyMap<Request, KeyOutcome<Value>>> {
    const outcomes = new Map<Request, KeyOutcome<Value>>()
    const missing = new Map<Request, string>()
    for (const request of requests) {
      const name = attemptRenewal(() => this.#nameOf(request))
      const known = name.ok ? this.#values.get(name.value) : undefined
      if (!name.ok) outcomes.set(request, name)
      else if (known !== undefined) outcomes.set(request, { ok: true, value: known })
      else if (ask) missing.set(request, name.value)
      else outcomes.set(request, { ok: false, error: keysChanged(request) })
    }
    if (missing.size === 0 || !ask) return outcomes
    for (const [request, outcome] of await ask([...missing.keys()])) {
      outcomes.set(request, outcome)
      if (outcome.ok) this.#values.set(missing.get(request) ?? '', outcome.value)
    }
    return outcomes
  }
}

/** A new data key, and its form under the current version. */
export interface WrappedKey {
  readonly dataKey: DataKey
  readonly ciphertext: Buffer
}

/** A stored entry's data key in its new form. */
export interface RewrappedEntry {
  readonly ciphertext: Buffer
  /** The label that the entry should have; `null`: it had none when it was opened, or was not opened here. */
  readonly trueLabel: Buffer | null
}

/** All answers that the renewal of some rows is made of. */
export interface RenewalAnswers {
  /** Stored entries, opened. */
  readonly opened: Answers<UnwrapRequest, DataKey>
  /** Stored entries, wrapped under the current version. */
  readonly rewrapped: Answers<UnwrapRequest, RewrappedEntry>
  /** New data keys; one for each group of each row, however often its values are sealed again. */
  readonly fresh: Answers<KeyOwner, WrappedKey>
}

/** Nothing is remembered yet. */
export function noAnswers(): RenewalAnswers {
  const ofEntry = (request: UnwrapRequest) =>
    nameForRecord(request, nameOfKey(request, request.entry.version, entryText(request.entry)))
  const ofOwner = (owner: KeyOwner) => nameForRecord(owner, nameOfKey(owner, owner.group.config.current, ''))
  return { opened: new Answers(ofEntry), rewrapped: new Answers(ofEntry), fresh: new Answers(ofOwner) }
}

function keysChanged({ group }: KeyOwner): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'WRITE_CONFLICT',
    message: `${columnName(group)}: another writer has changed the record's keys`,
    why: 'The key service is not asked while a record is locked.',
    fix: 'Run it again; it does only what is left.',
  })
}
