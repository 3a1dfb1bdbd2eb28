import { isKmsEncryptedError, KmsEncryptedError } from '../src/errors.js'

test('an error shows its why, fix and code, and is told apart by code', () => {
  const error = new KmsEncryptedError({
    code: 'INVALID_VALUE',
    message: 'User.email: expected a string, got a number',
    why: 'Only strings are stored in this column.',
    fix: 'Pass a string.',
  })
  expect(error.code).toBe('INVALID_VALUE')
  expect(error.message).toContain('fix: Pass a string.')
  expect(isKmsEncryptedError(error, 'INVALID_VALUE')).toBe(true)
  expect(isKmsEncryptedError(error, 'KEY_MISSING')).toBe(false)
  expect(isKmsEncryptedError(new Error('x'))).toBe(false)
})
