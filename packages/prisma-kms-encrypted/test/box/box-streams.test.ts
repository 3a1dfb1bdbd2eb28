import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Duplex, PassThrough, Readable, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { kmsFailure } from '../../src/kms/failure.js'
import { codeOf } from '../support/extended-database.js'
import { bytes, context, createTestBox } from './box.js'

const MiB = 1024 * 1024
const cut = (value: Buffer, size: number) =>
  Readable.from(
    Array.from({ length: Math.ceil(value.length / size) }, (_, index) =>
      value.subarray(index * size, (index + 1) * size),
    ),
    { objectMode: false },
  )
const slowSink = () => new Writable({ write: (_chunk, _encoding, callback) => void setTimeout(callback, 1) })
const { box } = createTestBox()
const sealAll = (value: Buffer, size = 10_000) => buffer(cut(value, size).pipe(box.sealStream({ context })))
const openAll = async (sealed: Buffer, size = 10_000) => {
  const opened: Buffer[] = []
  await pipeline(cut(sealed, size), box.openStream({ context }), async (source: AsyncIterable<Buffer>) => {
    for await (const chunk of source) opened.push(chunk)
  })
  return Buffer.concat(opened)
}

test.each([0, 1, 65_535, 65_536, 65_537, 131_072, 300_001])('%i bytes come back', async (length) => {
  const value = bytes(length)
  for (const size of [1_013, 65_536, 1_000_000]) {
    const sealed = await sealAll(value, size)
    expect((await openAll(sealed, size)).equals(value)).toBe(true)
    expect((await box.open(sealed, { context })).equals(value)).toBe(true)
  }
  expect((await openAll(await box.seal(value, { context }), 7_777)).equals(value)).toBe(true)
})

test('a head that comes byte by byte is read', async () => {
  const sealed = await sealAll(bytes(10))
  expect((await openAll(sealed, 1)).equals(bytes(10))).toBe(true)
})

test('a stream costs one call to the key service', async () => {
  const { box, kms } = createTestBox()
  const sealed = await buffer(cut(bytes(500_000), 50_000).pipe(box.sealStream({ context })))
  await buffer(cut(sealed, 50_000).pipe(box.openStream({ context })))
  expect(kms.totalCalls).toBe(2)
})

test('whatever is done to a box, its stream ends in an error and gives verified bytes only', async () => {
  const value = bytes(200_000)
  const sealed = await sealAll(value)
  const full = 65_536 + 16
  const headBytes = sealed.length - (200_000 + 4 * 16)
  const chunk = (from: number, to?: number) =>
    sealed.subarray(headBytes + from * full, to === undefined ? undefined : headBytes + to * full)
  const head = sealed.subarray(0, headBytes)
  const changed = (offset: number) => {
    const copy = Buffer.from(sealed)
    copy[offset] = (copy[offset] ?? 0) ^ 1
    return copy
  }
  const cases: Record<string, Buffer> = {
    'last chunk missing': Buffer.concat([head, chunk(0, 3)]),
    'cut by a byte': sealed.subarray(0, -1),
    'head alone': head,
    'half a head': head.subarray(0, 20),
    nothing: Buffer.alloc(0),
    reordered: Buffer.concat([head, chunk(1, 2), chunk(0, 1), chunk(2)]),
    repeated: Buffer.concat([head, chunk(0, 1), chunk(0)]),
    'chunk missing': Buffer.concat([head, chunk(0, 1), chunk(2)]),
    concatenated: Buffer.concat([sealed, sealed]),
    'something appended': Buffer.concat([sealed, Buffer.of(0)]),
    'changed in its last chunk': changed(sealed.length - 20),
    'changed in its head': changed(12),
  }
  for (const [name, forged] of Object.entries(cases)) {
    const given: Buffer[] = []
    const opening = pipeline(
      cut(forged, 9_999),
      box.openStream({ context }),
      async (source: AsyncIterable<Buffer>) => {
        for await (const part of source) given.push(part)
      },
    )
    expect([name, await codeOf(opening)]).toEqual([
      name,
      ['half a head', 'nothing'].includes(name) ? 'INVALID_CIPHERTEXT' : 'DECRYPTION_FAILED',
    ])
    const prefix = Buffer.concat(given)
    expect([name, prefix.equals(value.subarray(0, prefix.length))]).toEqual([name, true])
    expect(prefix.length).toBeLessThan(value.length)
  }
})

test('another context does not open a stream, and gives no byte', async () => {
  const sealed = await sealAll(bytes(100_000))
  const opening = buffer(cut(sealed, 10_000).pipe(box.openStream({ context: { other: '1' } })))
  expect(await codeOf(opening)).toBe('DECRYPTION_FAILED')
})

test('a text’s box is refused, and so is what is no box, before all of it came', async () => {
  const text = Buffer.from(await box.seal('text', { context }), 'base64')
  expect(await codeOf(openAll(text))).toBe('INVALID_CIPHERTEXT')
  const stream = box.openStream({ context })
  const failed = once(stream, 'error')
  stream.write(Buffer.from('%PDF-1.7'))
  expect(await failed).toMatchObject([{ code: 'INVALID_CIPHERTEXT' }])
})

test('strings are refused: a source with an encoding has lost bytes already', async () => {
  const source = () => Readable.from(['one', 'two'], { objectMode: false, encoding: 'utf8' })
  for (const stream of [box.sealStream({ context }), box.openStream({ context })])
    expect(await codeOf(pipeline(source(), stream, new PassThrough()))).toBe('INVALID_VALUE')
})

test('a key service that fails ends the stream with its error', async () => {
  const { box, kms } = createTestBox()
  kms.fault = ({ operation, keyId }) =>
    kmsFailure('KMS_ACCESS_DENIED', { provider: 'local', keyId, operation })
  const sealing = pipeline(cut(bytes(10), 10), box.sealStream({ context }), new PassThrough())
  expect(await codeOf(sealing)).toBe('KMS_ACCESS_DENIED')
})

test('an abort ends both directions, and the source with them', async () => {
  const endless = () =>
    Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(10_000)
      })(),
      { objectMode: false },
    )
  const source = endless()
  const sink = slowSink()
  const signal = AbortSignal.timeout(50)
  await expect(pipeline(source, box.sealStream({ context }), sink, { signal })).rejects.toMatchObject({
    name: 'AbortError',
  })
  expect(source.destroyed && sink.destroyed).toBe(true)

  const own = endless()
  const stream = box.sealStream({ context, signal: AbortSignal.timeout(50) })
  await expect(pipeline(own, stream, slowSink())).rejects.toMatchObject({ name: 'AbortError' })
  expect(own.destroyed).toBe(true)
})

test('a slow reader holds the source back', async () => {
  let read = 0
  const source = new Readable({
    read(size) {
      read += size
      this.push(read > 64 * MiB ? null : Buffer.alloc(size))
    },
  })
  const stream = source.pipe(box.sealStream({ context }))
  await once(stream, 'readable')
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(read).toBeLessThan(MiB)
  stream.destroy()
  source.destroy()
})

test('web streams pass through', async () => {
  const value = bytes(200_000)
  const sealing = Duplex.toWeb(box.sealStream({ context }))
  const opening = Duplex.toWeb(box.openStream({ context }))
  const opened = Readable.toWeb(cut(value, 10_000)).pipeThrough(sealing).pipeThrough(opening)
  expect((await buffer(opened as AsyncIterable<Uint8Array>)).equals(value)).toBe(true)
})

test('256 MiB pass through sealing and opening in constant memory', async () => {
  const total = 256 * MiB
  const piece = bytes(64 * 1024)
  const [sent, received] = [createHash('sha256'), createHash('sha256')]
  let peak = 0
  let passed = 0
  // Only what the collector cannot take counts: when it runs by itself depends on the machine.
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const used = () => {
    collect()
    collect() // buffers are freed beside the first one
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  function* pieces() {
    for (let at = 0; at < total; at += piece.length) {
      sent.update(piece)
      yield piece
    }
  }
  const before = used()
  await pipeline(
    Readable.from(pieces(), { objectMode: false }),
    box.sealStream({ context }),
    box.openStream({ context }),
    async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) {
        const mark = Math.floor(passed / (8 * MiB))
        passed += chunk.length
        received.update(chunk)
        if (Math.floor(passed / (8 * MiB)) > mark) peak = Math.max(peak, used() - before)
      }
    },
  )
  expect(passed).toBe(total)
  expect(received.digest('hex')).toBe(sent.digest('hex'))
  expect(peak).toBeLessThan(16 * MiB) // a stream that kept its bytes would need 256
}, 120_000)
