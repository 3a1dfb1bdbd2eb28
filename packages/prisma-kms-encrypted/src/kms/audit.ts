/**
 * Turns each item of a call to a provider into one event for who listens, outermost around all policies: there every
 * asker still has its own items, before equal unwraps are joined and cached keys are taken.
 */
import { channel } from 'node:diagnostics_channel'
import { debuglog } from 'node:util'
import { isKmsEncryptedError } from '../errors.js'
import { kmsEventChannels } from './audit-event.js'
import type { KmsEvent } from './audit-event.js'
import { decorateProvider } from './decorate.js'
import type { BatchRequest } from './decorate.js'
import type { KmsProvider, Outcome, UnwrapItem, WrapItem } from './provider.js'
import { createTelemetry } from './telemetry.js'
import type { KmsTelemetry } from './telemetry.js'

/** Where events go. */
export interface KmsAudit {
  /** Whether anybody listens; while nobody does, no event is built. */
  isActive(): boolean
  /** Hands one event to every listener; never throws. */
  emit(event: KmsEvent): void
  /** Spans and counters of whole calls. */
  readonly telemetry?: KmsTelemetry
}

/** Clocks of the events, injected so that tests own the time. */
export interface AuditClock {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Milliseconds with fractions since any moment; never goes back. */
  readonly elapsed: () => number
}

const systemClock: AuditClock = { now: Date.now, elapsed: () => performance.now() }

const channels = {
  wrap: channel(kmsEventChannels.wrap),
  unwrap: channel(kmsEventChannels.unwrap),
  rewrap: channel(kmsEventChannels.rewrap),
}

/** One line an event with `NODE_DEBUG=prisma-kms-encrypted`. */
const debug = debuglog('prisma-kms-encrypted')

/**
 * Makes the sink for the events of one configuration: `onKmsEvent`, the diagnostics channels and the debug log.
 *
 * A listener that throws, or rejects, does not touch the operation: keys are in use by then, and a log that is down
 * must not take the database with it. The first failure is reported as a process warning. (Node reports what subscribers
 * of a channel throw as an uncaught exception, in a later tick.)
 * @param onKmsEvent called at once, for each event; nobody waits for it
 * @param telemetry OpenTelemetry's, by default
 */
export function createKmsAudit(
  onKmsEvent?: (event: KmsEvent) => unknown,
  telemetry: KmsTelemetry = createTelemetry(),
): KmsAudit {
  let warned = false
  // The error itself is the listener's, and may hold anything.
  const warnOfListener = (): void => {
    if (warned) return
    warned = true
    process.emitWarning('onKmsEvent failed; the operation went on without it', {
      type: 'KmsEventListenerWarning',
    })
  }
  return {
    telemetry,
    isActive: () =>
      onKmsEvent !== undefined ||
      debug.enabled ||
      channels.unwrap.hasSubscribers ||
      channels.wrap.hasSubscribers ||
      channels.rewrap.hasSubscribers,
    emit(event) {
      if (debug.enabled) debug('%s', formatEvent(event))
      const published = channels[event.operation]
      if (published.hasSubscribers) published.publish(event)
      if (onKmsEvent === undefined) return
      try {
        const answer = onKmsEvent(event)
        if (answer !== undefined) Promise.resolve(answer).catch(warnOfListener)
      } catch {
        warnOfListener()
      }
    },
  }
}

/** Emits one event per item of every call, once it is answered, and one span per call. Wrap it around all other policies. */
export function withAudit(
  provider: KmsProvider,
  audit: KmsAudit,
  clock: AuditClock = systemClock,
): KmsProvider {
  return decorateProvider(provider, (request, send) => {
    const { items, call } = request
    if (items.length === 0) return send(items, call)
    const run = (): Promise<Outcomes> =>
      audit.isActive() ? emitAnswers(audit, clock, request, () => send(items, call)) : send(items, call)
    return audit.telemetry ? audit.telemetry.observe(request, run) : run()
  })
}

type Outcomes = readonly Outcome<Uint8Array>[]

async function emitAnswers(
  audit: KmsAudit,
  clock: AuditClock,
  request: BatchRequest<WrapItem | UnwrapItem>,
  action: () => Promise<Outcomes>,
): Promise<Outcomes> {
  const { place, items } = request
  const startedAtMs = clock.now()
  const started = clock.elapsed()
  const emitAll = (outcomeOf: (index: number) => Answer): void => {
    const durationMs = clock.elapsed() - started
    items.forEach((item, index) => {
      audit.emit(buildEvent(place, items.length, item, outcomeOf(index), startedAtMs, durationMs))
    })
  }
  try {
    const outcomes = await action()
    emitAll((index) => outcomes[index])
    return outcomes
  } catch (error) {
    emitAll(() => ({ ok: false, error }))
    throw error
  }
}

/** One use of a key that this process still had opened. */
export interface CachedUse {
  readonly place: BatchRequest<UnwrapItem>['place']
  /** What unwrapping it would have been asked with. */
  readonly item: Omit<WrapItem, 'plaintext'>
}

/** Emits the event of a key that was taken from memory, without a call, and counts it. */
export function emitCached(
  audit: KmsAudit,
  { place, item }: CachedUse,
  clock: AuditClock = systemClock,
): void {
  if (audit.isActive()) {
    audit.emit(buildEvent(place, 1, item, { ok: true, source: 'cache' }, clock.now(), 0))
  }
  if (audit.telemetry?.countsCached() === true) audit.telemetry.countCached(place)
}

/** Whether a key taken from memory is to be told to anybody. */
export function tellsCached(audit: KmsAudit): boolean {
  return audit.isActive() || audit.telemetry?.countsCached() === true
}

/** An outcome whose error may be anything; `undefined`: the provider answered fewer items than it was asked. */
type Answer =
  | Pick<Extract<Outcome<Uint8Array>, { readonly ok: true }>, 'ok' | 'source'>
  | { readonly ok: false; readonly error: unknown }
  | undefined

function buildEvent(
  place: BatchRequest<WrapItem | UnwrapItem>['place'],
  items: number,
  { context, record }: CachedUse['item'],
  answer: Answer,
  startedAtMs: number,
  durationMs: number,
): KmsEvent {
  return Object.freeze<KmsEvent>({
    operation: place.operation,
    source: (answer?.ok === true ? answer.source : undefined) ?? 'service',
    provider: place.provider,
    keyId: place.keyId,
    keyName: record?.keyName ?? null,
    keyVersion: record?.keyVersion ?? null,
    model: record?.model ?? null,
    recordId: record?.recordId ?? null,
    context: Object.freeze({ ...context }), // a listener must not be able to change what a key is bound to
    outcome: outcomeName(answer),
    startedAtMs,
    durationMs,
    items,
  })
}

function outcomeName(answer: Answer): KmsEvent['outcome'] {
  if (answer === undefined) return 'KMS_INVALID_RESPONSE'
  if (answer.ok) return 'success'
  return isKmsEncryptedError(answer.error) ? answer.error.code : 'KMS_UNAVAILABLE'
}

function formatEvent(event: KmsEvent): string {
  const { operation, source, provider, keyId, keyName, keyVersion, model, recordId, context, outcome } = event
  const key = keyName === null ? keyId : `${keyId} (${keyName} v${keyVersion})`
  const owner = model === null ? '' : ` for ${model} ${recordId ?? '(new)'}`
  return (
    `${operation} by ${source} with ${provider} ${key}${owner} ${JSON.stringify(context)}: ` +
    `${outcome}, ${event.durationMs.toFixed(1)} ms, ${event.items} items in the call`
  )
}
