/**
 * Computes the stored formats again, from docs/formats.md and Node's cryptography alone: it imports nothing of the library,
 * so that the golden vectors are checked against a second implementation and not against themselves.
 */

import { createCipheriv, createHmac } from 'node:crypto'

function u16Prefixed(name: string): Buffer {
  const bytes = Buffer.from(name)
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes])
}

/** The block that a data key is expanded to: 32 bytes of AES key, 16 of commitment, 16 unused. */
export function expandDataKey(dataKey: Buffer): { aesKey: Buffer; commitment: Buffer } {
  const input = Buffer.from('prisma-kms-encrypted/1\u0001', 'latin1')
  const block = createHmac('sha512', dataKey).update(input).digest()
  return { aesKey: block.subarray(0, 32), commitment: block.subarray(32, 48) }
}

/** An encrypted field value, all bytes. */
export function fieldValue(input: {
  dataKey: Buffer
  nonce: Buffer
  model: string
  field: string
  valueType: number
  plaintext: Buffer
}): Buffer {
  const { aesKey, commitment } = expandDataKey(input.dataKey)
  const prefix = Buffer.from([0x4b, 0x45, 0x01, input.valueType])
  const cipher = createCipheriv('aes-256-gcm', aesKey, input.nonce)
  cipher.setAAD(Buffer.concat([prefix, u16Prefixed(input.model), u16Prefixed(input.field)]))
  const ciphertext = Buffer.concat([cipher.update(input.plaintext), cipher.final()])
  return Buffer.concat([prefix, commitment, input.nonce, ciphertext, cipher.getAuthTag()])
}

/** A whole box, all bytes. `context` is the canonical JSON text. */
export function sealedBox(input: {
  dataKey: Buffer
  keyVersion: number
  content: number
  wrappedKey: Buffer
  context: string
  plaintext: Buffer
}): Buffer {
  const { keyVersion: version, wrappedKey, plaintext } = input
  const derivation = Buffer.from('prisma-kms-encrypted/box/1\u0001', 'latin1')
  const block = createHmac('sha512', input.dataKey).update(derivation).digest()
  const head = Buffer.concat([
    Buffer.from([0x4b, 0x42, 0x01, input.content]),
    Buffer.from([version >>> 24, (version >>> 16) & 0xff, (version >>> 8) & 0xff, version & 0xff]),
    Buffer.from([wrappedKey.length >> 8, wrappedKey.length & 0xff]),
    wrappedKey,
  ])
  const context = Buffer.from(input.context)
  const length = Buffer.from([0, 0, context.length >> 8, context.length & 0xff])
  const tag = createHmac('sha256', block.subarray(32))
    .update(Buffer.concat([head, length, context]))
    .digest()
  const parts = [head, tag]
  const chunks = Math.max(1, Math.ceil(plaintext.length / 65536))
  for (let index = 0; index < chunks; index++) {
    const nonce = Buffer.alloc(12)
    nonce.writeUInt32BE(index, 7)
    nonce[11] = index === chunks - 1 ? 1 : 0
    const cipher = createCipheriv('aes-256-gcm', block.subarray(0, 32), nonce)
    const chunk = plaintext.subarray(index * 65536, (index + 1) * 65536)
    parts.push(cipher.update(chunk), cipher.final(), cipher.getAuthTag())
  }
  return Buffer.concat(parts)
}

/** The text of a key column. */
export function keyColumn(
  entries: readonly { version: number; ciphertext: string; commitment: string | null }[],
): string {
  return entries
    .map(({ version, ciphertext, commitment }) => {
      const base64 = Buffer.from(ciphertext, 'hex').toString('base64')
      if (commitment === null) return `v${version}:${base64}`
      const label = Buffer.from(commitment, 'hex')
        .toString('base64')
        .replaceAll('+', '-')
        .replaceAll('/', '_')
        .replaceAll('=', '')
      return `v${version}:${base64}.${label}`
    })
    .join(' ')
}

/** The key of a field's index: HKDF-SHA-256 spelled out after RFC 5869, one block of output. */
export function indexKey(masterKey: Buffer, model: string, field: string): Buffer {
  const info = Buffer.concat([
    Buffer.from('prisma-kms-encrypted/index/1'),
    u16Prefixed(model),
    u16Prefixed(field),
  ])
  const pseudoRandomKey = createHmac('sha256', Buffer.alloc(32)).update(masterKey).digest()
  return createHmac('sha256', pseudoRandomKey)
    .update(info)
    .update(Buffer.from([1]))
    .digest()
}

/** The blind index of a value, as text; bits beyond `bits` are cut bit by bit. */
export function blindIndex(key: Buffer, valueType: number, plaintext: Buffer, bits: number): string {
  const digest = createHmac('sha256', key)
    .update(Buffer.concat([Buffer.from([valueType]), plaintext]))
    .digest()
  const kept = Buffer.alloc(Math.ceil(bits / 8))
  for (let bit = 0; bit < bits; bit++) {
    const byte = bit >> 3
    kept[byte] = (kept[byte] ?? 0) | ((digest[byte] ?? 0) & (0x80 >> (bit & 7)))
  }
  return kept.toString('base64')
}

/** A data key wrapped under a branch key; `contextText` is the JSON text of the context. */
export function branchWrapped(input: {
  branchId: Buffer
  branchKey: Buffer
  salt: Buffer
  dataKey: Buffer
  contextText: string
}): Buffer {
  const head = Buffer.concat([Buffer.from([0x4b, 0x42, 0x01]), input.branchId])
  const aesKey = createHmac('sha256', input.branchKey).update(input.salt).digest()
  const cipher = createCipheriv('aes-256-gcm', aesKey, Buffer.alloc(12))
  cipher.setAAD(Buffer.concat([head, Buffer.from(input.contextText)]))
  return Buffer.concat([head, input.salt, cipher.update(input.dataKey), cipher.final(), cipher.getAuthTag()])
}
