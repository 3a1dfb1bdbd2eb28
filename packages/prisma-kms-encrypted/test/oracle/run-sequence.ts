/** Runs one sequence on both sides, step by step, and compares every outcome and what is stored afterwards. */
import { inspect } from 'node:util'
import { FreshValues, shareValues, SideArguments } from './arguments.js'
import { delegateOf, type DynamicClient, type PrismaPromise, type Side } from './clients.js'
import type { CallDescription, StepDescription } from './descriptions.js'
import { Difference } from './difference.js'
import { fixtureModels } from './fixture-models.js'
import { idsFollowData } from './id-order.js'
import { KnownRows, learn } from './known-rows.js'
import { compareValues, normalResult, settle, type Origin, type Outcome } from './outcomes.js'
import { permittedRefusals } from './permitted-refusals.js'
import { nestedVerbs, type Statistics } from './statistics.js'

/** Both sides of a comparison, on empty tables. */
export interface Arena {
  readonly sides: readonly [Side, Side]
  /** Whether the first side's results carry key columns. */
  readonly keyColumns: boolean
  /** Whether the first side is expected to refuse what the library refuses. */
  readonly refuses: boolean
  readonly statistics: Statistics
}

type Clients = readonly [DynamicClient, DynamicClient]
type Args = Readonly<Record<string, unknown>>

interface PreparedCall {
  readonly description: CallDescription
  readonly args: readonly [Args, Args]
  readonly fluent: readonly [readonly FluentStep[], readonly FluentStep[]]
}

interface FluentStep {
  readonly relation: string
  readonly args: Args
}

/** Thrown through both interactive transactions to roll them back. */
class RollBack extends Error {}

const transactionOptions = { maxWait: 60_000, timeout: 120_000 }
const readOperations = /^(find|count|aggregate|groupBy)/

/** The state of one sequence. */
export class SequenceRun {
  readonly known = new KnownRows()
  /** Whether rows in the order of their ids are in the same order on both sides. */
  idsFollowData = true
  readonly #arena: Arena
  readonly #fresh: FreshValues

  /** @param token what every canary contains */
  constructor(arena: Arena, token: string) {
    this.#arena = arena
    this.#fresh = new FreshValues(token)
  }

  /** @throws Difference */
  async run(steps: readonly StepDescription[]): Promise<void> {
    const clients: Clients = [this.#arena.sides[0].client, this.#arena.sides[1].client]
    for (const step of steps) {
      if (step.step === 'call') {
        this.#arena.statistics.countStep('outside transactions')
        await this.#call(step.call, clients)
      } else if (step.step === 'interactive') await this.#interactive(step.calls, step.rollback)
      else if (step.step === 'batch') await this.#batch(step.calls)
      else await this.#together(step.calls, clients)
    }
  }

  /** Where values of a side come from. */
  origin(side: 0 | 1): Origin {
    return { side, known: this.known, keyColumns: side === 0 && this.#arena.keyColumns }
  }

  /** @returns whether the statement failed in the database, which ends a transaction */
  async #call(description: CallDescription, clients: Clients): Promise<{ readonly failed: boolean }> {
    const { refusal } = description
    if (refusal !== undefined) {
      if (this.#arena.refuses) await this.#refused(description, refusal, clients)
      return { failed: false }
    }
    const prepared = this.#prepare(description)
    const before = inspect(prepared.args[0], { depth: null, maxArrayLength: null })
    const permitted = permittedRefusals(description.model, prepared.args[0])
    const first = permitted.size === 0 ? null : await settle(() => this.#start(prepared, 0, clients))
    if (first && !first.ok && permitted.has(first.code)) {
      this.#count(prepared, [first, first])
      await this.#learn(prepared, clients)
      return { failed: false }
    }
    const outcomes = await Promise.all([
      first ?? settle(() => this.#start(prepared, 0, clients)),
      settle(() => this.#start(prepared, 1, clients)),
    ])
    const [mine, oracle] = outcomes
    const after = inspect(prepared.args[0], { depth: null, maxArrayLength: null })
    if (before !== after)
      throw new Difference(`${title(prepared)} changed its caller's arguments`, after, before)
    this.#count(prepared, outcomes)
    this.#compareErrors(prepared, mine, oracle)
    const failed = !mine.ok && mine.code !== 'VALIDATION'
    if (!readOperations.test(description.operation) && !failed) await this.#learn(prepared, clients)
    else if (failed && clients[0] === this.#arena.sides[0].client) await this.#learn(prepared, clients)
    this.#compareResults(prepared, mine, oracle)
    return { failed }
  }

  async #refused(description: CallDescription, refusal: string, clients: Clients): Promise<void> {
    const prepared = this.#prepare(description)
    const mine = await settle(() => this.#start(prepared, 0, clients))
    const code = mine.ok ? 'no error' : mine.code
    if (code !== `KMS:${refusal}`) {
      throw new Difference(
        `${title(prepared)} is documented to be refused`,
        mine.ok ? mine.value : mine.error,
        refusal,
      )
    }
    this.#arena.statistics.count('refusals', code, [])
    await this.#learn(prepared, clients)
  }

  async #interactive(calls: readonly CallDescription[], rollback: boolean): Promise<void> {
    const [mine, oracle] = this.#arena.sides
    let ended = 'committed'
    const both = mine.client.$transaction(async (one: DynamicClient) => {
      await oracle.client.$transaction(async (two: DynamicClient) => {
        for (const description of calls) {
          const { failed } = await this.#call(description, [one, two])
          if (!failed) continue
          ended = 'rolled back after an error'
          throw new RollBack()
        }
        if (!rollback) return
        ended = 'rolled back'
        throw new RollBack()
      }, transactionOptions)
    }, transactionOptions)
    const outcome = await settle(() => both)
    if (!outcome.ok && !(outcome.error instanceof RollBack)) throw outcome.error
    this.#arena.statistics.countStep(`interactive ${ended}`)
    await learn(this.known, this.#arena.sides, [mine.client, oracle.client])
  }

  async #batch(calls: readonly CallDescription[]): Promise<void> {
    const prepared = calls.map((description) => this.#prepare(description))
    const { sides, statistics } = this.#arena
    const clients: Clients = [sides[0].client, sides[1].client]
    const run = (side: 0 | 1) =>
      settle(() => clients[side].$transaction(prepared.map((call) => this.#start(call, side, clients))))
    const mine = await run(0)
    const permitted = prepared.flatMap(({ description, args }) => [
      ...permittedRefusals(description.model, args[0]),
    ])
    if (!mine.ok && permitted.includes(mine.code)) {
      statistics.countStep('batch refused')
      return learn(this.known, sides, clients)
    }
    const oracle = await run(1)
    const outcomes = [mine, oracle]
    statistics.countStep(`batch ${mine.ok ? 'committed' : 'failed'}`)
    const first = prepared.find(hasSeveralVerbs) ?? prepared[0]
    // A native batch is checked as a whole before it runs, and what is invalid in it can crash Prisma itself.
    const crashed = !mine.ok && !oracle.ok && /^(VALIDATION|TypeError)/.test(oracle.code)
    if (first && !crashed)
      this.#compareErrors(
        { ...first, description: { ...first.description, operation: 'batch' } },
        mine,
        oracle,
      )
    await learn(this.known, sides, clients)
    prepared.forEach((call, index) => {
      const results = outcomes.map((outcome): Outcome =>
        outcome.ok ? { ok: true, value: (outcome.value as readonly unknown[])[index] } : outcome,
      )
      const [here, there] = results
      if (!here || !there) return
      this.#count(call, [here, there])
      this.#compareResults(call, here, there)
    })
  }

  async #together(calls: readonly CallDescription[], clients: Clients): Promise<void> {
    const prepared = calls.map((description) => this.#prepare(description))
    const [mine, oracle] = await Promise.all(
      ([0, 1] as const).map((side) =>
        Promise.all(prepared.map((call) => settle(() => this.#start(call, side, clients)))),
      ),
    )
    this.#arena.statistics.countStep('reads in one tick')
    prepared.forEach((call, index) => {
      const [here, there] = [mine?.[index], oracle?.[index]]
      if (!here || !there) return
      this.#count(call, [here, there])
      this.#compareErrors(call, here, there)
      this.#compareResults(call, here, there)
    })
  }

  #prepare(description: CallDescription): PreparedCall {
    const args = shareValues(description.args, this.#fresh)
    const fluent = (description.fluent ?? []).map((step) => ({
      ...step,
      args: shareValues(step.args, this.#fresh),
    }))
    const forSide = (side: 0 | 1) => new SideArguments(this.known, this.#arena.sides[side])
    if (/create|update|upsert/.test(description.operation))
      this.idsFollowData &&= idsFollowData(description.args)
    const fluentFor = (side: 0 | 1): FluentStep[] =>
      fluent.map(({ relation, args: shared }) => ({ relation, args: forSide(side).resolve(shared) as Args }))
    return {
      description,
      args: [forSide(0).resolve(args) as Args, forSide(1).resolve(args) as Args],
      fluent: [fluentFor(0), fluentFor(1)],
    }
  }

  #start({ description, args, fluent }: PreparedCall, side: 0 | 1, clients: Clients): PrismaPromise {
    const { model, operation } = description
    const run = delegateOf(this.#arena.sides[side], clients[side], model)[operation]
    if (!run) throw new TypeError(`no operation ${operation}`)
    let promise = run(args[side])
    for (const { relation, args: chosen } of fluent[side]) {
      const next = promise[relation]
      if (!next) throw new TypeError(`no relation ${relation}`)
      promise = next(chosen)
    }
    return promise
  }

  async #learn(prepared: PreparedCall, clients: Clients): Promise<void> {
    try {
      await learn(this.known, this.#arena.sides, clients)
    } catch (error) {
      if (!(error instanceof Difference)) throw error
      throw new Difference(`after ${title(prepared)}: ${error.message}`, prepared.args[0], prepared.args[1])
    }
  }

  #compareErrors(prepared: PreparedCall, mine: Outcome, oracle: Outcome): void {
    const [here, there] = [mine, oracle].map((outcome) => (outcome.ok ? 'no error' : outcome.code))
    if (here === there) return
    if (!mine.ok && !oracle.ok && hasTwoFaults(prepared, mine.code, oracle.code)) {
      this.#arena.statistics.countStep('both failed, for different reasons')
      return
    }
    throw new Difference(
      `${title(prepared)} ended differently: ${here ?? ''} instead of ${there ?? ''}`,
      { args: prepared.args[0], ...(mine.ok ? { result: mine.value } : { error: mine.error }) },
      { args: prepared.args[1], ...(oracle.ok ? { result: oracle.value } : { error: oracle.error }) },
    )
  }

  #compareResults(prepared: PreparedCall, mine: Outcome, oracle: Outcome): void {
    if (!mine.ok || !oracle.ok) return
    const [here, there] = ([0, 1] as const).map((side) => {
      const { model, args } = resultOf(prepared, side)
      const { value } = [mine, oracle][side] as { value: unknown }
      return normalResult(model, prepared.description.operation, args, value, this.origin(side))
    })
    compareValues(`${title(prepared)} ${inspect(prepared.args[0], { depth: 9 })}`, here, there)
  }

  #count(prepared: PreparedCall, [mine]: readonly [Outcome, Outcome]): void {
    const { model, operation } = prepared.description
    const kind = prepared.fluent[0].length > 0 ? 'fluent' : operation
    const verbs = nestedVerbs({
      ...(prepared.args[0]['data'] as object),
      ...(prepared.args[0]['update'] as object),
    })
    const { statistics } = this.#arena
    statistics.count(kind, mine.ok ? 'ok' : mine.code, verbs)
    if (mine.ok) statistics.countStep(`calls on ${model}`)
  }
}

const dependencies = new Set(['P2002', 'P2003', 'P2014', 'P2017', 'P2018', 'P2025'])

/**
 * A call with several nested writes can fail for several reasons; which comes first is nobody's promise. And the records of
 * nested writes are looked for before Prisma sees the whole call, which may be invalid besides (`select: {}`).
 */
function hasTwoFaults(call: PreparedCall, mine: string, oracle: string): boolean {
  if (mine === 'P2025' && oracle === 'VALIDATION') return nestedVerbs(call.args[0]).length > 0
  return hasSeveralVerbs(call) && dependencies.has(mine) && dependencies.has(oracle)
}

function hasSeveralVerbs({ args }: PreparedCall): boolean {
  return nestedVerbs(args[0]).filter((verb) => !verb.includes(' ')).length > 1
}

function resultOf({ description, args, fluent }: PreparedCall, side: 0 | 1) {
  let model = description.model
  let shown = args[side]
  for (const step of fluent[side]) {
    model = fixtureModels[model].relations[step.relation]?.model ?? model
    shown = step.args
  }
  return { model, args: shown }
}

function title({ description: { model, operation, fluent } }: PreparedCall): string {
  return [`${model}.${operation}`, ...(fluent ?? []).map(({ relation }) => relation)].join('.')
}
