/** Spans and metrics as OpenTelemetry's own SDK receives them. */
import { context, metrics, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { createKmsAudit, withAudit } from '../../src/kms/audit.js'
import { withCallPolicy } from '../../src/kms/call-policy.js'
import { createTelemetry } from '../../src/kms/telemetry.js'
import { deriveDataKey } from '../../src/envelope/data-key.js'
import { createDataKeyCache } from '../../src/records/data-key-cache.js'
import { createFakeProvider, failure, plain, shortForm, successOf, wrapped } from './fake-provider.js'

const spans = new InMemorySpanExporter()
const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA)
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
const meterProvider = new MeterProvider({ readers: [reader] })

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }))
  metrics.setGlobalMeterProvider(meterProvider)
})
beforeEach(async () => {
  await reader.collect()
  spans.reset()
})
afterAll(async () => {
  await meterProvider.shutdown()
  trace.disable()
  metrics.disable()
  context.disable()
})

/** The points of every metric since the last look, with their attributes. */
async function points() {
  const { resourceMetrics } = await reader.collect()
  return resourceMetrics.scopeMetrics.flatMap(({ scope, metrics: all }) =>
    all.map(({ descriptor, dataPoints }) => ({
      scope: scope.name,
      name: descriptor.name,
      unit: descriptor.unit,
      points: dataPoints.map(({ attributes, value }) => ({ attributes, value })),
    })),
  )
}

const audited = (provider: ReturnType<typeof createFakeProvider>) => withAudit(provider, createKmsAudit())
const common = (operation: string) => ({
  'prisma_kms_encrypted.operation': operation,
  'prisma_kms_encrypted.provider': 'fake',
  'prisma_kms_encrypted.key.id': 'key/a',
})

test('a call is a span within the caller’s, and the service’s own spans are within it', async () => {
  const tracer = trace.getTracer('test')
  const provider = createFakeProvider(async ({ items }) => {
    tracer.startSpan('KMS.Decrypt').end()
    await Promise.resolve()
    return items.map(successOf)
  })
  await tracer.startActiveSpan('request', async (span) => {
    await audited(provider).unwrap('key/a', [wrapped(1), wrapped(2)], {})
    span.end()
  })
  const finished = spans.getFinishedSpans()
  const [inner, call, outer] = finished
  expect(finished.map(({ name }) => name)).toEqual(['KMS.Decrypt', 'unwrap data_key', 'request'])
  expect(inner?.parentSpanContext?.spanId).toBe(call?.spanContext().spanId)
  expect(call?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId)
  expect(call?.instrumentationScope.name).toBe('prisma-kms-encrypted')
  expect(call?.attributes).toEqual({ ...common('unwrap'), 'prisma_kms_encrypted.items': 2 })
  expect(call?.status).toEqual({ code: 0 })
})

test('a failed item marks the span with its code; a failed call too, and passes on', async () => {
  const one = createFakeProvider(({ items }) =>
    Promise.resolve(
      items.map((item, index) => (index === 1 ? failure('KMS_INVALID_CIPHERTEXT') : successOf(item))),
    ),
  )
  await audited(one).unwrap('key/a', [wrapped(1), wrapped(2), wrapped(3)], {})
  const all = createFakeProvider(() => Promise.reject(new Error('token s.123')))
  await expect(audited(all).wrap('key/a', [plain(1), plain(2)], {})).rejects.toThrow('token')
  const [first, second] = spans.getFinishedSpans()
  expect(first?.attributes).toMatchObject({
    'prisma_kms_encrypted.items': 3,
    'prisma_kms_encrypted.items.failed': 1,
    'error.type': 'KMS_INVALID_CIPHERTEXT',
  })
  expect(first?.status).toEqual({ code: 2, message: 'KMS_INVALID_CIPHERTEXT' })
  expect(second?.attributes).toMatchObject({
    'prisma_kms_encrypted.items.failed': 2,
    'error.type': 'KMS_UNAVAILABLE',
  })
  expect(
    JSON.stringify([first?.attributes, second?.attributes, second?.status, second?.events]),
  ).not.toContain('s.123')
})

test('data keys are counted by operation, source and error; durations are in seconds', async () => {
  const provider = createFakeProvider(({ operation, items }) =>
    Promise.resolve(items.map((item) => (operation === 'wrap' ? failure('KMS_THROTTLED') : successOf(item)))),
  )
  const options = {
    audit: createKmsAudit(),
    cache: { ttlMs: 60_000, maxEntries: 10 },
    retry: { timeoutMs: 1 },
  }
  const kms = withCallPolicy(provider, options)
  await kms.unwrap('key/a', [wrapped(1), wrapped(2)], {})
  await kms.unwrap('key/a', [wrapped(1), wrapped(3)], {})
  await kms.wrap('key/a', [plain(1)], {})
  kms.flush()

  const [dataKeys, duration] = await points()
  expect(dataKeys).toMatchObject({
    scope: 'prisma-kms-encrypted',
    name: 'prisma_kms_encrypted.data_keys',
    unit: '{data_key}',
  })
  const source = (name: string) => ({ 'prisma_kms_encrypted.source': name })
  expect(dataKeys?.points).toEqual([
    { attributes: { ...common('unwrap'), ...source('service') }, value: 3 },
    { attributes: { ...common('unwrap'), ...source('cache') }, value: 1 },
    { attributes: { ...common('wrap'), ...source('service'), 'error.type': 'KMS_THROTTLED' }, value: 1 },
  ])
  expect(duration).toMatchObject({ name: 'prisma_kms_encrypted.call.duration', unit: 's' })
  const histograms = duration?.points.map(({ attributes, value }) => {
    const { count, sum = 0 } = value as { count: number; sum?: number } // the value of a histogram
    return { attributes, count, short: sum < 5 }
  })
  expect(histograms).toEqual([
    { attributes: common('unwrap'), count: 2, short: true },
    { attributes: { ...common('wrap'), 'error.type': 'KMS_THROTTLED' }, count: 1, short: true },
  ])
})

test('keys taken from memory without a call are counted too', async () => {
  const audit = createKmsAudit()
  const cache = createDataKeyCache({ ttlMs: 60_000, maxEntries: 10 }, audit)
  const key = deriveDataKey(Buffer.alloc(32, 1))
  const use = () => ({
    place: { provider: 'fake', keyId: 'key/a', operation: 'unwrap' as const },
    item: { context: { model_id: '1' } },
  })
  await withAudit(createFakeProvider(), audit).unwrap('key/a', [wrapped(1)], {})
  cache.keep('name', key, cache.generation)
  expect(cache.take('name', use)).toBe(key)
  expect(cache.take('other', use)).toBeUndefined()
  cache.flush()
  const [dataKeys] = await points()
  expect(dataKeys?.points).toContainEqual({
    attributes: { ...common('unwrap'), 'prisma_kms_encrypted.source': 'cache' },
    value: 1,
  })
})

test('without an SDK of the application nothing is described for it', async () => {
  metrics.disable()
  try {
    const audit = createKmsAudit()
    const cache = createDataKeyCache({ ttlMs: 60_000, maxEntries: 10 }, audit)
    await withAudit(createFakeProvider(), audit).unwrap('key/a', [wrapped(1)], {})
    cache.keep('name', deriveDataKey(Buffer.alloc(32, 1)), cache.generation)
    const described = () => {
      throw new Error('described for nobody')
    }
    expect(cache.take('name', described)).toBeDefined()
    cache.flush()
  } finally {
    metrics.setGlobalMeterProvider(meterProvider)
  }
})

test('no attribute holds a context, a record or a key', async () => {
  const record = { model: 'User', recordId: 'canary-id', keyName: 'default', keyVersion: 1 }
  const item = { ...plain(1, 'canary-id'), plaintext: Buffer.from('canary-key'), record }
  await audited(createFakeProvider()).wrap('key/a', [item], {})
  const told = JSON.stringify([
    spans.getFinishedSpans().map(({ name, attributes }) => [name, attributes]),
    await points(),
  ])
  expect(told).toContain('wrap data_key')
  expect(told).not.toContain('canary')
})

test('without the API calls go on as they are, and it is looked for once', async () => {
  let looked = 0
  const missing = createTelemetry(() => {
    looked += 1
    return Promise.reject(Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' }))
  })
  const kms = withAudit(createFakeProvider(), createKmsAudit(undefined, missing))
  await Promise.all([kms.unwrap('key/a', [wrapped(1)], {}), kms.unwrap('key/a', [wrapped(1)], {})])
  expect((await kms.unwrap('key/a', [wrapped(1)], {})).map(shortForm)).toEqual([2])
  expect(looked).toBe(1)
  expect(spans.getFinishedSpans()).toEqual([])
})

test.each(['onStart', 'onEnd'] as const)(
  'a processor of the application that throws in %s stops no call',
  async (when) => {
    const failing: SpanProcessor = {
      onStart: () => undefined,
      onEnd: () => undefined,
      forceFlush: () => Promise.resolve(),
      shutdown: () => Promise.resolve(),
      [when]: () => {
        throw new Error('the exporter is down')
      },
    }
    trace.disable()
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [failing] }))
    try {
      expect((await audited(createFakeProvider()).unwrap('key/a', [wrapped(1)], {})).map(shortForm)).toEqual([
        2,
      ])
      const denied = createFakeProvider(() => Promise.reject(new Error('down')))
      await expect(audited(denied).unwrap('key/a', [wrapped(1)], {})).rejects.toThrow('down')
    } finally {
      trace.disable()
      trace.setGlobalTracerProvider(
        new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }),
      )
    }
  },
)
