/** Runs what must fail and gives its error, so that tests can assert the code first. */

import { isKmsEncryptedError, type KmsEncryptedError } from '../../src/errors.js'

/** Gives the error that `run` throws; a test fails when `run` returns or throws anything else. */
export function failureOf(run: () => unknown): KmsEncryptedError {
  let result: unknown
  try {
    result = run()
  } catch (error) {
    if (isKmsEncryptedError(error)) return error
    throw error
  }
  throw new Error(`expected a failure, got a result of type ${typeof result}`)
}

/** The code of the error that `run` throws. */
export function codeOf(run: () => unknown): string {
  return failureOf(run).code
}
