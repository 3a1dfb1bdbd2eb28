/** Turns the id that a user typed into the values that Prisma takes. */
import type { RecordModel } from '../records/models.js'
import type { Row } from '../records/rows.js'
import { usageError } from './usage.js'

/**
 * The fields of an id with their values.
 * @param fields the id's fields, such as the primary key
 * @param text the value of the one field; for several, or if it begins with `{`, a JSON object with all of them
 * @throws KmsEncryptedError `INVALID_CONFIGURATION`
 */
export function parseId(model: RecordModel, fields: readonly string[], text: string): Row {
  const [only, another] = fields
  if (only !== undefined && another === undefined && !text.startsWith('{'))
    return { [only]: parseValue(model, only, text) }
  const given = readObject(text)
  const complete =
    given !== null && fields.every((field) => field in given) && Object.keys(given).length === fields.length
  if (!complete) {
    const example = Object.fromEntries(fields.map((field) => [field, '…']))
    throw usageError(
      `${model.name}: expected an id of the fields ${fields.join(', ')}`,
      'A record is named by all fields of its id.',
      `Give them as JSON: '${JSON.stringify(example)}'.`,
    )
  }
  return Object.fromEntries(fields.map((field) => [field, parseValue(model, field, given[field])]))
}

function readObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>) // every object has string properties
      : null
  } catch {
    return null
  }
}

function parseValue(model: RecordModel, field: string, given: unknown): unknown {
  const type = model.definition.scalars[field]?.type ?? 'String'
  const text = typeof given === 'string' ? given : JSON.stringify(given)
  const refuse = (expected: string) =>
    usageError(
      `${model.name}.${field}: expected ${expected}, got ${JSON.stringify(text)}`,
      'The id has to be of the type that Prisma gives it.',
      'Correct the id.',
    )
  switch (type) {
    case 'Int':
      if (!/^-?\d{1,10}$/.test(text)) throw refuse('a whole number')
      return Number(text)
    case 'BigInt':
      if (!/^-?\d{1,19}$/.test(text)) throw refuse('a whole number')
      return BigInt(text)
    case 'Boolean':
      if (text !== 'true' && text !== 'false') throw refuse('true or false')
      return text === 'true'
    case 'DateTime': {
      const date = new Date(text)
      if (Number.isNaN(date.getTime())) throw refuse('a date in ISO 8601')
      return date
    }
    case 'Bytes':
      if (!/^([0-9a-f]{2})+$/i.test(text)) throw refuse('hexadecimal digits')
      return Buffer.from(text, 'hex')
    default:
      return text
  }
}
