import { codeOf, errorOf } from './code-of.js'
import fc from 'fast-check'
import { canonicalContextJson, validateContext } from '../../src/kms/context.js'

const text = fc.string({ minLength: 1, unit: 'grapheme' })
const contexts = fc.dictionary(text, text, { minKeys: 1, maxKeys: 8, noNullPrototype: true })

test('golden vectors: sorted names, no spaces, UTF-8', () => {
  expect(canonicalContextJson({ model_name: 'User', model_id: '42' })).toBe(
    '{"model_id":"42","model_name":"User"}',
  )
  expect(canonicalContextJson({ model_name: 'Line', model_id: '["1","b\\"c"]' })).toBe(
    '{"model_id":"[\\"1\\",\\"b\\\\\\"c\\"]","model_name":"Line"}',
  )
  expect(canonicalContextJson({ é: '&<\u2028', 2: 'b', 10: 'a', z: '😀' })).toBe(
    '{"10":"a","2":"b","z":"😀","é":"&<\u2028"}',
  )
})

test('sorts by UTF-8 bytes, where UTF-16 order differs', () => {
  expect(canonicalContextJson({ '\u{1F600}': 'a', '\uFF5E': 'b' })).toBe('{"\uFF5E":"b","\u{1F600}":"a"}')
})

test('is JSON of the same pairs, whatever their order', () => {
  fc.assert(
    fc.property(contexts, (context) => {
      const reversed = Object.fromEntries(Object.entries(context).reverse())
      expect(canonicalContextJson(reversed)).toBe(canonicalContextJson(context))
      expect(Object.entries(JSON.parse(canonicalContextJson(context)) as object).sort()).toEqual(
        Object.entries(context).sort(),
      )
    }),
  )
})

test.each([
  ['null', null],
  ['an array', ['a']],
  ['no pairs', {}],
  ['a number', { model_id: 42 }],
  ['null as a value', { model_id: null }],
  ['an empty value', { model_id: '' }],
  ['an empty name', { '': 'x' }],
  ['a lone surrogate', { model_id: 'a\ud800' }],
  ['nine pairs', Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`p${index}`, 'x']))],
])('refuses %s', (_, context) => {
  expect(
    codeOf(() => {
      validateContext(context as never)
    }),
  ).toBe('INVALID_CONTEXT')
})

test('an error never shows a value of the context', () => {
  expect(
    errorOf(() => {
      validateContext({ model_id: 'secret-id\ud800' })
    }).message,
  ).not.toContain('secret-id')
})
