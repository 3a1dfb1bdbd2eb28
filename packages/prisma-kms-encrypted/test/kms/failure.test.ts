import { codeOf } from './code-of.js'
import { inspect } from 'node:util'
import { errorCodes, KmsEncryptedError } from '../../src/errors.js'
import { isRetryable, kmsFailure } from '../../src/kms/failure.js'
import type { KmsFailureCode } from '../../src/kms/failure.js'
import { attempt, checkDataKey, checkPlaintextKey } from '../../src/kms/outcome.js'

const place = { provider: 'aws', keyId: 'alias/app', operation: 'unwrap' } as const

test('only throttling, timeouts, outages and damaged answers are worth another attempt', () => {
  const codes = errorCodes.filter((code): code is KmsFailureCode => code.startsWith('KMS_'))
  expect(codes.filter((code) => isRetryable(kmsFailure(code, place)))).toEqual([
    'KMS_THROTTLED',
    'KMS_TIMEOUT',
    'KMS_UNAVAILABLE',
    'KMS_INVALID_RESPONSE',
  ])
  expect(isRetryable(new Error('KMS_TIMEOUT'))).toBe(false)
})

test('a failure names the operation, the key and the provider', () => {
  const error = kmsFailure('KMS_TIMEOUT', place, { detail: 'after 5 s' })
  expect(error.message).toContain(
    'KMS unwrap with alias/app (aws): no answer came before the deadline: after 5 s',
  )
})

test('what is thrown by foreign code does not get through', () => {
  const outcome = attempt(place, () => {
    throw Object.assign(new Error('token=s.secret'), { config: { data: 'plaintext' } })
  })
  expect(outcome).toMatchObject({ ok: false, error: { code: 'KMS_UNAVAILABLE' } })
  expect(inspect(outcome, { depth: 10 })).not.toMatch(/s\.secret|plaintext'/)
})

test('a key of another length is refused and zeroed', () => {
  const key = new Uint8Array(16).fill(7)
  expect(codeOf(() => checkDataKey(key, place))).toBe('KMS_INVALID_CIPHERTEXT')
  expect(key.every((byte) => byte === 0)).toBe(true)
  expect(() => {
    checkPlaintextKey(new Uint8Array(31))
  }).toThrow(KmsEncryptedError)
})
