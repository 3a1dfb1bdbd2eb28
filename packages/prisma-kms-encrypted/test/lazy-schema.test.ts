/** When the forms of options are built, and that the words of a refusal leave the application's own use of zod alone. */
import * as z from 'zod'
import * as mini from 'zod/mini'
import { createBox } from '../src/box/create-box.js'
import { resolveConfiguration } from '../src/extension/resolve-configuration.js'
import { checkForm, lazySchema } from '../src/lazy-schema.js'
import { codeOf, errorOf } from './kms/code-of.js'

const initial = { ...z.config() }
afterEach(() => {
  z.config({ customError: undefined, ...initial })
})

test('a form is built on its first check, and once', () => {
  let built = 0
  const form = lazySchema(() => {
    built += 1
    return mini.string()
  })
  expect(built).toBe(0)
  expect([checkForm(form, 'a').success, checkForm(form, 1).success, built]).toEqual([true, false, 1])
})

describe('an application that speaks German, with messages of its own', () => {
  const german = z.locales.de()
  const ours = () => 'a message of the application'

  beforeEach(() => {
    z.config({ ...german, customError: ours })
  })

  test('gets refusals in our words', () => {
    const refuse = () => createBox({ keyId: 'local/a', nope: true } as object)
    expect(codeOf(refuse)).toBe('INVALID_CONFIGURATION')
    expect(errorOf(() => resolveConfiguration({ models: {}, nope: 1, idBlock: 0 })).message).toContain(
      'idBlock: Too small: expected number to be >=2; config: Unrecognized key: "nope"',
    )
  })

  test('keeps its settings', () => {
    resolveConfiguration({ models: {} })
    expect(z.config()).toMatchObject({ localeError: german.localeError, customError: ours })
    expect(z.string().safeParse(1).error?.issues[0]?.message).toBe('a message of the application')
  })
})
