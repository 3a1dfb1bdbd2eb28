import { Decimal } from '@prisma/client/runtime/client'
import fc from 'fast-check'
import { inspect } from 'node:util'
import type { ValueTypeName } from '../../src/envelope/field-format.js'
import { ownedBytes, scalarBytes } from '../../src/envelope/scalar-bytes.js'
import { codeOf, failureOf } from './failure.js'

const where = 'User.x'

function toHex(type: ValueTypeName, value: unknown): string {
  return Buffer.from(scalarBytes[type].toBytes(value, where)).toString('hex')
}

function fromHex(type: ValueTypeName, hex: string): unknown {
  return scalarBytes[type].fromBytes(Buffer.from(hex, 'hex'), where)
}

const utf8Hex = (text: string) => Buffer.from(text).toString('hex')

test.each<[ValueTypeName, unknown, string]>([
  ['string', '', ''],
  ['string', 'a\0é🦊', '6100c3a9f09fa68a'],
  ['string', '\ufeffbom', 'efbbbf626f6d'],
  ['bytes', new Uint8Array([0, 255]), '00ff'],
  ['json', '{"a":1}', utf8Hex('{"a":1}')],
  ['boolean', false, '00'],
  ['boolean', true, '01'],
  ['int', 0, '00000000'],
  ['int', -1, 'ffffffff'],
  ['int', 2147483647, '7fffffff'],
  ['int', -2147483648, '80000000'],
  ['bigint', 1n, '0000000000000001'],
  ['bigint', -(2n ** 63n), '8000000000000000'],
  ['bigint', 2n ** 63n - 1n, '7fffffffffffffff'],
  ['float', 0, '0000000000000000'],
  ['float', 1.5, '3ff8000000000000'],
  ['float', -Number.MAX_VALUE, 'ffefffffffffffff'],
  ['float', Number.MIN_VALUE, '0000000000000001'],
  ['decimal', '-12.5', utf8Hex('-12.5')],
  ['decimal', '0', '30'],
  ['datetime', new Date(0), '0000000000000000'],
  ['datetime', new Date(-1), 'ffffffffffffffff'],
  ['datetime', new Date(8.64e15), '001eb208c2dc0000'],
  ['list', [], utf8Hex('[]')],
  ['list', ['a', '', 'ü"'], utf8Hex('["a","","ü\\""]')],
])('a %s value %j has one form of bytes', (type, value, hex) => {
  expect(toHex(type, value)).toBe(hex)
  expect(fromHex(type, hex)).toEqual(value)
})

test.each<[ValueTypeName, unknown, unknown]>([
  ['bigint', 42, 42n],
  ['float', -0, 0],
  ['decimal', '+01.50', '1.5'],
  ['decimal', 1.5, '1.5'],
  ['decimal', 10n, '10'],
  ['decimal', new Decimal('-1.50e-7'), '-0.00000015'],
  ['decimal', new Decimal('1e30'), '1' + '0'.repeat(30)],
])('as %s, %p is taken for %p', (type, value, canonical) => {
  expect(fromHex(type, toHex(type, value))).toEqual(canonical)
})

test.each<[ValueTypeName, unknown]>([
  ['string', 4711],
  ['string', null],
  ['string', undefined],
  ['string', new String('4711')],
  ['string', { set: '4711' }],
  ['string', 'a\ud800'],
  ['string', '\udc00b'],
  ['bytes', '4711'],
  ['bytes', [4711]],
  ['bytes', new ArrayBuffer(4)],
  ['bytes', new Uint16Array([4711])],
  ['json', { a: 4711 }],
  ['boolean', 1],
  ['boolean', 'true'],
  ['int', 1.5],
  ['int', 2147483648],
  ['int', -2147483649],
  ['int', NaN],
  ['int', '4711'],
  ['int', 4711n],
  ['bigint', 2n ** 63n],
  ['bigint', 2 ** 53],
  ['bigint', 1.5],
  ['bigint', '4711'],
  ['float', NaN],
  ['float', Infinity],
  ['float', '4711'],
  ['decimal', NaN],
  ['decimal', 'abc4711'],
  ['decimal', ''],
  ['decimal', null],
  ['decimal', new Decimal(Infinity)],
  ['datetime', new Date(NaN)],
  ['datetime', 4711],
  ['datetime', '1970-01-01T00:00:00.000Z'],
  ['list', 'a4711'],
  ['list', [4711]],
  ['list', ['\ud800']],
])('as %s, %p is refused without being shown', (type, value) => {
  const error = failureOf(() => scalarBytes[type].toBytes(value, where))
  expect(error.code).toBe('INVALID_VALUE')
  expect(error.message).toContain(where)
  expect(inspect(error, { depth: 10 }).replace(/at .*/g, '')).not.toContain('4711')
})

test.each<[ValueTypeName, string]>([
  ['string', 'ff'],
  ['string', 'c0af'],
  ['string', 'eda080'],
  ['string', 'f4908080'],
  ['string', '61c3'],
  ['json', 'ff'],
  ['boolean', ''],
  ['boolean', '02'],
  ['boolean', '0001'],
  ['int', ''],
  ['int', '000000'],
  ['int', '0000000000'],
  ['bigint', '00000000000000'],
  ['bigint', '000000000000000000'],
  ['float', '00000000'],
  ['float', '7ff0000000000000'],
  ['float', '7ff8000000000000'],
  ['float', '8000000000000000'],
  ['decimal', ''],
  ['decimal', utf8Hex('1.50')],
  ['decimal', utf8Hex('1e3')],
  ['decimal', utf8Hex('-0')],
  ['decimal', utf8Hex('NaN')],
  ['decimal', 'ff'],
  ['datetime', '00'],
  ['datetime', '001eb208c2dc0001'],
  ['datetime', '7fffffffffffffff'],
  ['list', utf8Hex('["a"')],
  ['list', utf8Hex('["a", "b"]')],
  ['list', utf8Hex('[1]')],
  ['list', utf8Hex('{}')],
  ['list', utf8Hex('["\\u0061"]')],
])('as %s, the bytes %s are refused', (type, hex) => {
  const error = failureOf(() => fromHex(type, hex))
  expect(error.code).toBe('INVALID_CIPHERTEXT')
  expect(error.cause).toBeUndefined()
})

test('bytes come back as a plain Uint8Array whose memory is its own', () => {
  const pooled = Buffer.from('pooled')
  const result = scalarBytes.bytes.fromBytes(pooled, where) as Uint8Array
  expect(Buffer.isBuffer(result)).toBe(false)
  expect(result.buffer.byteLength).toBe(6)
  for (const length of [0, 1, 4095, 4096, 8191, 8192, 10_000]) {
    const bytes = ownedBytes(Buffer.allocUnsafe(length))
    expect([bytes.byteOffset, bytes.length, bytes.buffer.byteLength]).toEqual([0, length, length])
  }
})

test('any value of each type comes back as it was', () => {
  const cases: [ValueTypeName, fc.Arbitrary<unknown>][] = [
    ['string', fc.string({ unit: 'binary' })],
    ['bytes', fc.uint8Array()],
    ['json', fc.json({ stringUnit: 'binary' })],
    ['boolean', fc.boolean()],
    ['int', fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })],
    ['bigint', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
    ['float', fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => number + 0)],
    ['datetime', fc.date({ noInvalidDate: true })],
    ['list', fc.array(fc.string({ unit: 'binary' }))],
  ]
  for (const [type, values] of cases) {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = Buffer.from(scalarBytes[type].toBytes(value, where))
        expect(scalarBytes[type].fromBytes(bytes, where)).toEqual(value)
      }),
    )
  }
})

test('any bytes are either refused or the one form of a value', () => {
  for (const [type, conversions] of Object.entries(scalarBytes)) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        let value: unknown
        try {
          value = conversions.fromBytes(Buffer.from(bytes), where)
        } catch {
          expect(codeOf(() => conversions.fromBytes(Buffer.from(bytes), where))).toBe('INVALID_CIPHERTEXT')
          return
        }
        expect([type, Buffer.from(conversions.toBytes(value, where)).toString('hex')]).toEqual([
          type,
          Buffer.from(bytes).toString('hex'),
        ])
      }),
    )
  }
})
