/** Reads what this library has stored, written anew from its documented formats (docs/formats.md) and sharing no code with it. */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'

/** A data key as the field format uses it. */
export interface OpenedKey {
  readonly cipherKey: KeyObject
  readonly commitment: Buffer
}

/** The key's two parts: one HMAC-SHA-512, 32 bytes AES key, 16 bytes commitment. */
export function openedKeyOf(dataKey: Uint8Array): OpenedKey {
  const block = createHmac('sha512', dataKey).update('prisma-kms-encrypted/1\x01').digest()
  return { cipherKey: createSecretKey(block.subarray(0, 32)), commitment: block.subarray(32, 48) }
}

/** The wrapped key in the key column of a record that has one. */
export function wrappedKeyOf(column: string | null): Buffer {
  const base64 = /^v1:(.+)$/.exec(column ?? '')?.[1]
  if (base64 === undefined) throw new Error('expected one key entry of version 1')
  return Buffer.from(base64, 'base64')
}

/** What the tag of a text value protects besides: magic, version and type, then both names with their lengths. */
export function textAad(model: string, field: string): Buffer {
  const named = (name: string): Buffer => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(Buffer.byteLength(name))
    return Buffer.concat([length, Buffer.from(name)])
  }
  return Buffer.concat([Buffer.of(0x4b, 0x45, 0x01, 0x00), named(model), named(field)])
}
