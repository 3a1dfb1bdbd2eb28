/** Pairs every field of Prisma's data model (DMMF) with its annotation, and refuses annotations that mean nothing. */
import type { DMMF } from '@prisma/generator-helper'

import { KmsEncryptedError } from '../../errors.js'
import { type Annotation, parseAnnotations } from '../annotations.js'
import type { DatabaseKind } from './native-types.js'
import { createProblems, type Problems } from './problems.js'

/** A scalar or enum field with its annotation, if it has one. */
export interface AnnotatedField {
  readonly dmmf: DMMF.Field
  readonly annotation: Annotation | null
}

/** A model with its scalar and enum fields; relations stay in {@link AnnotatedModel.dmmf}. */
export interface AnnotatedModel {
  readonly name: string
  readonly dmmf: DMMF.Model
  readonly fields: readonly AnnotatedField[]
}

/** Everything that the checks and the reader look at. */
export interface AnnotatedSchema {
  readonly database: DatabaseKind
  readonly models: readonly AnnotatedModel[]
  readonly dmmf: DMMF.Document
}

/**
 * Reads the annotations of a whole schema. Prisma leaves `@ignore`d models and fields out of the DMMF.
 *
 * @throws KmsEncryptedError `INVALID_SCHEMA_COMMENT`, `INVALID_SCHEMA`
 */
export function readAnnotatedSchema(dmmf: DMMF.Document, database: DatabaseKind): AnnotatedSchema {
  const problems = createProblems()
  const views = findViews(dmmf)
  const models = dmmf.datamodel.models.map((model) => {
    refuseAnnotations(problems, model.documentation, model.name, 'a model', 'Annotate its fields.')
    return readModel(problems, model, views.has(model.name))
  })
  for (const type of dmmf.datamodel.types) {
    refuseAnnotations(problems, type.documentation, type.name, 'a composite type', 'Use a model.')
    for (const field of type.fields) {
      const place = `${type.name}.${field.name}`
      refuseAnnotations(problems, field.documentation, place, 'a field of a composite type', 'Use a model.')
    }
  }
  for (const item of dmmf.datamodel.enums) {
    refuseAnnotations(problems, item.documentation, item.name, 'an enum', 'Annotate a field.')
    for (const value of item.values) {
      const documentation = 'documentation' in value ? String(value.documentation) : undefined
      refuseAnnotations(
        problems,
        documentation,
        `${item.name}.${value.name}`,
        'an enum value',
        'Annotate a field.',
      )
    }
  }
  problems.throwIfAny()
  return { database, models, dmmf }
}

function readModel(problems: Problems, model: DMMF.Model, isView: boolean): AnnotatedModel {
  const fields: AnnotatedField[] = []
  for (const field of model.fields) {
    const place = `${model.name}.${field.name}`
    if (field.kind !== 'scalar' && field.kind !== 'enum') {
      refuseAnnotations(problems, field.documentation, place, 'a relation', 'Annotate a column.')
    } else if (isView) {
      refuseAnnotations(
        problems,
        field.documentation,
        place,
        'a field of a view',
        'Annotate the table behind it.',
      )
      fields.push({ dmmf: field, annotation: null })
    } else {
      fields.push({ dmmf: field, annotation: readAnnotation(problems, field, place) })
    }
  }
  return { name: model.name, dmmf: model, fields }
}

function readAnnotation(problems: Problems, field: DMMF.Field, place: string): Annotation | null {
  return problems.attempt(() => {
    const [annotation, second] = parseAnnotations(field.documentation ?? '', place)
    if (second !== undefined) {
      throw new KmsEncryptedError({
        code: 'INVALID_SCHEMA_COMMENT',
        message: `${place}: expected one annotation, got @${annotation?.kind ?? ''} and @${second.kind}`,
        why: 'A column has one purpose: it is encrypted, holds a key, is an id, or is an index.',
        fix: 'Keep one of them.',
      })
    }
    return annotation ?? null
  })
}

function refuseAnnotations(
  problems: Problems,
  documentation: string | undefined,
  place: string,
  element: string,
  fix: string,
): void {
  problems.attempt(() => {
    const [annotation] = parseAnnotations(documentation ?? '', place)
    if (annotation === undefined) return
    throw new KmsEncryptedError({
      code: 'INVALID_SCHEMA_COMMENT',
      message: `${place}: @${annotation.kind} on ${element}`,
      why: 'Only columns of tables can be annotated; here the comment would have no effect.',
      fix,
    })
  })
}

/** The DMMF does not mark views; they are the models that cannot be deleted from. */
function findViews(dmmf: DMMF.Document): ReadonlySet<string> {
  const tables = new Set(
    dmmf.mappings.modelOperations
      .filter((mapping) => mapping.deleteMany != null)
      .map((mapping) => mapping.model),
  )
  return new Set(dmmf.datamodel.models.map((model) => model.name).filter((name) => !tables.has(name)))
}
