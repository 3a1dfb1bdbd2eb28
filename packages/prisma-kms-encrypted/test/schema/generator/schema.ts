/** Turns a few models written inline into what Prisma would hand to the generator. */
import internals from '@prisma/internals'

import { isKmsEncryptedError, type KmsEncryptedError } from '../../../src/errors.js'
import { readAnnotatedSchema } from '../../../src/schema/generator/annotated-schema.js'
import { readDatabaseKind } from '../../../src/schema/generator/database-kind.js'
import { generateModule, type SchemaInput } from '../../../src/schema/generator/generate.js'
import { createProblems } from '../../../src/schema/generator/problems.js'
import { readModels } from '../../../src/schema/generator/read-models.js'
import type { ModelDefinitions } from '../../../src/schema/model.js'

/** What a schema has beside its models. */
export interface SchemaOptions {
  readonly database?: string
  /** Lines of the datasource block. */
  readonly datasource?: string
  readonly previewFeatures?: string
}

/** Runs Prisma's own parser over `models`. */
export async function parseSchema(models: string, options: SchemaOptions = {}): Promise<SchemaInput> {
  const database = options.database ?? 'postgresql'
  const datamodel = `
generator client {
  provider = "prisma-client"
  output   = "./client"
  ${options.previewFeatures ? `previewFeatures = ["${options.previewFeatures}"]` : ''}
}
datasource db {
  provider = "${database}"
  ${options.datasource ?? ''}
}
${models}
`
  return { dmmf: await internals.getDMMF({ datamodel }), database, datamodel }
}

/** The definitions of a schema that is accepted. */
export async function readSchema(models: string, options: SchemaOptions = {}): Promise<ModelDefinitions> {
  const input = await parseSchema(models, options)
  generateModule(input)
  const problems = createProblems()
  const schema = readAnnotatedSchema(input.dmmf, readDatabaseKind(input.database), problems)
  return readModels(schema)
}

/** The error that a schema is refused with. */
export async function refuseSchema(models: string, options: SchemaOptions = {}): Promise<KmsEncryptedError> {
  const input = await parseSchema(models, options)
  try {
    generateModule(input)
  } catch (error) {
    if (isKmsEncryptedError(error)) return error
    throw error
  }
  throw new Error('the schema was accepted')
}
