import { createRedaction } from '../../src/cli/redaction.js'
import { errorParts, reportError } from '../../src/cli/report-error.js'
import { KmsEncryptedError } from '../../src/errors.js'
import { keepTerminal } from './terminal-stub.js'

const env = {
  DATABASE_URL: 'postgresql://app:p%40ssw0rd@db.example:5432/shop?sslmode=require',
  VAULT_TOKEN: 'hvs.CAESIJlongtokenlongtoken',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  KMS_LOCAL_KEY: 'c2VjcmV0LW1hc3Rlci1rZXktb2YtMzItYnl0ZXMhISE=',
  KMS_KEY_ID: 'alias/application',
  APP_PASSWORD: 'abc',
}
const redact = createRedaction(env)

test.each([
  ['the whole connection string', `cannot connect to ${env.DATABASE_URL}`],
  ['its password alone', 'password p%40ssw0rd was refused'],
  ['its password, decoded', 'password p@ssw0rd was refused'],
  ['another connection string', 'mysql://root:hunter22@127.0.0.1/x refused'],
  ['one whose password holds signs', 'mysql://root:hunt:er@22@127.0.0.1/x refused'],
  ['a parameter', 'jdbc:sqlserver://h;user=sa;password=hunter22;x=1'],
  ['a token', `403 for ${env.VAULT_TOKEN}`],
  ['another token', '403 for hvs.AAAAAAAAAAAAAAAAAAAAAAAA'],
  ['a secret of AWS', `signed with ${env.AWS_SECRET_ACCESS_KEY}`],
  ['local key material', `key ${env.KMS_LOCAL_KEY} has 32 bytes`],
  ['ciphertext', `row S0UBAAPaZ6Dk6r1oCqA4hYw0nVqv8xw0Qe1m2b3c4d5e6f7g8h9i0jk= failed`],
  ['a wrapped key', 'column v1:AQICAHhKZ3J5cHRlZEtleUJ5dGVzSGVyZQ== failed'],
])('takes out %s', (_, text) => {
  const shown = redact(text)
  expect(shown).toContain('[hidden]')
  for (const secret of [
    'p%40ssw0rd',
    'p@ssw0rd',
    'hunt',
    'er@22',
    'CAESIJ',
    'AAAAAAAA',
    'wJalr',
    'c2VjcmV0',
    'S0UBAAPa',
    'AQICAHhK',
  ])
    expect(shown).not.toContain(secret)
})

test('leaves what is no secret', () => {
  const text =
    'KMS wrap with alias/application (aws): the key alias/application is disabled, host db.example:5432, abc'
  expect(redact(text)).toBe(text)
})

test('a KmsEncryptedError is shown with message, why, fix and code, without a stack', () => {
  const terminal = keepTerminal()
  const error = new KmsEncryptedError({
    code: 'KEY_MISSING',
    message: 'User.email: no key',
    why: 'Because.',
    fix: 'Do this.',
  })
  reportError(terminal, error, { json: false, debug: false, redact })
  expect(terminal.written.err).toBe(
    'error  User.email: no key\n  why  Because.\n  fix  Do this.\n code  KEY_MISSING\n',
  )
  const debug = keepTerminal()
  reportError(debug, error, { json: false, debug: true, redact })
  expect(debug.written.err).toMatch(/\n {4}at /)
  const json = keepTerminal()
  reportError(json, error, { json: true, debug: false, redact })
  expect(JSON.parse(json.written.err)).toEqual({
    error: { code: 'KEY_MISSING', message: 'User.email: no key', why: 'Because.', fix: 'Do this.' },
  })
})

test('of foreign errors only what says what went wrong is shown', () => {
  const prisma = Object.assign(
    new Error(
      "\nInvalid `prisma.user.findMany()` invocation in\n/app/src/x.ts:7:3\n\n  6 const secret = 'canary'\n→ 7 await prisma.user.findMany(\n\nCan't reach database server at `db.example:5432`",
    ),
    { code: 'P1001' },
  )
  expect(errorParts(prisma, redact)).toEqual({
    code: 'P1001',
    message: "Can't reach database server at `db.example:5432`",
    why: null,
    fix: null,
  })
  const syntax = new SyntaxError("Unexpected token (3:4)\n\n  2 | const secret = 'canary'\n> 3 | !!")
  expect(errorParts(syntax, redact).message).toBe('Unexpected token (3:4)')
  expect(errorParts({ evil: true }, redact).message).toBe('something other than an error')
  const terminal = keepTerminal([], 80)
  reportError(terminal, new Error('id \u001b]0;owned\u0007'), { json: false, debug: false, redact })
  expect(terminal.written.err).not.toContain('\u001b]')
})
