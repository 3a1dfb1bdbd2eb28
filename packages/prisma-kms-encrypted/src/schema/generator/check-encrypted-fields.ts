/** Refuses `@encrypted` on columns that cannot hold ciphertext, or whose attributes need the plaintext. */
import type { EncryptedField } from '../model.js'
import type { AnnotatedField, AnnotatedModel, AnnotatedSchema } from './annotated-schema.js'
import { asEncryptedType, describeType, readCapacity } from './column-capacity.js'
import { findForeignKeys, findReferences, isIdField } from './identity.js'
import type { Problem, Problems } from './problems.js'

/** Size of the encrypted empty value, docs/formats.md: 48 bytes, which are 64 characters of base64. */
const emptyBytes = 48
const emptyCharacters = 64

/** Adds the problems of every encrypted field of `model`. */
export function checkEncryptedFields(
  model: AnnotatedModel,
  schema: AnnotatedSchema,
  problems: Problems,
): void {
  for (const field of model.fields) {
    if (field.annotation?.kind !== 'encrypted') continue
    const place = `${model.name}.${field.dmmf.name}`
    const type = field.dmmf.isList ? null : asEncryptedType(field.dmmf.type)
    if (type === null) {
      problems.add({
        place,
        found: `expected String, Json or Bytes, got ${describeType(field.dmmf)}`,
        why: 'Ciphertext is stored in the column itself, so the column must be able to hold text or bytes.',
        fix: 'Change the type, or remove @encrypted.',
      })
      continue
    }
    checkAttributes(place, field, model, schema, problems)
    checkColumn(place, field, type, schema, problems)
  }
}

function checkAttributes(
  place: string,
  { dmmf }: AnnotatedField,
  model: AnnotatedModel,
  schema: AnnotatedSchema,
  problems: Problems,
): void {
  const refuse = (problem: Omit<Problem, 'place'>) => {
    problems.add({ place, ...problem })
  }
  if (isIdField(model.dmmf, dmmf.name)) {
    refuse({
      found: 'the primary key cannot be encrypted',
      why: 'The encryption of a row is bound to its id, and equal values have different ciphertexts.',
      fix: 'Use another field as id, or remove @encrypted.',
    })
  }
  const [relation] = findForeignKeys(model.dmmf, dmmf.name)
  if (relation !== undefined) {
    refuse({
      found: `the foreign key of ${model.name}.${relation.name} cannot be encrypted`,
      why: 'The database compares foreign keys with the rows that they refer to.',
      fix: 'Remove @encrypted.',
    })
  }
  const [reference] = findReferences(schema, model.name, dmmf.name)
  if (reference !== undefined) {
    refuse({
      found: `${reference} refers to an encrypted field`,
      why: 'The database compares foreign keys with the values that they refer to, and ciphertexts change.',
      fix: 'Refer to the id.',
    })
  }
  if (dmmf.hasDefaultValue) {
    refuse({
      found: '@default on an encrypted field',
      why: 'The database or Prisma would store the default as plaintext.',
      fix: 'Remove @default, and set the value in your code.',
    })
  }
}

function checkColumn(
  place: string,
  { dmmf }: AnnotatedField,
  type: EncryptedField['type'],
  schema: AnnotatedSchema,
  problems: Problems,
): void {
  const column = readCapacity(dmmf, type, schema.database)
  if (column === null) {
    problems.add({
      place,
      found: `${describeType(dmmf)} does not hold ciphertext unchanged on ${schema.database}`,
      why: 'Ciphertext is base64 text or bytes of varying length, which must be read back exactly.',
      fix: 'Use a text, varchar or varying binary type, or no @db attribute.',
    })
    return
  }
  const [least, unit] = type === 'Bytes' ? [emptyBytes, 'bytes'] : [emptyCharacters, 'characters']
  if (column.capacity !== null && column.capacity < least) {
    problems.add({
      place,
      found: `expected room for at least ${least} ${unit}, got ${column.capacity}`,
      why: `An encrypted empty value already takes ${least} ${unit}.`,
      fix: 'Use a larger or unlimited column type.',
    })
  }
}
