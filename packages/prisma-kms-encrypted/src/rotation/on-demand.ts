/**
 * The jobs that walk whole tables, as they are called from outside: each loads its code when it is first called, before
 * it reads anything. Servers that only answer requests never call one, and their start should not wait for it.
 */
import type { EncryptResult } from './encrypt-all.js'
import type { EncryptOptions } from './encrypt-options.js'
import type { RangeOptions } from './ranges.js'
import type { RotateResult } from './rotate-all.js'
import type { RotateOneOptions, RotateOptions } from './rotate-options.js'
import type { EncryptionStatus, StatusOptions } from './status.js'
import type { RowRange } from './walk-options.js'

/**
 * Renews the keys of all records of a model. By default each data key is wrapped anew under the current version of its key,
 * and the fields’ own bytes stay; `mode: 're-encrypt'` gives new data keys. `@updatedAt` stays in both. A row is changed only
 * if it is still what was read, so it can run beside writers and be killed at any moment; running it again does only what is
 * left.
 * @param delegate a model of the extended client, such as `prisma.user`
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`, `DECRYPT_NOT_PERMITTED`, `ENCRYPT_NOT_PERMITTED`; the failure of a row
 *   is reported, not thrown, unless `onError` is `'stop'`; `KMS_…` when the key service refuses 100 rows one after another
 */
export async function rotateAll<D>(delegate: D, options: RotateOptions<D> = {}): Promise<RotateResult> {
  const job = await import('./rotate-all.js')
  return job.rotateAll(delegate, options)
}

/**
 * Renews the keys of one record, as {@link rotateAll} does.
 * @returns whether there was anything to do
 * @throws KmsEncryptedError why the record could not be renewed; `INVALID_CONFIGURATION` when `where` does not find exactly
 *   one
 */
export async function rotate<D>(delegate: D, options: RotateOneOptions<D>): Promise<boolean> {
  const job = await import('./rotate-all.js')
  return job.rotate(delegate, options)
}

/**
 * Encrypts what is still plaintext in a model's encrypted fields, and fills their blind indexes. Under `migrating: 'read'`
 * it only fills the indexes, which have to be there before the first value is encrypted. `@updatedAt` stays. A row is
 * changed only if nobody has changed it since it was read, so it can run beside writers of every stage and be killed at any
 * moment; running it again does only what is left.
 * @param delegate a model of the extended client, such as `prisma.user`
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`, `DECRYPT_NOT_PERMITTED`, `ENCRYPT_NOT_PERMITTED`; the failure of a row
 *   is reported, not thrown, unless `onError` is `'stop'`; `KMS_…` when the key service refuses 100 rows one after another;
 *   `UNSUPPORTED_OPERATION` elsewhere than on PostgreSQL
 */
export async function encryptAll<D>(delegate: D, options: EncryptOptions<D> = {}): Promise<EncryptResult> {
  const job = await import('./encrypt-all.js')
  return job.encryptAll(delegate, options)
}

/**
 * Counts the rows of a model by what is stored in them; reads no plaintext and calls no key service. One scan of the
 * table on PostgreSQL, page by page elsewhere.
 * @param delegate a model of the extended client, such as `prisma.user`
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`
 */
export async function encryptionStatus(
  delegate: unknown,
  options: StatusOptions = {},
): Promise<EncryptionStatus> {
  const job = await import('./status.js')
  return job.encryptionStatus(delegate, options)
}

/**
 * Cuts a table into ranges by primary key that do not overlap and leave nothing out, to be given to `rotateAll()` as
 * `range`, by any number of processes. Only ids are read. The last range is open, for rows that are added meanwhile.
 * @param delegate a model of the extended client, such as `prisma.user`
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`
 */
export async function* rotationRanges(
  delegate: unknown,
  options: RangeOptions = {},
): AsyncGenerator<RowRange, void, void> {
  const job = await import('./ranges.js')
  yield* job.rotationRanges(delegate, options)
}
