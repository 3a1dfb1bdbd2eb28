/** Turns what Prisma hands to a generator into the text of the generated module. */
import type { DMMF } from '@prisma/generator-helper'

import { readAnnotatedSchema } from './annotated-schema.js'
import { checkComments } from './check-comments.js'
import { checkSchema } from './check-schema.js'
import { readDatabaseKind } from './database-kind.js'
import { emitModule } from './emit.js'
import { createProblems } from './problems.js'
import { readModels } from './read-models.js'

/** What of Prisma's generator options decides the module. */
export interface SchemaInput {
  readonly dmmf: DMMF.Document
  /** `activeProvider` of the data source. */
  readonly database: string
  /** The schema's text, all files joined. */
  readonly datamodel: string
}

/**
 * Checks the schema and generates the module.
 *
 * @throws KmsEncryptedError `INVALID_SCHEMA_COMMENT`, `INVALID_SCHEMA`; all problems of the schema in one
 */
export function generateModule(input: SchemaInput): string {
  const problems = createProblems()
  checkComments(input.datamodel, problems)
  const schema = readAnnotatedSchema(input.dmmf, readDatabaseKind(input.database), problems)
  // A misspelt annotation would show up again as, say, a missing key column.
  problems.throwIfAny()
  checkSchema(schema, problems)
  problems.throwIfAny()
  return emitModule(readModels(schema))
}
