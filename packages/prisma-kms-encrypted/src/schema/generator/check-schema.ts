/** Checks an annotated schema as a whole: everything that would fail later, or leave something in plaintext, fails here. */
import type { AnnotatedSchema } from './annotated-schema.js'
import { checkBlindIndexes } from './blind-index.js'
import { checkEncryptedFields } from './check-encrypted-fields.js'
import { checkIdentity } from './check-identity.js'
import { checkKeys, checkModelNames } from './check-keys.js'
import { checkUniqueness } from './check-uniqueness.js'
import type { Problems } from './problems.js'

/** Adds every problem of `schema`. */
export function checkSchema(schema: AnnotatedSchema, problems: Problems): void {
  for (const model of schema.models) {
    checkBlindIndexes(model, schema, problems)
    checkEncryptedFields(model, schema, problems)
    checkUniqueness(model, schema, problems)
    checkKeys(model, schema, problems)
    checkIdentity(model, schema, problems)
  }
  checkModelNames(schema, problems)
}
