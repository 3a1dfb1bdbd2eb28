import fc from 'fast-check'
import { encodeNames } from '../../src/envelope/names.js'
import { codeOf } from './failure.js'

test('each name follows its length in bytes', () => {
  expect(encodeNames('User', 'é').toString('hex')).toBe('000455736572' + '0002c3a9')
})

test('different pairs of names give different bytes', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(name, name, name, name, (model, field, otherModel, otherField) => {
      fc.pre(model !== otherModel || field !== otherField)
      expect(encodeNames(model, field).equals(encodeNames(otherModel, otherField))).toBe(false)
    }),
  )
  expect(encodeNames('ab', 'c').equals(encodeNames('a', 'bc'))).toBe(false)
})

test.each([
  ['empty', ''],
  ['of more than 65,535 bytes', 'é'.repeat(32_768)],
  ['with a lone surrogate', 'a\ud800'],
])('a name that is %s is refused', (_, name) => {
  expect(codeOf(() => encodeNames(name, 'field'))).toBe('INVALID_CONFIGURATION')
  expect(codeOf(() => encodeNames('Model', name))).toBe('INVALID_CONFIGURATION')
})
