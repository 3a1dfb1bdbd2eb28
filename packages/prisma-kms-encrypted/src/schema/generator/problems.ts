/** Turns all problems found in a schema into the one error that `prisma generate` shows. */
import { isKmsEncryptedError, KmsEncryptedError } from '../../errors.js'

/** Collects problems, so that one run of `prisma generate` shows all of them. */
export interface Problems {
  /** Adds a schema that cannot work: `place` is `Model.field`, `found` says what is there. */
  add(place: string, found: string, why: string, fix: string): void
  /** Runs `read`; keeps its `KmsEncryptedError` and answers `null` instead. */
  attempt<T>(read: () => T): T | null
  /** @throws KmsEncryptedError if anything was added */
  throwIfAny(): void
}

/** Starts an empty collection. */
export function createProblems(): Problems {
  const errors: KmsEncryptedError[] = []
  return {
    add: (place, found, why, fix) => {
      errors.push(new KmsEncryptedError({ code: 'INVALID_SCHEMA', message: `${place}: ${found}`, why, fix }))
    },
    attempt: (read) => {
      try {
        return read()
      } catch (error) {
        if (!isKmsEncryptedError(error)) throw error
        errors.push(error)
        return null
      }
    },
    throwIfAny: () => {
      const [first] = errors
      if (first !== undefined) throw errors.length === 1 ? first : listProblems(errors, first)
    },
  }
}

function listProblems(errors: readonly KmsEncryptedError[], first: KmsEncryptedError): KmsEncryptedError {
  const listing = errors.map((error, index) => `${index + 1}. ${error.message}`).join('\n\n')
  return new KmsEncryptedError({
    code: errors.every((error) => error.code === first.code) ? first.code : 'INVALID_SCHEMA',
    message: `${errors.length} problems in the Prisma schema\n\n${listing}\n`,
    why: 'Nothing is generated from a schema with problems.',
    fix: 'Follow the fix of each problem above, then run `prisma generate` again.',
  })
}
