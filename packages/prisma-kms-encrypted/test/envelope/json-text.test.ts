import { Decimal, JsonNull } from '@prisma/client/runtime/client'
import fc from 'fast-check'
import { inspect } from 'node:util'
import { jsonText } from '../../src/envelope/json-text.js'
import { codeOf, failureOf } from './failure.js'

class Inheriting {
  own = 1
}
Object.assign(Inheriting.prototype, { inherited: 2 })

/** The second column is what Prisma 7.10 was seen to store in a `json` column of PostgreSQL. */
test.each<[string, unknown, string]>([
  ['a string', 'hello', '"hello"'],
  ['a number', 1.5, '1.5'],
  ['a boolean', false, 'false'],
  ['an empty array', [], '[]'],
  ['a nested bigint', { a: 1n }, '{"a":"1"}'],
  ['a nested Decimal', { a: new Decimal('1e30'), b: new Decimal('1e-10') }, '{"a":"1e+30","b":"1e-10"}'],
  ['a Decimal without trailing zeros', [new Decimal('1.50')], '["1.5"]'],
  ['a Decimal that is NaN', { a: new Decimal(NaN) }, '{"a":"NaN"}'],
  ['a Date', new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ['a nested Date', { d: new Date(0) }, '{"d":"1970-01-01T00:00:00.000Z"}'],
  ['a Uint8Array', new Uint8Array([1, 2, 255]), '"AQL/"'],
  ['a nested Buffer', { b: Buffer.from('hi') }, '{"b":"aGk="}'],
  ['a view on part of its memory', { b: new Uint8Array([0, 1, 2, 3]).subarray(1, 3) }, '{"b":"AQI="}'],
  ['another typed array', { b: new Float64Array([1]) }, '{"b":"AAAAAAAA8D8="}'],
  ['a DataView', { b: new DataView(new ArrayBuffer(2)) }, '{"b":"AAA="}'],
  ['an ArrayBuffer', { b: new ArrayBuffer(2) }, '{"b":{}}'],
  [
    'a toJSON',
    { a: { toJSON: () => ({ z: 1, d: new Date(0) }) } },
    '{"a":{"z":1,"d":"1970-01-01T00:00:00.000Z"}}',
  ],
  ['a toJSON that gives a bigint', { a: { toJSON: () => 1n } }, '{"a":"1"}'],
  ['a toJSON that gives bytes', { a: { toJSON: () => new Uint8Array([1]) } }, '{"a":"AQ=="}'],
  ['a toJSON that gives nothing', { a: { toJSON: () => undefined } }, '{}'],
  ['a toJSON that looks at its key', { a: { toJSON: (key?: string) => key ?? 'none' } }, '{"a":"none"}'],
  ['a URL', new URL('http://a/b'), '"http://a/b"'],
  ['an undefined property', { a: undefined, b: 1 }, '{"b":1}'],
  ['inherited properties', new Inheriting(), '{"own":1,"inherited":2}'],
  ['an object without prototype', Object.assign(Object.create(null) as object, { a: 1 }), '{"a":1}'],
  ['a Map', { m: new Map([[1, 2]]) }, '{"m":{}}'],
  ['NaN and infinities', [NaN, Infinity, -Infinity], '[null,null,null]'],
  ['negative zero', { a: -0 }, '{"a":0}'],
  ['boxed values', { a: new Number(1), s: new String('ab') }, '{"a":{},"s":{"0":"a","1":"b"}}'],
  ['a $type', { $type: 'BigInt', value: '1' }, '{"$type":"BigInt","value":"1"}'],
  [
    'a $type beside special values',
    { a: { $type: 'x', n: 1n, d: new Date(0), b: Buffer.from('hi'), u: undefined } },
    '{"a":{"$type":"x","n":"1","d":"1970-01-01T00:00:00.000Z","b":{"type":"Buffer","data":[104,105]}}}',
  ],
  ['a nested null object', { a: JsonNull }, '{"a":"JsonNull"}'],
  ['large and small numbers', { a: 1e21, b: 2 ** 53, c: 1e-7 }, '{"a":1e+21,"b":9007199254740992,"c":1e-7}'],
  ['integer keys before others', { b: 1, a: 2, 1: 3 }, '{"1":3,"b":1,"a":2}'],
  ['a lone surrogate, escaped', { a: '\ud800' }, '{"a":"\\ud800"}'],
  ['NUL', { a: 'a\0b' }, '{"a":"a\\u0000b"}'],
  [
    'keys of any script',
    { é: 'ü', '\u2028': '😀', 'k"': '\\\b/' },
    '{"é":"ü","\u2028":"😀","k\\"":"\\\\\\b/"}',
  ],
])('%s becomes the text that Prisma stores', (_, value, text) => {
  expect(jsonText(value)).toBe(text)
})

test('three accidents of Prisma are not followed', () => {
  expect(jsonText(JSON.parse('{"__proto__":{"x":1}}'))).toBe('{"__proto__":{"x":1}}')
  expect(jsonText({ __prismaRawParameters__: true, values: 5 })).toBe(
    '{"__prismaRawParameters__":true,"values":5}',
  )
  expect(jsonText(new Decimal('1.50'))).toBe('"1.5"')
})

class Skip {
  ifUndefined(): void {
    throw new Error('never called')
  }
}

test('Prisma.skip drops a property and is refused elsewhere', () => {
  const skip = new Skip()
  expect(jsonText({ a: skip, b: 1 })).toBe('{"b":1}')
  expect(codeOf(() => jsonText([skip]))).toBe('INVALID_VALUE')
  expect(codeOf(() => jsonText(skip))).toBe('INVALID_VALUE')
})

const cycle: Record<string, unknown> = {}
cycle['self'] = cycle

test.each<[string, unknown]>([
  ['undefined', undefined],
  ['a function', () => 1],
  ['a nested function', { a: () => 1 }],
  ['a symbol', { a: Symbol('secret-4711') }],
  ['a bigint at the top', 1n],
  ['an invalid date', { d: new Date(NaN) }],
  ['undefined in an array', [undefined]],
  ['a hole in an array', new Array(2)],
  ['a cycle', cycle],
  [
    'a toJSON that throws',
    {
      toJSON: () => {
        throw new Error('secret-4711')
      },
    },
  ],
  ['a toJSON that gives undefined at the top', { toJSON: () => undefined }],
])('%s is refused', (_, value) => {
  const error = failureOf(() => jsonText(value, 'User.notes'))
  expect(error.code).toBe('INVALID_VALUE')
  expect(error.message).toContain('User.notes')
  expect(inspect(error, { depth: 10 })).not.toContain('secret-4711')
})

test('every JSON value keeps its content', () => {
  fc.assert(
    fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
      const text = jsonText(value)
      expect(text).toBe(JSON.stringify(value))
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})
