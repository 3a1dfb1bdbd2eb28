/** The format of boxes: pinned bytes, and every way to change, cut or rearrange one. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import {
  CHUNK_BYTES,
  SEALED_CHUNK_BYTES,
  computeHeadTag,
  createChunkOpener,
  createChunkSealer,
  deriveBoxKeys,
  verifyHeadTag,
  type ChunkStream,
} from '../../src/envelope/box-chunks.js'
import { formatBoxHead, parseBoxHead, type BoxContent } from '../../src/envelope/box-format.js'
import { codeOf as failureCode } from './failure.js'
import { sealedBox } from './independent.js'

interface BoxVector {
  name: string
  dataKey: string
  keyVersion: number
  content: 0 | 1
  wrappedKey: string
  context: string
  /** Hexadecimal; long ones are the bytes 0, 1 … 250, 0, 1 … up to `plaintextBytes`. */
  plaintext?: string
  plaintextBytes?: number
  stored?: string
  storedBytes?: number
  storedSha256?: string
}

// The file is trusted to have this shape; the assertions fail if it has not.
const vectors = JSON.parse(
  readFileSync(new URL('../vectors/boxes.json', import.meta.url), 'utf8'),
) as BoxVector[]
const hex = (text: string) => Buffer.from(text, 'hex')
const pattern = (bytes: number) => Buffer.from(Uint8Array.from({ length: bytes }, (_, index) => index % 251))
const plaintextOf = ({ plaintext, plaintextBytes = 0 }: BoxVector) =>
  plaintext === undefined ? pattern(plaintextBytes) : hex(plaintext)
const contents: readonly BoxContent[] = ['text', 'bytes']

const run = (chunks: ChunkStream, bytes: Uint8Array) =>
  Buffer.concat([...chunks.update(bytes), chunks.finish()])
const keys = deriveBoxKeys(Buffer.alloc(32, 7))
const seal = (content: Uint8Array) => run(createChunkSealer(keys), content)
const open = (sealed: Uint8Array) => run(createChunkOpener(keys), sealed)

describe('golden vectors', () => {
  test.each(vectors)('$name', (vector) => {
    const content = contents[vector.content] ?? 'text'
    const plaintext = plaintextOf(vector)
    const own = deriveBoxKeys(hex(vector.dataKey))
    const wrappedKey = hex(vector.wrappedKey)
    const head = formatBoxHead({ content, keyVersion: vector.keyVersion, wrappedKey })
    const tag = computeHeadTag(own, head, vector.context)
    const box = Buffer.concat([head, tag, run(createChunkSealer(own), plaintext)])

    if (vector.stored === undefined) {
      expect(box.length).toBe(vector.storedBytes)
      expect(createHash('sha256').update(box).digest('hex')).toBe(vector.storedSha256)
    } else expect(box.toString('hex')).toBe(vector.stored)
    expect(sealedBox({ ...vector, dataKey: hex(vector.dataKey), wrappedKey, plaintext }).equals(box)).toBe(
      true,
    )

    const parsed = parseBoxHead(box)
    expect(parsed).toMatchObject({ content, keyVersion: vector.keyVersion, wrappedKey, tag })
    verifyHeadTag(own, head, vector.context, tag)
    expect(run(createChunkOpener(own), box.subarray(head.length + 32)).equals(plaintext)).toBe(true)
  })
})

test('only data keys make the keys of a box', () => {
  for (const length of [0, 16, 31, 33])
    expect(failureCode(() => deriveBoxKeys(Buffer.alloc(length)))).toBe('KMS_INVALID_RESPONSE')
})

describe('the head', () => {
  const box = hex(vectors[0]?.stored ?? '')
  const headBytes = 14

  test('is not read before it is complete', () => {
    for (let length = 0; length < headBytes + 32; length += 1)
      expect(parseBoxHead(box.subarray(0, length))).toBeNull()
    expect(parseBoxHead(box.subarray(0, headBytes + 32))?.bytes).toHaveLength(headBytes)
  })

  test.each<[string, number, number]>([
    ['first magic byte', 0, 0x4c],
    ['second magic byte', 1, 0x45],
    ['format version 0', 2, 0],
    ['format version 2', 2, 2],
    ['content 2', 3, 2],
    ['content 255', 3, 255],
  ])('is refused with another %s', (_, offset, byte) => {
    const changed = Buffer.from(box)
    changed[offset] = byte
    expect(failureCode(() => parseBoxHead(changed))).toBe('INVALID_CIPHERTEXT')
    // As early as it can be told, for streams.
    if (offset < 3)
      expect(failureCode(() => parseBoxHead(changed.subarray(0, offset + 1)))).toBe('INVALID_CIPHERTEXT')
  })

  test('is refused with key version 0 or an empty wrapped key', () => {
    const noVersion = Buffer.from(box)
    noVersion.writeUInt32BE(0, 4)
    const noKey = Buffer.from(box)
    noKey.writeUInt16BE(0, 8)
    for (const changed of [noVersion, noKey])
      expect(failureCode(() => parseBoxHead(changed))).toBe('INVALID_CIPHERTEXT')
  })

  test('is not written with what has no form', () => {
    const write = (keyVersion: number, wrappedBytes: number) =>
      failureCode(() =>
        formatBoxHead({ content: 'text', keyVersion, wrappedKey: Buffer.alloc(wrappedBytes) }),
      )
    for (const version of [0, -1, 1.5, 2 ** 32, NaN]) expect(write(version, 1)).toBe('INVALID_CONFIGURATION')
    for (const bytes of [0, 65_536]) expect(write(1, bytes)).toBe('KMS_INVALID_RESPONSE')
  })

  test('has a tag that every byte of it, the context and the data key are part of', () => {
    const head = box.subarray(0, headBytes)
    const context = vectors[0]?.context ?? ''
    const own = deriveBoxKeys(hex(vectors[0]?.dataKey ?? ''))
    const tag = computeHeadTag(own, head, context)
    const refused = (changedHead: Buffer, changedContext: string, changedKeys = own) =>
      failureCode(() => {
        verifyHeadTag(changedKeys, changedHead, changedContext, tag)
      })
    for (let offset = 0; offset < head.length; offset += 1) {
      const changed = Buffer.from(head)
      changed[offset] = (changed[offset] ?? 0) ^ 1
      expect(refused(changed, context)).toBe('DECRYPTION_FAILED')
    }
    expect(refused(head, context.replace('42', '43'))).toBe('DECRYPTION_FAILED')
    expect(refused(head, context, keys)).toBe('DECRYPTION_FAILED')
    // Bytes do not move between head and context.
    expect(refused(head.subarray(0, -1), `${head.toString('latin1').slice(-1)}${context}`)).toBe(
      'DECRYPTION_FAILED',
    )
  })
})

describe('chunks', () => {
  const sizes = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5]

  test.each(sizes)('%i bytes come back, however they are cut on the way', (size) => {
    const content = pattern(size)
    const sealed = seal(content)
    expect(sealed.length).toBe(size + 16 * Math.max(1, Math.ceil(size / CHUNK_BYTES)))
    for (const step of [1_000, CHUNK_BYTES, SEALED_CHUNK_BYTES, 200_000]) {
      const sealer = createChunkSealer(keys)
      const opener = createChunkOpener(keys)
      const resealed: Buffer[] = []
      const opened: Buffer[] = []
      for (let at = 0; at < size; at += step) resealed.push(...sealer.update(content.subarray(at, at + step)))
      resealed.push(sealer.finish())
      for (let at = 0; at < sealed.length; at += step)
        opened.push(...opener.update(sealed.subarray(at, at + step)))
      opened.push(opener.finish())
      expect(Buffer.concat(resealed).equals(sealed)).toBe(true)
      expect(Buffer.concat(opened).equals(content)).toBe(true)
    }
  })

  const content = pattern(2 * CHUNK_BYTES + 100)
  const sealed = seal(content)
  const [first, second, last] = [
    sealed.subarray(0, SEALED_CHUNK_BYTES),
    sealed.subarray(SEALED_CHUNK_BYTES, 2 * SEALED_CHUNK_BYTES),
    sealed.subarray(2 * SEALED_CHUNK_BYTES),
  ]
  const other = deriveBoxKeys(Buffer.alloc(32, 8))

  test.each<[string, readonly Uint8Array[]]>([
    ['nothing at all', []],
    ['without its last chunk', [first, second]],
    ['cut within its last chunk', [first, second, last.subarray(0, -1)]],
    ['cut to a tag alone', [first, second, last.subarray(0, 16)]],
    ['cut within a tag', [first, second, last.subarray(0, 15)]],
    ['cut after its first chunk', [first]],
    ['without its first chunk', [second, last]],
    ['without its second chunk', [first, last]],
    ['its last chunk alone', [last]],
    ['with two chunks exchanged', [second, first, last]],
    ['with a chunk twice', [first, first, second, last]],
    ['with its last chunk twice', [first, second, last, last]],
    ['with a byte more', [first, second, last, Buffer.of(0)]],
    ['twice', [sealed, sealed]],
    ['followed by an empty chunk', [first, second, last, seal(Buffer.alloc(0))]],
    [
      'with a chunk of another box',
      [first, run(createChunkSealer(other), content).subarray(SEALED_CHUNK_BYTES)],
    ],
    ['as a whole of another box', [run(createChunkSealer(other), content)]],
  ])('a box is refused %s', (_, parts) => {
    expect(failureCode(() => open(Buffer.concat(parts)))).toBe('DECRYPTION_FAILED')
  })

  test('full chunks whose last one is made from an inner one are refused', () => {
    // The last chunk is full too, so that only the mark of the last one tells.
    const full = seal(pattern(2 * CHUNK_BYTES))
    expect(failureCode(() => open(full.subarray(0, SEALED_CHUNK_BYTES)))).toBe('DECRYPTION_FAILED')
    expect(open(full)).toHaveLength(2 * CHUNK_BYTES)
  })

  test('an empty last chunk after others is refused, though its tag is right', () => {
    // Made with our own keys: an inner chunk as it is, and an empty last one at its place.
    const sealer = createChunkSealer(keys)
    const inner = Buffer.concat(sealer.update(pattern(CHUNK_BYTES + 1)))
    const probe = createChunkOpener(keys)
    expect(Buffer.concat(probe.update(Buffer.concat([inner, Buffer.alloc(16)])))).toHaveLength(CHUNK_BYTES)
    expect(failureCode(() => probe.finish())).toBe('DECRYPTION_FAILED')
  })

  test('any changed byte is refused', () => {
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (offset, mask) => {
        const changed = Buffer.from(sealed)
        changed[offset] = (changed[offset] ?? 0) ^ mask
        expect(failureCode(() => open(changed))).toBe('DECRYPTION_FAILED')
      }),
      { numRuns: 60 },
    )
  })

  test('any cut is refused', () => {
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), (length) => {
        expect(failureCode(() => open(sealed.subarray(0, length)))).toBe('DECRYPTION_FAILED')
      }),
      { numRuns: 60 },
    )
  })

  test('nothing of a chunk is given before all of it is there and verified', () => {
    const opener = createChunkOpener(keys)
    expect(opener.update(sealed.subarray(0, SEALED_CHUNK_BYTES))).toEqual([])
    expect(opener.update(sealed.subarray(SEALED_CHUNK_BYTES, SEALED_CHUNK_BYTES + 1))).toHaveLength(1)
    const changed = Buffer.from(sealed)
    changed[SEALED_CHUNK_BYTES + 9] = (changed[SEALED_CHUNK_BYTES + 9] ?? 0) ^ 1
    const other = createChunkOpener(keys)
    expect(other.update(changed.subarray(0, 2 * SEALED_CHUNK_BYTES))).toHaveLength(1)
    expect(failureCode(() => other.update(changed.subarray(2 * SEALED_CHUNK_BYTES)))).toBe(
      'DECRYPTION_FAILED',
    )
  })

  test('the same content under two data keys has nothing in common', () => {
    const another = run(createChunkSealer(other), content)
    expect(another.subarray(0, 64).equals(sealed.subarray(0, 64))).toBe(false)
  })
})
