import fc from 'fast-check'
import { inspect } from 'node:util'
import { createFieldCipher } from '../../src/envelope/cipher.js'
import type { ColumnType } from '../../src/envelope/column-storage.js'
import { deriveDataKey, generateDataKey } from '../../src/envelope/data-key.js'
import { createFieldCodec, type FieldCodec } from '../../src/envelope/field-codec.js'
import { codeOf, failureOf } from './failure.js'

const key = deriveDataKey(Buffer.alloc(32, 3))

function codecOf(type: ColumnType, capacity: number | null = null, field = 'secret'): FieldCodec {
  return createFieldCodec({ model: 'User', field, type, where: 'User.secret', capacity })
}

/** Seals bytes as a given value type, whatever they are: what a buggy or foreign writer with the key could store. */
function sealRaw(type: ColumnType, valueType: 0 | 1 | 2, plaintext: Uint8Array): string | Uint8Array {
  const cipher = createFieldCipher({ model: 'User', field: 'secret', valueType, where: 'User.secret' })
  const sealed = cipher.seal(plaintext, key)
  return type === 'Bytes' ? new Uint8Array(sealed) : sealed.toString('base64')
}

const strings = codecOf('String')
const bytes = codecOf('Bytes')
const json = codecOf('Json')

describe('round trips', () => {
  test.each([
    ['an empty string', ''],
    ['NUL', 'a\0b'],
    ['emoji', '🦊👩‍👩‍👧‍👦'],
    ['a byte order mark', '\ufeffx'],
    ['text that looks encrypted', 'S0UBAAAA'],
    ['4 MiB', 'é'.repeat(2 * 1024 * 1024)],
  ])('%s', (_, value) => {
    const stored = strings.seal(value, key)
    expect(stored).toMatch(/^S0UB/)
    expect(strings.open(stored, key) === value).toBe(true)
  })

  test('any well-formed string', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(strings.open(strings.seal(value, key), key)).toBe(value)
      }),
    )
  })

  test('any bytes, and 4 MiB of them', () => {
    const sameBytes = (value: Uint8Array) => {
      const opened = bytes.open(bytes.seal(value, key), key)
      expect(Buffer.compare(opened as Uint8Array, value)).toBe(0)
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 10_000 }), sameBytes))
    sameBytes(new Uint8Array(4 * 1024 * 1024).fill(7))
  })

  test('any JSON but null', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary', maxDepth: 5 }), (value) => {
        fc.pre(value !== null)
        expect(json.open(json.seal(value, key), key)).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  test('deeply nested JSON', () => {
    let value: unknown = 'x'
    for (let depth = 0; depth < 500; depth++) value = { ключ: [value] }
    expect(JSON.stringify(json.open(json.seal(value, key), key))).toBe(JSON.stringify(value))
  })

  test('special values inside JSON come back as the strings that Prisma would store', () => {
    const value = { n: 2n ** 60n, d: new Date(0), b: new Uint8Array([1]), u: undefined }
    expect(json.open(json.seal(value, key), key)).toEqual({
      n: '1152921504606846976',
      d: '1970-01-01T00:00:00.000Z',
      b: 'AQ==',
    })
  })
})

describe('memory', () => {
  test('Bytes columns get and give plain Uint8Arrays that share their memory with nothing', () => {
    for (const length of [0, 10, 4000, 4100, 9000]) {
      const input = new Uint8Array(length).fill(1)
      const stored = bytes.seal(input, key) as Uint8Array
      const opened = bytes.open(stored, key) as Uint8Array
      for (const [array, expected] of [
        [stored, length + 48],
        [opened, length],
      ] as const) {
        expect(Buffer.isBuffer(array)).toBe(false)
        expect([array.byteOffset, array.length, array.buffer.byteLength]).toEqual([0, expected, expected])
      }
    }
  })

  test('neither sealing nor opening changes what it was given', () => {
    const input = new Uint8Array([1, 2, 3])
    const stored = bytes.seal(input, key) as Uint8Array
    const before = Buffer.from(stored)
    bytes.open(stored, key)
    bytes.commitmentOf(stored)
    expect(input).toEqual(new Uint8Array([1, 2, 3]))
    expect(Buffer.from(stored)).toEqual(before)
  })

  test('a slice of a larger array is opened as if it stood alone', () => {
    const stored = bytes.seal(new Uint8Array([1, 2, 3]), key) as Uint8Array
    const padded = Buffer.concat([Buffer.alloc(5), stored, Buffer.alloc(5)])
    expect(bytes.open(padded.subarray(5, -5), key)).toEqual(new Uint8Array([1, 2, 3]))
  })
})

describe('values that are refused', () => {
  test.each<[ColumnType, unknown]>([
    ['String', 4711],
    ['String', null],
    ['String', undefined],
    ['String', ['4711']],
    ['String', new Uint8Array(4)],
    ['String', 'lone \ud800 surrogate 4711'],
    ['Bytes', '4711'],
    ['Bytes', new ArrayBuffer(4)],
    ['Bytes', { type: 'Buffer', data: [4711] }],
    ['Json', undefined],
    ['Json', null],
    ['Json', NaN],
    ['Json', { toJSON: () => null }],
    ['Json', [undefined, 4711]],
    ['Json', 4711n],
  ])('%s does not take %p', (type, value) => {
    const error = failureOf(() => codecOf(type).seal(value, key))
    expect(error.code).toBe('INVALID_VALUE')
    expect(error.message).toContain('User.secret')
    expect(inspect(error, { depth: 10 }).replace(/at .*/g, '')).not.toContain('4711')
  })
})

describe('capacity', () => {
  test('counts the characters of base64 in a String column', () => {
    // 48 bytes of overhead and 3 of text are 51 bytes, 68 characters.
    expect(codecOf('String', 68).seal('abc', key)).toHaveLength(68)
    const error = failureOf(() => codecOf('String', 71).seal('abcd', key))
    expect(error.code).toBe('VALUE_TOO_LONG')
    expect(error.message).toContain('at most 71 characters once encrypted, got 72')
  })

  test('counts UTF-8 bytes, not characters, of the plaintext', () => {
    expect(codeOf(() => codecOf('String', 68).seal('äöü', key))).toBe('VALUE_TOO_LONG')
  })

  test('counts bytes in a Bytes column', () => {
    expect(codecOf('Bytes', 51).seal(new Uint8Array(3), key)).toHaveLength(51)
    expect(codeOf(() => codecOf('Bytes', 50).seal(new Uint8Array(3), key))).toBe('VALUE_TOO_LONG')
  })
})

describe('stored values that do not look encrypted', () => {
  test.each<[ColumnType, unknown]>([
    ['String', ''],
    ['String', 'ada@example.com'],
    ['String', 'S0'],
    ['String', 'S0T='],
    ['String', ' S0UB'],
    ['Json', 'plain text'],
    ['Json', { a: 1 }],
    ['Json', [1]],
    ['Json', 5],
    ['Json', true],
    ['Bytes', new Uint8Array()],
    ['Bytes', new Uint8Array([0x4b])],
    ['Bytes', Buffer.from('plain')],
  ])('%s %p is plaintext', (type, stored) => {
    const codec = codecOf(type)
    const error = failureOf(() => codec.open(stored, key))
    expect(error.code).toBe('PLAINTEXT_FOUND')
    expect(error.fix).toContain('`migrating`')
    expect(error.fix).toContain('`encryptAll`')
    expect(codeOf(() => codec.commitmentOf(stored))).toBe('PLAINTEXT_FOUND')
  })
})

describe('stored values that are malformed', () => {
  const stored = strings.seal('value', key) as string

  test.each<[string, string]>([
    ['a line break at the end', stored + '\n'],
    ['a space inside', stored.slice(0, 40) + ' ' + stored.slice(40)],
    [
      'the URL alphabet',
      sealRaw('String', 0, Buffer.alloc(2000)).toString().replaceAll('+', '-').replaceAll('/', '_'),
    ],
    ['missing padding', (strings.seal('abcd', key) as string).replace(/=+$/, '')],
    ['text after the padding', (strings.seal('abcd', key) as string) + 'AAAA'],
    ['only the magic', 'S0UB'],
    ['only a header', stored.slice(0, 40)],
    ['a missing character', stored.slice(0, -1)],
  ])('base64 with %s is refused', (_, text) => {
    expect(codeOf(() => strings.open(text, key))).toBe('INVALID_CIPHERTEXT')
  })

  test('base64 whose unused bits are not zero is refused', () => {
    const padded = strings.seal('a', key) as string
    expect(padded.endsWith('==')).toBe(true)
    const last = padded.charAt(padded.length - 3)
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    const changed = padded.slice(0, -3) + alphabet.charAt(alphabet.indexOf(last) + 1) + '=='
    expect(Buffer.from(changed, 'base64')).toEqual(Buffer.from(padded, 'base64'))
    expect(codeOf(() => strings.open(changed, key))).toBe('INVALID_CIPHERTEXT')
  })

  test('every changed character is refused', () => {
    for (let index = 0; index < stored.length; index++) {
      const changed = stored.slice(0, index) + (stored[index] === 'A' ? 'B' : 'A') + stored.slice(index + 1)
      expect(['PLAINTEXT_FOUND', 'INVALID_CIPHERTEXT', 'DECRYPTION_FAILED']).toContain(
        codeOf(() => strings.open(changed, key)),
      )
    }
  })

  test.each<[ColumnType, unknown]>([
    ['String', null],
    ['String', undefined],
    ['Json', null],
    ['Bytes', null],
    ['Bytes', 'S0UB'],
    ['Bytes', { 0: 0x4b, 1: 0x45 }],
  ])('%s does not open %p', (type, value) => {
    expect(codeOf(() => codecOf(type).open(value, key))).toBe('INVALID_CIPHERTEXT')
    expect(codeOf(() => codecOf(type).commitmentOf(value))).toBe('INVALID_CIPHERTEXT')
  })

  test.each<[ColumnType, 0 | 1 | 2]>([
    ['String', 1],
    ['String', 2],
    ['Bytes', 0],
    ['Bytes', 2],
    ['Json', 0],
    ['Json', 1],
  ])('%s does not open value type %d', (type, valueType) => {
    const other = sealRaw(type, valueType, Buffer.from('"x"'))
    expect(codeOf(() => codecOf(type).open(other, key))).toBe('INVALID_CIPHERTEXT')
    expect(codeOf(() => codecOf(type).commitmentOf(other))).toBe('INVALID_CIPHERTEXT')
  })

  test('a sealed text that is not UTF-8, or no JSON, is refused without being quoted', () => {
    expect(codeOf(() => strings.open(sealRaw('String', 0, Buffer.of(0xff)), key))).toBe('INVALID_CIPHERTEXT')
    const error = failureOf(() => json.open(sealRaw('Json', 2, Buffer.from('secret-4711')), key))
    expect(error.code).toBe('INVALID_CIPHERTEXT')
    expect(inspect(error, { depth: 10 })).not.toContain('secret-4711')
  })
})

describe('values in the wrong place', () => {
  test('a value of another record does not open', () => {
    expect(codeOf(() => strings.open(strings.seal('x', key), generateDataKey().dataKey))).toBe(
      'DECRYPTION_FAILED',
    )
  })

  test('a value of another field does not open', () => {
    const other = codecOf('String', null, 'other')
    expect(codeOf(() => other.open(strings.seal('x', key), key))).toBe('DECRYPTION_FAILED')
  })
})

describe('commitmentOf', () => {
  test.each<[ColumnType, unknown]>([
    ['String', 'text'],
    ['Bytes', new Uint8Array([1])],
    ['Json', { a: 1 }],
  ])('names the data key of a %s value in memory of its own', (type, value) => {
    const stored = codecOf(type).seal(value, key)
    const commitment = codecOf(type).commitmentOf(stored)
    expect(commitment).toEqual(key.commitment)
    commitment.fill(0)
    expect(codecOf(type).open(stored, key)).toEqual(value)
  })

  test('refuses a value that is too short to be one', () => {
    const stored = strings.seal('', key) as string
    expect(strings.commitmentOf(stored)).toEqual(key.commitment)
    expect(codeOf(() => strings.commitmentOf(stored.slice(0, 60)))).toBe('INVALID_CIPHERTEXT')
    const raw = bytes.seal(new Uint8Array(), key) as Uint8Array
    expect(codeOf(() => bytes.commitmentOf(raw.subarray(0, 47)))).toBe('INVALID_CIPHERTEXT')
  })
})
