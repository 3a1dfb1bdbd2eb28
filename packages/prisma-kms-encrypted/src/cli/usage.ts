/** The errors of a wrong command line or configuration file, which end the command with exit code 2. */
import { isKmsEncryptedError, KmsEncryptedError } from '../errors.js'

const usageErrors = new WeakSet<Error>()

/** An error of the user's input. */
export function usageError(message: string, why: string, fix: string): KmsEncryptedError {
  const error = new KmsEncryptedError({ code: 'INVALID_CONFIGURATION', message, why, fix })
  usageErrors.add(error)
  return error
}

/** Whether {@link usageError} made it. */
export function isUsageError(error: unknown): boolean {
  return isKmsEncryptedError(error) && usageErrors.has(error)
}
