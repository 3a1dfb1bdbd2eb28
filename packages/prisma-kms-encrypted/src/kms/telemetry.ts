/** Turns calls to key services into OpenTelemetry spans and metrics, if the application has `@opentelemetry/api`. */
import type * as OpenTelemetry from '@opentelemetry/api'
import { isKmsEncryptedError } from '../errors.js'
import type { BatchRequest } from './decorate.js'
import type { Outcome } from './provider.js'

type Outcomes = readonly Outcome<Uint8Array>[]
type Api = typeof OpenTelemetry

/** Watches calls. */
export interface KmsTelemetry {
  /** Runs `action` within a span and counts its outcomes; gives and throws exactly what `action` does. */
  observe(
    request: Pick<BatchRequest<unknown>, 'place' | 'items'>,
    action: () => Promise<Outcomes>,
  ): Promise<Outcomes>
  /** Whether a meter of the application counts; false until the first call. */
  countsCached(): boolean
  /** Counts one key that was taken from memory without a call. */
  countCached(place: Place): void
}

type Place = BatchRequest<unknown>['place']

/** Instrumentation scope: the name of the package. */
const scope = 'prisma-kms-encrypted'

/**
 * Names after OpenTelemetry's conventions (Semantic conventions, "Naming"): custom attributes and metrics have the
 * application's name as namespace, durations are in seconds, and counters name what is counted, in the singular, as
 * their unit. `error.type` is the conventions' own. Contexts and record ids are in none of them: they would make a time
 * series for each record.
 */
const names = {
  operation: 'prisma_kms_encrypted.operation',
  provider: 'prisma_kms_encrypted.provider',
  keyId: 'prisma_kms_encrypted.key.id',
  source: 'prisma_kms_encrypted.source',
  items: 'prisma_kms_encrypted.items',
  failedItems: 'prisma_kms_encrypted.items.failed',
  errorType: 'error.type',
  dataKeys: 'prisma_kms_encrypted.data_keys',
  duration: 'prisma_kms_encrypted.call.duration',
} as const

/** The bounds that the conventions give for the durations of HTTP requests, in seconds. */
const durationBounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/**
 * Telemetry by the global tracer and meter of the application. The API is imported with the first call; without it
 * nothing is done.
 * @param load imports the API; only tests replace it
 */
export function createTelemetry(load: () => Promise<Api> = () => import('@opentelemetry/api')): KmsTelemetry {
  let api: Api | null | undefined
  let loading: Promise<void> | undefined
  let instruments: Instruments | undefined
  const loadOnce = (): Promise<void> => {
    // Missing or broken: telemetry is never a reason to keep a key from its record.
    loading ??= load().then(
      (loaded) => void (api = loaded),
      () => void (api = null),
    )
    return loading
  }
  const watch: KmsTelemetry['observe'] = (request, action) => {
    if (!api) return action()
    const loaded = api
    instruments = safely(() => instrumentsOf(loaded, instruments))
    if (!instruments || !(instruments.isCounting || isTracing(loaded))) return action()
    return observeCall(loaded, instruments, request, action)
  }
  return {
    observe(request, action) {
      if (api === undefined) return loadOnce().then(() => watch(request, action))
      return watch(request, action)
    },
    countsCached: () => instruments?.isCounting === true,
    countCached(place) {
      safely(() => {
        instruments?.dataKeys.add(1, { ...commonOf(place), [names.source]: 'cache' })
      })
    },
  }
}

interface Instruments {
  readonly provider: OpenTelemetry.MeterProvider
  /** False for the API's own meter, which does nothing. */
  readonly isCounting: boolean
  readonly dataKeys: OpenTelemetry.Counter
  readonly duration: OpenTelemetry.Histogram
}

/** An SDK that is registered after the first call has another meter provider; until then the API's does nothing. */
function instrumentsOf(api: Api, known: Instruments | undefined): Instruments {
  const provider = api.metrics.getMeterProvider()
  if (known?.provider === provider) return known
  const meter = provider.getMeter(scope)
  return {
    provider,
    isCounting: meter !== api.createNoopMeter(),
    dataKeys: meter.createCounter(names.dataKeys, {
      description: 'Data keys that were wrapped, unwrapped or rewrapped, by what answered',
      unit: '{data_key}',
    }),
    duration: meter.createHistogram(names.duration, {
      description: 'Duration of calls for data keys, waiting for batches and retries included',
      unit: 's',
      advice: { explicitBucketBoundaries: durationBounds },
    }),
  }
}

/** Without a registered SDK the API's proxy has nothing behind it; a provider of any other kind may trace. */
function isTracing({ trace }: Api): boolean {
  const provider = trace.getTracerProvider()
  if (!('getDelegateTracer' in provider)) return true
  const proxy = provider as OpenTelemetry.ProxyTracerProvider // the only class of the API with this method
  return safely(() => proxy.getDelegateTracer(scope)) !== undefined
}

function observeCall(
  api: Api,
  { dataKeys, duration }: Instruments,
  { place, items }: Pick<BatchRequest<unknown>, 'place' | 'items'>,
  action: () => Promise<Outcomes>,
): Promise<Outcomes> {
  const common = commonOf(place)
  const started = performance.now()
  const finish = (span: OpenTelemetry.Span, outcomes: Outcomes | null, error: unknown): void => {
    const failures = outcomes?.flatMap((outcome) => (outcome.ok ? [] : [outcome.error])) ?? [error]
    const errorType = failures.length === 0 ? {} : { [names.errorType]: codeOf(failures[0]) }
    duration.record((performance.now() - started) / 1000, { ...common, ...errorType })
    for (const { count, attributes } of countKinds(items.length, outcomes, error))
      dataKeys.add(count, { ...common, ...attributes })
    if (failures.length > 0) {
      span.setAttributes({ ...errorType, [names.failedItems]: outcomes ? failures.length : items.length })
      span.setStatus({ code: api.SpanStatusCode.ERROR, message: codeOf(failures[0]) })
    }
    span.end()
  }
  const span = safely(() => {
    const attributes = { ...common, [names.items]: items.length }
    return api.trace.getTracer(scope).startSpan(`${place.operation} data_key`, { attributes })
  })
  if (!span) return action()
  const run = async (): Promise<Outcomes> => {
    let outcomes: Outcomes
    try {
      outcomes = await action()
    } catch (error) {
      safely(() => {
        finish(span, null, error)
      })
      throw error
    }
    safely(() => {
      finish(span, outcomes, undefined)
    })
    return outcomes
  }
  // Active, so that the spans of the service's SDK become its children.
  return api.context.with(api.trace.setSpan(api.context.active(), span), run)
}

/** The API promises not to throw, but processors of the application run inside it. */
function safely<T>(action: () => T): T | undefined {
  try {
    return action()
  } catch {
    return undefined
  }
}

function commonOf({ operation, provider, keyId }: Place) {
  return { [names.operation]: operation, [names.provider]: provider, [names.keyId]: keyId }
}

interface Kind {
  readonly attributes: Readonly<Record<string, string>>
  count: number
}

/** How many items ended in each way. */
function countKinds(items: number, outcomes: Outcomes | null, error: unknown): Iterable<Kind> {
  if (!outcomes) {
    const attributes = { [names.source]: 'service', [names.errorType]: codeOf(error) }
    return [{ attributes, count: items }]
  }
  const kinds = new Map<string, Kind>()
  for (const outcome of outcomes) {
    const source = (outcome.ok ? outcome.source : undefined) ?? 'service'
    const code = outcome.ok ? '' : codeOf(outcome.error)
    const key = `${source} ${code}`
    const kind = kinds.get(key) ?? {
      attributes: { [names.source]: source, ...(code === '' ? {} : { [names.errorType]: code }) },
      count: 0,
    }
    kind.count += 1
    kinds.set(key, kind)
  }
  return kinds.values()
}

/** The code alone: an error's message may be long, and a foreign one may hold a request. */
function codeOf(error: unknown): string {
  return isKmsEncryptedError(error) ? error.code : 'KMS_UNAVAILABLE'
}
