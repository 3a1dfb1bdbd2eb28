/** Turns all problems found in a schema into the one error that `prisma generate` shows. */
import { isKmsEncryptedError, KmsEncryptedError } from '../../errors.js'

/** A fault of the schema, before it becomes an error. */
export interface Problem {
  /** `Model.field`, or the element that the fault is in. */
  readonly place: string
  /** What was expected and what is there. */
  readonly found: string
  readonly why: string
  readonly fix: string
  /** `INVALID_SCHEMA` unless given. */
  readonly code?: 'INVALID_SCHEMA' | 'INVALID_SCHEMA_COMMENT'
}

/** Collects problems, so that one run of `prisma generate` shows all of them. */
export interface Problems {
  add(problem: Problem): void
  /** Runs `read`; keeps its `KmsEncryptedError` and answers `null` instead. */
  attempt<T>(read: () => T): T | null
  /** @throws KmsEncryptedError if anything was added */
  throwIfAny(): void
}

/** Starts an empty collection. */
export function createProblems(): Problems {
  const errors: KmsEncryptedError[] = []
  return {
    add: ({ place, found, why, fix, code = 'INVALID_SCHEMA' }) => {
      errors.push(new KmsEncryptedError({ code, message: `${place}: ${found}`, why, fix }))
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
    message: `prisma-kms-encrypted found ${errors.length} problems in the schema\n\n${listing}\n`,
    why: 'Nothing is generated from a schema with problems.',
    fix: 'Follow the fix of each problem above, then run `prisma generate` again.',
  })
}
