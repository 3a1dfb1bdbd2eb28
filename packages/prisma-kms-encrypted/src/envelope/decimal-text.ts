/** Turns decimal numbers of any spelling into one canonical string, so that equal numbers give equal bytes. */

/** Sign, digits before and after the point, exponent. */
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,7}))?$/

/** PostgreSQL's `numeric` ends at 131,072 digits before the point and 16,383 after it, the widest of the databases. */
const MAX_INTEGER_DIGITS = 131_072
const MAX_FRACTION_DIGITS = 16_383

/**
 * Gives the canonical form: no exponent, no leading or trailing zeros, no plus sign, no negative zero.
 *
 * @returns `null` for a text that is no finite decimal number, or is one that no database column holds
 */
export function canonicalDecimal(text: string): string | null {
  const match = DECIMAL.exec(text)
  if (match === null) return null
  const [, sign = '', integer = '', fraction = '', exponent = '0'] = match
  if (integer === '' && fraction === '') return null

  const digits = (integer + fraction).replace(/^0+/, '')
  if (digits === '') return '0'
  const significant = digits.replace(/0+$/, '')
  const fractionDigits = fraction.length - Number(exponent) - (digits.length - significant.length)
  const integerDigits = significant.length - fractionDigits
  if (integerDigits > MAX_INTEGER_DIGITS || fractionDigits > MAX_FRACTION_DIGITS) return null

  const minus = sign === '-' ? '-' : ''
  if (fractionDigits <= 0) return minus + significant + '0'.repeat(-fractionDigits)
  const padded = significant.padStart(fractionDigits + 1, '0')
  return `${minus}${padded.slice(0, -fractionDigits)}.${padded.slice(-fractionDigits)}`
}

/** Recognises the Decimal objects that Prisma and decimal.js give, by shape: every client has a class of its own. */
export function isDecimalObject(value: unknown): value is { toFixed(): string; toString(): string } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'd' in value &&
    's' in value &&
    'e' in value &&
    'toFixed' in value &&
    typeof value.toFixed === 'function'
  )
}
