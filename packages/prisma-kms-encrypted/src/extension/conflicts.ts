/** The error for writes that other writers kept from happening. */
import { KmsEncryptedError } from '../errors.js'
import type { Operation } from './operation.js'

/** @returns the error after the last attempt; nothing was written */
export function writeConflict({ plan }: Operation): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'WRITE_CONFLICT',
    message: `${plan.model.name}.${plan.operation}: other writers kept changing the same records' keys`,
    why: 'New values are written only if the keys that they were sealed under are still the stored ones.',
    fix: 'Run the operation again; nothing was written.',
  })
}
