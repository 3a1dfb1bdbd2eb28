/** Turns what Prisma hands to a generator into the text of the generated module. */
import type { DMMF } from '@prisma/generator-helper'

import { KmsEncryptedError } from '../../errors.js'
import { readAnnotatedSchema } from './annotated-schema.js'
import { emitModule } from './emit.js'
import { type DatabaseKind, databaseKinds } from './native-types.js'
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
  const schema = readAnnotatedSchema(input.dmmf, readDatabaseKind(input.database))
  return emitModule(readModels(schema))
}

function readDatabaseKind(database: string): DatabaseKind {
  const kind = databaseKinds.find((known) => known === database)
  if (kind !== undefined) return kind
  throw new KmsEncryptedError({
    code: 'INVALID_SCHEMA',
    message: `datasource: expected one of ${databaseKinds.join(', ')}, got ${database}`,
    why: 'The column types of other databases are not known to this library.',
    fix: 'Use one of these databases, or remove the generator block.',
  })
}
