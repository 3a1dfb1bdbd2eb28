import fc from 'fast-check'
import { decodeBase64, decodeBase64Url } from '../../src/envelope/base64.js'

test('canonical base64 gives its bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(decodeBase64(Buffer.from(bytes).toString('base64'))).toEqual(Buffer.from(bytes))
      expect(decodeBase64Url(Buffer.from(bytes).toString('base64url'))).toEqual(Buffer.from(bytes))
    }),
  )
})

test.each([
  ['the URL alphabet', '-_-_'],
  ['a missing pad', '/w='],
  ['no padding', '/w'],
  ['too much padding', '+++++A==='],
  ['unused bits that are not zero', '/x=='],
  ['a line break', 'AAAA\nAAAA'],
  ['a space at the end', 'AAAA '],
  ['another character', 'AA*A'],
  ['a fullwidth letter', 'AAA\uff21'],
  ['text after the padding', '/w==AAAA'],
])('base64 with %s is refused', (_, text) => {
  expect(decodeBase64(text)).toBeNull()
})

test.each([
  ['the standard alphabet', '+/+/'],
  ['padding', '_w=='],
  ['unused bits that are not zero', '_x'],
])('base64url with %s is refused', (_, text) => {
  expect(decodeBase64Url(text)).toBeNull()
})
