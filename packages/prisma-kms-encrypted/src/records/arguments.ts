/** Small readers for Prisma's argument objects: what counts as absent, as null, as a plain object, as one or many. */

/** An argument object of Prisma: plain, with string properties. */
export type Args = Readonly<Record<string, unknown>>

/** An argument object that a plan owns and may change. */
export type OwnArgs = Record<string, unknown>

/** Whether `value` is a plain argument object, not an array, date, buffer or class instance. */
export function isArgs(value: unknown): value is Args {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

/** One or many, as a list; nothing for an absent value. */
export function asList(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return isAbsent(value) ? [] : [value]
}

/** `undefined` and `Prisma.skip`: as if the property were not there. */
export function isAbsent(value: unknown): boolean {
  return value === undefined || isSkip(value)
}

/** `Prisma.skip`; every client generator has an instance of its own, so it is known by its shape. */
function isSkip(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { ifUndefined?: unknown }).ifUndefined === 'function' &&
    Object.keys(value).length === 0
  )
}

/** A copy of arguments without some of them. */
export function without(args: Args, ...names: readonly string[]): OwnArgs {
  return Object.fromEntries(Object.entries(args).filter(([name]) => !names.includes(name)))
}

const markerSymbol = Symbol.for('prisma.objectEnumValue')

/** The name of one of Prisma's null markers, `DbNull`, `JsonNull` or `AnyNull`; otherwise `null`. */
export function nullMarker(value: unknown): 'DbNull' | 'JsonNull' | 'AnyNull' | null {
  if (typeof value !== 'object' || value === null || !(markerSymbol in value)) return null
  const name = (value as { _getName?: () => string })._getName?.() ?? value.constructor.name
  return name === 'DbNull' || name === 'JsonNull' || name === 'AnyNull' ? name : null
}

/** Whether data sets a column to a null that is stored unencrypted. */
export function isStoredNull(value: unknown): boolean {
  return value === null || nullMarker(value) !== null
}

/**
 * Either null of a Json column, SQL's or JSON's, in a filter. Prisma knows its markers by this symbol and name, so no
 * client is needed to make one.
 */
export const anyNull: object = Object.freeze({ [markerSymbol]: true, _getName: () => 'AnyNull' })
