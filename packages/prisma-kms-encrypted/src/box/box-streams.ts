/** Turns a stream of bytes into a box and back, chunk by chunk, in constant memory. */
import { Transform, type TransformCallback } from 'node:stream'
import { createChunkOpener, createChunkSealer, type ChunkStream } from '../envelope/box-chunks.js'
import { invalidBox, parseBoxHead } from '../envelope/box-format.js'
import { KmsEncryptedError } from '../errors.js'
import type { ResolvedBox } from './box-config.js'
import { openHead, startBox, type BoxCall } from './box-keys.js'

/** A stream that seals what is written to it. The key service is called once, when the first bytes come. */
export function createSealStream(box: ResolvedBox, call: BoxCall): Transform {
  return createTransform(call, {
    async start(first) {
      const { head, keys } = await startBox(box, 'bytes', call)
      const chunks = createChunkSealer(keys)
      return { chunks, outputs: [head, ...chunks.update(first)] }
    },
    isReady: () => true,
  })
}

/** A stream that opens the box written to it. It gives no byte before its chunk is verified. */
export function createOpenStream(box: ResolvedBox, call: BoxCall): Transform {
  return createTransform(call, {
    async start(first) {
      const head = parseBoxHead(first)
      if (head === null) throw invalidBox('it ends within its head')
      if (head.content !== 'bytes') throw invalidBox('it holds a text, which open() opens')
      const chunks = createChunkOpener(await openHead(box, head, call))
      return { chunks, outputs: chunks.update(first.subarray(head.bytes.length + head.tag.length)) }
    },
    // Also throws as soon as the beginning cannot be that of a box.
    isReady: (first) => parseBoxHead(first) !== null,
  })
}

interface Direction {
  /** Called once, with all bytes so far: when they are enough, or at the end. */
  start(first: Buffer): Promise<{ readonly chunks: ChunkStream; readonly outputs: readonly Buffer[] }>
  isReady(first: Buffer): boolean
}

function createTransform(call: BoxCall, direction: Direction): Transform {
  let first: Buffer = Buffer.alloc(0)
  let chunks: ChunkStream | null = null

  /** Gives everything that `bytes` completes. */
  const take = async (bytes: Uint8Array, isEnd: boolean): Promise<readonly Buffer[]> => {
    if (chunks) return chunks.update(bytes)
    first = first.length === 0 ? Buffer.from(bytes) : Buffer.concat([first, bytes])
    if (!isEnd && !direction.isReady(first)) return []
    const started = await direction.start(first)
    first = Buffer.alloc(0)
    chunks = started.chunks
    return started.outputs
  }
  /** Node's streams take callbacks; an error destroys the stream, and with it a whole pipeline. */
  const settle = (stream: Transform, work: Promise<readonly Buffer[]>, callback: TransformCallback): void => {
    work.then(
      (outputs) => {
        for (const output of outputs) if (output.length > 0) stream.push(output)
        callback()
      },
      (error: unknown) => {
        callback(error as Error) // what is thrown here is an Error
      },
    )
  }

  return new Transform({
    ...(call.signal && { signal: call.signal }),
    // Whatever is held back is one chunk; more of it in Node's own buffers only costs memory.
    readableHighWaterMark: 64 * 1024,
    writableHighWaterMark: 64 * 1024,
    decodeStrings: false, // a source with an encoding has lost bytes already
    transform(bytes: unknown, _encoding, callback) {
      const work = bytes instanceof Uint8Array ? take(bytes, false) : Promise.reject(notBytes())
      settle(this, work, callback)
    },
    flush(callback) {
      const finish = async (): Promise<readonly Buffer[]> => {
        const outputs = chunks ? [] : await take(Buffer.alloc(0), true)
        return chunks ? [...outputs, chunks.finish()] : outputs
      }
      settle(this, finish(), callback)
    },
  })
}

function notBytes(): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_VALUE',
    message: 'Box: expected a stream of bytes, got something else',
    why: 'A stream of a box carries bytes.',
    fix: 'Write Buffers or Uint8Arrays, and set no encoding on the source.',
  })
}
