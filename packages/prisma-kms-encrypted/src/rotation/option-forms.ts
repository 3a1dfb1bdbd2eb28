/** Checks the options of a job over a table before anything is read. */
import * as z from 'zod/mini'

import { KmsEncryptedError } from '../errors.js'
import { checkForm, functionSchema, lazySchema, objectSchema } from '../lazy-schema.js'

const optionalFlag = lazySchema(() => z.optional(z.boolean()))

/** What every walk takes. */
function walkOptions() {
  const callback = functionSchema<(value: never) => void>()
  return {
    batchSize: z.optional(z.int().check(z.minimum(1), z.maximum(10_000))),
    concurrency: z.optional(z.int().check(z.minimum(1), z.maximum(64))),
    signal: z.optional(z.instanceof(AbortSignal)),
    onError: z.optional(z.enum(['continue', 'stop'])),
    cursor: z.optional(z.string().check(z.minLength(1))),
    range: z.optional(z.strictObject({ after: z.nullable(z.string()), upTo: z.nullable(z.string()) })),
    onProgress: z.optional(callback),
    onFailure: z.optional(callback),
  }
}

/** What is done to each row of a rotation. */
function rowRotation() {
  return {
    mode: z.optional(z.enum(['rewrap', 're-encrypt'])),
    key: z.optional(z.string()),
    force: optionalFlag(),
    dryRun: optionalFlag(),
    verify: optionalFlag(),
  }
}

/** The form of `where`. */
const whereForm = lazySchema(() => objectSchema<object>('expected a filter'))

/** The form of the options of `rotateAll()`. */
export const rotateOptions = lazySchema(() =>
  z.strictObject({ ...rowRotation(), ...walkOptions(), where: z.optional(whereForm()) }),
)

/** The form of the options of `rotate()`. */
export const rotateOneOptions = lazySchema(() =>
  z.strictObject({ ...rowRotation(), where: whereForm(), signal: walkOptions().signal }),
)

/** The form of the options of `encryptAll()`. */
export const encryptOptions = lazySchema(() =>
  z.strictObject({
    ...walkOptions(),
    where: z.optional(whereForm()),
    key: z.optional(z.string()),
    openSealed: optionalFlag(),
    dryRun: optionalFlag(),
    verify: optionalFlag(),
  }),
)

/**
 * Checks a job's options against its form.
 * @param caller `rotateAll()`, for the error
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`
 */
export function checkOptions<T>(form: () => z.ZodMiniType, given: T, caller: string): T {
  const parsed = checkForm(form, given)
  if (parsed.success) return given
  throw invalidOptions(
    caller,
    parsed.error.issues.map((issue) => [issue.path.join('.'), issue.message].join(' ').trim()).join('; '),
  )
}

/** The error for options that cannot be used. */
export function invalidOptions(caller: string, what: string): KmsEncryptedError {
  return new KmsEncryptedError({
    code: 'INVALID_CONFIGURATION',
    message: `${caller}: unusable options: ${what}`,
    why: 'The options do not have the documented form.',
    fix: 'Correct the named option.',
  })
}
