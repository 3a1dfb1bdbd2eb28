/** What the forms of options are made of: zod's schemas, built when they are first checked and not when the package is imported. */
import * as z from 'zod/mini'
import en from 'zod/v4/locales/en.js'

/**
 * Remembers what `build` makes on its first use. Building all forms takes longer than evaluating the rest of the package,
 * and a program checks the options of what it uses only.
 */
export function lazySchema<Schema extends z.ZodMiniType>(build: () => Schema): () => Schema {
  let built: Schema | undefined
  return () => (built ??= build())
}

let words: ReturnType<typeof en>['localeError'] | undefined

/**
 * Checks options against their form. What is wrong is said in English, which the small zod does not know by itself, for
 * this call only: zod's own setting is one for the whole process, and the application's.
 */
export function checkForm<Schema extends z.ZodMiniType>(form: () => Schema, options: unknown) {
  words ??= en().localeError
  return z.safeParse(form(), options, { error: words })
}

/** Any function; its type is the caller's word. */
export function functionSchema<T>(message = 'expected a function') {
  return z.custom<T>((value) => typeof value === 'function', message)
}

/**
 * Any object; its type is the caller's word.
 * @param methods names of functions that it must have
 */
export function objectSchema<T extends object>(message?: string, methods: readonly string[] = []) {
  const check = (value: unknown): boolean => {
    if (typeof value !== 'object' || value === null) return false
    const given = value as Readonly<Record<string, unknown>> // any object has string properties
    return methods.every((name) => typeof given[name] === 'function')
  }
  return z.custom<T>(check, message)
}
