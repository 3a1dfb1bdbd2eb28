/** Checks an annotated schema as a whole: everything that would fail later, or leave something in plaintext, fails here. */
import type { AnnotatedModel, AnnotatedSchema } from './annotated-schema.js'
import { type BlindIndexDefinition, readBlindIndex } from './blind-index.js'
import { checkEncryptedFields } from './check-encrypted-fields.js'
import { checkIdentity } from './check-identity.js'
import { checkKeys, checkModelNames } from './check-keys.js'
import type { Problems } from './problems.js'

/** Adds every problem of `schema`. */
export function checkSchema(schema: AnnotatedSchema, problems: Problems): void {
  for (const model of schema.models) {
    const indexes = readBlindIndexes(model, schema, problems)
    checkEncryptedFields(model, indexes, schema, problems)
    checkKeys(model, schema, problems)
    checkIdentity(model, schema, problems)
  }
  checkModelNames(schema, problems)
}

function readBlindIndexes(
  model: AnnotatedModel,
  schema: AnnotatedSchema,
  problems: Problems,
): readonly BlindIndexDefinition[] {
  const indexes: BlindIndexDefinition[] = []
  for (const field of model.fields) {
    if (field.annotation?.kind !== 'blindIndex') continue
    const index = readBlindIndex(model, field, field.annotation, schema, problems)
    if (index === null) continue
    indexes.push(index)
    problems.add({
      place: `${model.name}.${field.dmmf.name}`,
      found: '@blindIndex is reserved',
      why: 'This version does not serve blind indexes yet, so the column would stay empty.',
      fix: 'Remove the annotation until a later version.',
    })
  }
  return indexes
}
