/** Pins the form of data keys under branch keys to fixed bytes, computed by other implementations and written down. */
import { readFileSync } from 'node:fs'
import { branchIdOf, unwrapUnderBranch, wrapUnderBranch } from '../../src/kms/branch-key-format.js'
import type { EncryptionContext } from '../../src/kms/provider.js'
import { branchWrapped } from '../envelope/independent.js'

interface Vector {
  readonly name: string
  readonly branchId: string
  readonly branchKey: string
  readonly salt: string
  readonly dataKey: string
  readonly context: EncryptionContext
  readonly contextText: string
  readonly wrapped: string
}

const hex = (text: string) => Buffer.from(text, 'hex')
const vectors = JSON.parse(
  readFileSync(new URL('../vectors/branch-keys.json', import.meta.url), 'utf8'),
) as Vector[] // the assertions fail if the file has another shape

describe.each(vectors.map((vector) => [vector.name, vector] as const))('%s', (_, vector) => {
  const branch = { id: vector.branchId, key: hex(vector.branchKey) }
  const wrapped = hex(vector.wrapped)

  test('a second implementation gives the same bytes', () => {
    const { contextText } = vector
    const [branchId, branchKey, salt, dataKey] = [
      vector.branchId,
      vector.branchKey,
      vector.salt,
      vector.dataKey,
    ].map(hex)
    if (!branchId || !branchKey || !salt || !dataKey) throw new Error('a vector lacks a part')
    expect(branchWrapped({ branchId, branchKey, salt, dataKey, contextText }).toString('hex')).toBe(
      vector.wrapped,
    )
  })

  test('wrapping gives these bytes, and they open', () => {
    const made = wrapUnderBranch(branch, hex(vector.dataKey), vector.context, () => hex(vector.salt))
    expect(Buffer.from(made).toString('hex')).toBe(vector.wrapped)
    expect(branchIdOf(wrapped)).toBe(vector.branchId)
    expect(unwrapUnderBranch(branch, wrapped, vector.context)).toEqual(hex(vector.dataKey))
  })

  test('under another branch key or context they do not open', () => {
    const other = { ...branch, key: hex(vector.branchKey).map((byte) => byte ^ 1) }
    expect(unwrapUnderBranch(other, wrapped, vector.context)).toBeNull()
    expect(unwrapUnderBranch(branch, wrapped, { ...vector.context, model_id: 'another' })).toBeNull()
  })
})

test('bytes of another length or beginning name no branch key', () => {
  const wrapped = hex(vectors[0]?.wrapped ?? '')
  expect(wrapped).toHaveLength(99)
  for (const other of [
    wrapped.subarray(1),
    wrapped.subarray(0, 98),
    Buffer.concat([wrapped, Buffer.of(0)]),
  ]) {
    expect(branchIdOf(other)).toBeNull()
  }
  expect(branchIdOf(Buffer.concat([Buffer.of(0x4b, 0x42, 0x02), wrapped.subarray(3)]))).toBeNull()
})
