import fc from 'fast-check'

import { isKmsEncryptedError, type KmsEncryptedError } from '../../src/errors.js'
import { type Annotation, parseAnnotations } from '../../src/schema/annotations.js'

const encrypted = { kind: 'encrypted', key: 'default', name: null } as const
const kmsKey = { kind: 'kmsKey', key: 'default', model: null } as const
const kmsId = { kind: 'kmsId' } as const

function refusal(documentation: string): KmsEncryptedError {
  try {
    parseAnnotations(documentation, 'User.email')
  } catch (error) {
    if (isKmsEncryptedError(error)) return error
    throw error
  }
  throw new Error(`not refused: ${documentation}`)
}

const blindIndex: Annotation = {
  kind: 'blindIndex',
  field: 'email',
  normalize: [],
  bits: null,
  verify: true,
}

const accepted: readonly (readonly [string, readonly Annotation[]])[] = [
  ['@encrypted', [encrypted]],
  ['  @encrypted  ', [encrypted]],
  ['@encrypted()', [encrypted]],
  ['@encrypted(key: phone)', [{ ...encrypted, key: 'phone' }]],
  ['@encrypted( name :email , key:phone )', [{ ...encrypted, key: 'phone', name: 'email' }]],
  ['@kmsKey', [kmsKey]],
  ['@kmsKey(phone)', [{ ...kmsKey, key: 'phone' }]],
  ['@kmsKey(phone, model: User)', [{ ...kmsKey, key: 'phone', model: 'User' }]],
  ['@kmsKey(model: User)', [{ ...kmsKey, model: 'User' }]],
  ['@kmsId', [kmsId]],
  ['@kmsId()', [kmsId]],
  ['@blindIndex(email)', [blindIndex]],
  ['@blindIndex(email, verify: true)', [blindIndex]],
  ['@blindIndex(email, verify: false, bits: 8)', [{ ...blindIndex, verify: false, bits: 8 }]],
  [
    '@blindIndex(email, normalize: [trim, lowercase, nfkc, diacritics, digits], bits: 32)',
    [
      {
        ...blindIndex,
        normalize: ['trim', 'lowercase', 'nfkc', 'diacritics', 'digits'],
        bits: 32,
      },
    ],
  ],
  ['The address.\n@encrypted\nSee the wiki.', [encrypted]],
  ['The address.\r\n@encrypted\r\nSee the wiki.', [encrypted]],
  ['@encrypted @kmsId', [encrypted, kmsId]],
  ['@zod.string().email() @encrypted', [encrypted]],
  ['@zod.string({ message: "say @encrypted (sic" }) @encrypted', [encrypted]],
  ["@deprecated(it's old", []],
  ['@encrypted @zod.string()', [encrypted]],
  ['@encrypted @zod.string() free text', [encrypted]],
  ['@TypeGraphQL.omit(output: true)', []],
  ['@encryptedFoo', []],
  ['@param {string} x', []],
  ['Plain prose, `@encrypted` in backticks and ("@encrypted") in quotes.', []],
  ['Write to ada@encrypted or a@kmsKey.example', []],
  ['', []],
  ['@', []],
  ['@ encrypted', []],
]

test.each(accepted)('reads %j', (documentation, annotations) => {
  expect(parseAnnotations(documentation, 'User.email')).toEqual(annotations)
})

const refused: readonly (readonly [string, string])[] = [
  ['@Encrypted', 'expected @encrypted, got @Encrypted'],
  ['@ENCRYPTED(key: phone)', 'expected @encrypted, got @ENCRYPTED'],
  ['@encrypt', 'expected @encrypted, got @encrypt'],
  ['@encypted', 'expected @encrypted, got @encypted'],
  ['@encrpyted', 'expected @encrypted, got @encrpyted'],
  ['@zod.string() @encryptd', 'expected @encrypted, got @encryptd'],
  ['@kmskey', 'expected @kmsKey, got @kmskey'],
  ['@kms-key', 'expected @kmsKey, got @kms-key'],
  ['@kms_key(phone)', 'expected @kmsKey, got @kms_key'],
  ['@kmsKeys', 'expected @kmsKey, got @kmsKeys'],
  ['@kmsID', 'expected @kmsId, got @kmsID'],
  ['@blindindex(email)', 'expected @blindIndex, got @blindindex'],
  ['@blind-index(email)', 'expected @blindIndex, got @blind-index'],
  ['see @encrypted above', '@encrypted in the middle of a line'],
  ['The key: @kmsKey', '@kmsKey in the middle of a line'],
  ['[Json] @encrypted', '@encrypted in the middle of a line'],
  ['@deprecated use @encrypted', '@encrypted in the middle of a line'],
  ["@deprecated(it's old) @encrypted", '@encrypted in the middle of a line'],
  ['@encrypted the address', 'text after an annotation on the same line: "the address"'],
  ['@encrypted key: phone', 'text after an annotation on the same line: "key: phone"'],
  ['@encrypted (key: phone)', 'a space before the parenthesis in @encrypted'],
  ['@encrypted: phone', 'an unexpected ":" in @encrypted'],
  ['@encrypted.', 'an unexpected "." in @encrypted'],
  ['@encrypted?mode=strict', 'an unexpected "?" in @encrypted'],
  ['@encrypted(key: phone)x', 'an unexpected "x" in @encrypted'],
  ['@encrypted(key: phone))', 'an unexpected ")" in @encrypted'],
  ['@encrypted@kmsKey', 'an unexpected "@" in @encrypted'],
  ['@encrypted(key: phone', 'the end of the line inside the parenthesis in @encrypted'],
  ['@encrypted(key: phone,\nname: x)', 'the end of the line inside the parenthesis in @encrypted'],
  ['@encrypted(', 'the end of the line inside the parenthesis in @encrypted'],
  ['@encrypted(key phone)', 'an unexpected "p" in @encrypted'],
  ['@encrypted(key: phone;)', 'an unexpected ";" in @encrypted'],
  ['@encrypted(key: phone,)', 'an unexpected ")" in @encrypted'],
  ['@encrypted(key: "phone")', 'an unexpected """ in @encrypted'],
  ['@encrypted(key:)', 'an unexpected ")" in @encrypted'],
  ['@encrypted(kye: phone)', 'unknown option "kye" in @encrypted'],
  ['@encrypted(model: User)', 'unknown option "model" in @encrypted'],
  ['@encrypted(key: a, key: b)', 'option "key" twice in @encrypted'],
  ['@encrypted(phone)', 'unnamed option "phone" in @encrypted'],
  ['@encrypted(key: [phone])', 'a list for "key" in @encrypted'],
  ['@encrypted(key: 1a)', 'the invalid name "1a" in @encrypted'],
  ['@encrypted(key: _a)', 'the invalid name "_a" in @encrypted'],
  ['@encrypted(key: __proto__)', 'the invalid name "__proto__" in @encrypted'],
  ['@encrypted(key: my-key)', 'the invalid name "my-key" in @encrypted'],
  ['@encrypted(name: größe)', 'the invalid name "größe" in @encrypted'],
  ['@kmsKey(phone, email)', 'a second unnamed option "email" in @kmsKey'],
  ['@kmsKey(key: phone)', 'unknown option "key" in @kmsKey'],
  ['@kmsKey(model: User, phone)', '"phone" after a named option in @kmsKey'],
  ['@kmsId(id)', 'options in @kmsId'],
  ['@blindIndex', 'no field in @blindIndex'],
  ['@blindIndex(normalize: [trim])', 'no field in @blindIndex'],
  ['@blindIndex(email, normalize: trim)', 'no list for "normalize" in @blindIndex'],
  ['@blindIndex(email, normalize: [])', 'no list for "normalize" in @blindIndex'],
  ['@blindIndex(email, normalize: [trim, upper])', 'the unknown step "upper" in @blindIndex'],
  ['@blindIndex(email, normalize: [trim, trim])', 'the step "trim" twice in @blindIndex'],
  ['@blindIndex(email, normalize: [trim lowercase])', 'an unexpected "l" in @blindIndex'],
  ['@blindIndex(email, normalize: [trim', 'the end of the line inside the parenthesis in @blindIndex'],
  ['@blindIndex(email, bits: 0)', 'an invalid number of "bits" in @blindIndex'],
  ['@blindIndex(email, bits: 256)', 'an invalid number of "bits" in @blindIndex'],
  ['@blindIndex(email, bits: -1)', 'an invalid number of "bits" in @blindIndex'],
  ['@blindIndex(email, bits: 08)', 'an invalid number of "bits" in @blindIndex'],
  ['@blindIndex(email, bits: [8])', 'an invalid number of "bits" in @blindIndex'],
  ['@blindIndex(email, verify: no)', 'an invalid "verify" in @blindIndex'],
  ['@blindIndex(email, verify: [false])', 'an invalid "verify" in @blindIndex'],
  ['@blindIndex(email, unique: true)', 'unknown option "unique" in @blindIndex'],
]

test.each(refused)('refuses %j', (documentation, found) => {
  const error = refusal(documentation)
  expect(error.code).toBe('INVALID_SCHEMA_COMMENT')
  expect(error.message.split('\n')[0]).toBe(`User.email: ${found}`)
  expect(error.fix).not.toBe('')
})

test('shows at most forty characters of a text after an annotation', () => {
  expect(refusal(`@encrypted ${'😀'.repeat(50)}`).message).toContain(`"${'😀'.repeat(40)}…"`)
})

/** Text that is likely to come near the grammar. */
const documentation = fc
  .array(
    fc.oneof(
      fc.constantFrom('@encrypted', '@kmsKey', '@kmsId', '@blindIndex', '@Encrypted', '@zod.string', '@'),
      fc.constantFrom(
        '(',
        ')',
        '[',
        ']',
        '{',
        '}',
        ',',
        ':',
        ' ',
        '\n',
        '"',
        "'",
        '`',
        '\\',
        'key',
        'normalize',
        '8',
      ),
      fc.string({ unit: 'binary', maxLength: 5 }),
    ),
  )
  .map((parts) => parts.join(''))

test('any text gives annotations or INVALID_SCHEMA_COMMENT', () => {
  fc.assert(
    fc.property(documentation, (text) => {
      try {
        return Array.isArray(parseAnnotations(text, 'User.email'))
      } catch (error) {
        return isKmsEncryptedError(error, 'INVALID_SCHEMA_COMMENT')
      }
    }),
    { numRuns: 2000 },
  )
})

test('text without @ gives nothing', () => {
  fc.assert(
    fc.property(
      documentation,
      (text) => parseAnnotations(text.replaceAll('@', ''), 'User.email').length === 0,
    ),
  )
})

test('what is written in the grammar is read back, among other libraries’ annotations', () => {
  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,8}$/)
  const foreign = fc.constantFrom('', '@zod.string().min(1) ', '@omit ', '@json({ a: "b c" }) ')
  const spaces = fc.constantFrom('', ' ', '\t')
  fc.assert(
    fc.property(name, name, foreign, spaces, (key, pinned, before, space) => {
      const text = `${before}@encrypted(${space}key${space}:${space}${key}${space},name:${pinned})${space}`
      expect(parseAnnotations(text, 'User.email')).toEqual([{ kind: 'encrypted', key, name: pinned }])
    }),
  )
})
