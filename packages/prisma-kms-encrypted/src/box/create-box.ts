/** `createBox()`: seals strings, bytes and streams outside Prisma's models, each under a data key of its own. */
import { isUtf8 } from 'node:buffer'
import { types } from 'node:util'
import type { Transform } from 'node:stream'
import { decodeBase64 } from '../envelope/base64.js'
import { createChunkOpener, createChunkSealer } from '../envelope/box-chunks.js'
import { boxContents, invalidBox, parseBoxHead, type BoxContent } from '../envelope/box-format.js'
import { invalidValue } from '../envelope/refusals.js'
import { scalarBytes } from '../envelope/scalar-bytes.js'
import { resolveBox, type BoxConfig, type ResolvedBox } from './box-config.js'
import { openHead, startBox, type BoxCall, type BoxOpenCall } from './box-keys.js'
import { createOpenStream, createSealStream } from './box-streams.js'
import { isGemBox, openGemBox } from './gem-box.js'

/** Seals and opens values. Text in gives text out, bytes give bytes. */
export interface Box {
  /**
   * Seals a text under a new data key: one call to the key service. `''` is sealed like any other.
   * @returns base64; it begins with `S0IB`
   * @throws KmsEncryptedError `INVALID_VALUE` for a lone surrogate, `INVALID_CONTEXT`, `KMS_…`
   */
  seal(value: string, call: BoxCall): Promise<string>
  /** Seals bytes under a new data key: one call to the key service. */
  seal(value: Uint8Array, call: BoxCall): Promise<Buffer>
  /**
   * Opens what {@link Box.seal} gave for a text.
   * @throws KmsEncryptedError `INVALID_CIPHERTEXT` for what is no box of a text, `UNKNOWN_KEY_VERSION`,
   *   `DECRYPTION_FAILED` for another context or key and for anything changed or cut off, `INVALID_CONTEXT`, `KMS_…`
   */
  open(sealed: string, call: BoxOpenCall): Promise<string>
  /** Opens what {@link Box.seal} gave for bytes, or {@link Box.sealStream} as a whole. */
  open(sealed: Uint8Array, call: BoxOpenCall): Promise<Buffer>
  /**
   * A stream that turns the bytes written to it into a box, in constant memory: for `pipeline()`, or by
   * `Duplex.toWeb()` for `pipeThrough()`. What it gives is a box only once it has ended without an error.
   */
  sealStream(call: BoxCall): Transform
  /**
   * A stream that opens what {@link Box.sealStream} gave, or {@link Box.seal} for bytes. It gives verified bytes only;
   * **that they are all of them is known when it ends without an error**, so keep the result aside until then.
   */
  openStream(call: BoxCall): Transform
}

/**
 * Makes a box. Everything it seals is bound to the context that it was sealed with.
 *
 * @example
 * const box = createBox({ keyId: 'alias/app' })
 * const sealed = await box.seal('secret', { context: { purpose: 'export', user: '42' } })
 *
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`, `UNKNOWN_KEY_ID`
 */
export function createBox(config: BoxConfig = {}): Box {
  const box = resolveBox(config)

  async function seal(value: string, call: BoxCall): Promise<string>
  async function seal(value: Uint8Array, call: BoxCall): Promise<Buffer>
  async function seal(value: string | Uint8Array, call: BoxCall): Promise<string | Buffer> {
    if (typeof value === 'string') {
      const sealed = await sealBytes(box, 'text', scalarBytes.string.toBytes(value, 'Box'), call)
      return sealed.toString('base64')
    }
    return sealBytes(box, 'bytes', scalarBytes.bytes.toBytes(value, 'Box'), call)
  }

  async function open(sealed: string, call: BoxOpenCall): Promise<string>
  async function open(sealed: Uint8Array, call: BoxOpenCall): Promise<Buffer>
  async function open(sealed: string | Uint8Array, call: BoxOpenCall): Promise<string | Buffer> {
    if (typeof sealed === 'string') {
      const bytes = isGemBox(sealed)
        ? await openGemBox(box, sealed, call)
        : await openBytes(box, 'text', decodeBase64(sealed), call)
      if (isUtf8(bytes)) return bytes.toString('utf8')
      throw invalidValue('Box', 'expected UTF-8 text inside, got other bytes; open the text’s bytes instead')
    }
    if (!types.isUint8Array(sealed)) throw invalidBox('expected a string or a Uint8Array')
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength)
    const text = bytes.subarray(0, 2).toString('latin1')
    return isGemBox(text)
      ? openGemBox(box, bytes.toString('latin1'), call)
      : openBytes(box, 'bytes', bytes, call)
  }

  return Object.freeze<Box>({
    seal,
    open,
    sealStream: (call) => createSealStream(box, call),
    openStream: (call) => createOpenStream(box, call),
  })
}

async function sealBytes(
  box: ResolvedBox,
  content: BoxContent,
  value: Uint8Array,
  call: BoxCall,
): Promise<Buffer> {
  const { head, keys } = await startBox(box, content, call)
  const chunks = createChunkSealer(keys)
  return Buffer.concat([head, ...chunks.update(value), chunks.finish()])
}

/** @param sealed `null`: what was given is no base64 */
async function openBytes(
  box: ResolvedBox,
  content: BoxContent,
  sealed: Buffer | null,
  call: BoxOpenCall,
): Promise<Buffer> {
  const head = sealed && parseBoxHead(sealed)
  if (!sealed || !head) throw invalidBox('it ends within its head, or is no base64')
  if (head.content !== content) {
    throw invalidBox(
      `expected content ${boxContents[content]} (${content}), got ${boxContents[head.content]}`,
    )
  }
  const chunks = createChunkOpener(await openHead(box, head, call))
  const opened = chunks.update(sealed.subarray(head.bytes.length + head.tag.length))
  return Buffer.concat([...opened, chunks.finish()])
}
