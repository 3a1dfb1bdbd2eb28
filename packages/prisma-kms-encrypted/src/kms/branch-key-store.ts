/** The interface between branch keys and wherever their wrapped forms are kept, and how its failures are told. */
import { KmsEncryptedError } from '../errors.js'

/** A branch key as it is stored. None of it is secret: the key is wrapped by the key service. */
export interface StoredBranchKey {
  /** 32 lower-case hexadecimal digits, random. */
  readonly id: string
  /** Which key of the configuration it belongs to: namespace, name and version. */
  readonly scope: string
  /** The branch, as `branchKeys.per` names it: a model or a tenant. */
  readonly name: string
  /** Counts the keys of one branch, from 1; data keys are wrapped under the newest. */
  readonly generation: number
  /** What the key service's encrypt operation gave. */
  readonly wrapped: Uint8Array
  /** Milliseconds since 1970. */
  readonly createdAtMs: number
}

/**
 * Keeps branch keys. It must use a connection of its own, so that what it stores does not depend on any transaction of
 * the application; must never change a row; and must read where it writes, not from a replica.
 */
export interface BranchKeyStore {
  /**
   * The newest key of each branch.
   * @param names the branches; without them, of all branches in the scope
   * @returns one row per branch that has any, in any order; everything that was added before is seen
   */
  newest(scope: string, names?: readonly string[]): Promise<readonly StoredBranchKey[]>
  /** The keys with these ids, in any order; ids that the scope does not hold are left out. */
  find(scope: string, ids: readonly string[]): Promise<readonly StoredBranchKey[]>
  /** Stores a key for good before it resolves, unless its branch has one of this generation already. Never overwrites. */
  add(row: StoredBranchKey): Promise<void>
  /** Closes what the store itself opened. */
  close?(): Promise<void>
}

/** The error for a store that failed. Its own error is not passed on: a driver's may hold the connection string. */
export function storeFailure(operation: string, error: unknown): KmsEncryptedError {
  if (error instanceof KmsEncryptedError) return error
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return new KmsEncryptedError({
    code: 'BRANCH_KEY_STORE_FAILED',
    message: `Branch keys: the store failed to ${operation}${typeof code === 'string' && /^\w{1,40}$/.test(code) ? ` (${code})` : ''}`,
    why: 'Data keys under branch keys open only with the stored branch key.',
    fix: 'Check the connection of the store, its permissions and its table (docs/keys.md, "Branch keys").',
  })
}

/** The error for a branch key that the store no longer gives back. */
export function branchKeyMissing(scope: string, id: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'BRANCH_KEY_MISSING',
    message: `Branch keys: the store has no branch key ${id} of ${scope}`,
    why: 'The record was written under a branch key that was deleted, or is in another store; or its stored key was changed.',
    fix: 'Check that branchKeys.store is the store that the record was written with, and restore the row from a backup.',
  })
}

/** The error for a stored branch key that the key service does not open. */
export function branchKeyRefused({ scope, name, id }: StoredBranchKey, cause: Error): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'BRANCH_KEY_REFUSED',
    message: `Branch keys: the key service refused the stored branch key ${id} of ${name} (${scope})`,
    why: 'Its row was changed, or this key version names another KMS key than the one that wrapped it.',
    fix: 'Restore the row from a trusted copy, and check the key id. To write meanwhile, start a new branch key with prisma.$kms.rotateBranchKeys().',
    cause,
  })
}
