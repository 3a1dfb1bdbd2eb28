/** Pins every stored format to fixed bytes, computed by a second implementation and written down. */

import { readFileSync } from 'node:fs'
import {
  computeBlindIndex,
  deriveIndexKey,
  normalizeText,
  type NormalizationStep,
} from '../../src/envelope/blind-index.js'
import { createFieldCipher } from '../../src/envelope/cipher.js'
import { deriveDataKey } from '../../src/envelope/data-key.js'
import { createFieldCodec } from '../../src/envelope/field-codec.js'
import { type ValueType, type ValueTypeName, valueTypes } from '../../src/envelope/field-format.js'
import { formatKeyColumn, parseKeyColumn } from '../../src/envelope/key-column.js'
import { scalarBytes } from '../../src/envelope/scalar-bytes.js'
import { blindIndex, fieldValue, indexKey, keyColumn } from './independent.js'

interface FieldValueVector {
  name: string
  dataKey: string
  nonce: string
  model: string
  field: string
  valueType: ValueType
  value: unknown
  plaintext: string
  stored: string
}

interface KeyColumnVector {
  name: string
  entries: { version: number; ciphertext: string; commitment: string | null }[]
  text: string
}

interface BlindIndexVector {
  name: string
  masterKey: string
  model: string
  field: string
  indexKey: string
  valueType: ValueType
  value: string
  normalize: NormalizationStep[]
  normalised: string
  bits: number
  index: string
}

/** Files are trusted to have the shapes above; the assertions fail if they have not. */
function readVectors<T>(file: string): T[] {
  return JSON.parse(readFileSync(new URL(`../vectors/${file}`, import.meta.url), 'utf8')) as T[]
}

const hex = (text: string) => Buffer.from(text, 'hex')

const typeNames = new Map(Object.entries(valueTypes).map(([name, number]) => [number, name as ValueTypeName]))

/** The JavaScript value that a vector writes as JSON. */
function valueOf({ valueType, value }: FieldValueVector): unknown {
  if (valueType === valueTypes.bytes) return new Uint8Array(hex(value as string))
  if (valueType === valueTypes.bigint) return BigInt(value as string)
  if (valueType === valueTypes.datetime) return new Date(value as string)
  return value
}

const fieldValues = readVectors<FieldValueVector>('field-values.json')

test('there is a vector for every value type', () => {
  expect(new Set(fieldValues.map(({ valueType }) => valueType))).toEqual(new Set(Object.values(valueTypes)))
})

describe.each(fieldValues.map((vector) => [vector.name, vector] as const))('field value: %s', (_, vector) => {
  const { model, field, valueType } = vector
  const dataKey = deriveDataKey(hex(vector.dataKey))
  const stored = hex(vector.stored)
  const value = valueOf(vector)
  const conversions = scalarBytes[typeNames.get(valueType) ?? 'string']
  const nonces = () => hex(vector.nonce)

  test('a second implementation gives the same bytes', () => {
    const input = { dataKey: hex(vector.dataKey), nonce: hex(vector.nonce), plaintext: hex(vector.plaintext) }
    expect(fieldValue({ ...input, model, field, valueType }).toString('hex')).toBe(vector.stored)
  })

  test('sealing gives these bytes, and they open to the value', () => {
    const cipher = createFieldCipher({ model, field, valueType, where: 'Model.field', nonces })
    const plaintext = conversions.toBytes(value, 'Model.field')
    expect(Buffer.from(plaintext).toString('hex')).toBe(vector.plaintext)
    expect(cipher.seal(plaintext, dataKey).toString('hex')).toBe(vector.stored)
    expect(conversions.fromBytes(cipher.open(stored, dataKey), 'Model.field')).toEqual(value)
  })
})

describe.each([
  ['String', 0],
  ['Bytes', 1],
  ['Json', 2],
] as const)('%s columns', (type, valueType) => {
  const vectors = fieldValues.filter((vector) => vector.valueType === valueType)

  test.each(vectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
    const { model, field } = vector
    const nonces = () => hex(vector.nonce)
    const codec = createFieldCodec({ model, field, type, where: 'Model.field', capacity: null, nonces })
    const dataKey = deriveDataKey(hex(vector.dataKey))
    const value = type === 'Json' ? (JSON.parse(vector.value as string) as unknown) : valueOf(vector)
    const column =
      type === 'Bytes' ? new Uint8Array(hex(vector.stored)) : hex(vector.stored).toString('base64')
    expect(codec.seal(value, dataKey)).toEqual(column)
    expect(codec.open(column, dataKey)).toEqual(value)
    expect(codec.commitmentOf(column).toString('hex')).toBe(vector.stored.slice(8, 40))
  })
})

describe.each(
  readVectors<KeyColumnVector>('key-columns.json').map((vector) => [vector.name, vector] as const),
)('key column: %s', (_, vector) => {
  const entries = vector.entries.map(({ version, ciphertext, commitment }) => ({
    version,
    ciphertext: hex(ciphertext),
    commitment: commitment === null ? null : hex(commitment),
  }))

  test('a second implementation gives the same text', () => {
    expect(keyColumn(vector.entries)).toBe(vector.text)
  })

  test('the text is read and written', () => {
    expect(parseKeyColumn(vector.text, 'User.encryptedKmsKey')).toEqual(entries)
    expect(formatKeyColumn(entries)).toBe(vector.text)
  })
})

describe.each(
  readVectors<BlindIndexVector>('blind-indexes.json').map((vector) => [vector.name, vector] as const),
)('blind index: %s', (_, vector) => {
  const { model, field, valueType, bits } = vector

  test('a second implementation gives the same index', () => {
    const key = indexKey(hex(vector.masterKey), model, field)
    expect(key.toString('hex')).toBe(vector.indexKey)
    expect(blindIndex(key, valueType, Buffer.from(vector.normalised), bits)).toBe(vector.index)
  })

  test('normalising and hashing gives the index', () => {
    const key = deriveIndexKey(hex(vector.masterKey), model, field)
    const normalised = normalizeText(vector.value, vector.normalize)
    expect(normalised).toBe(vector.normalised)
    expect(computeBlindIndex(key, valueType, Buffer.from(normalised), bits)).toBe(vector.index)
  })
})
