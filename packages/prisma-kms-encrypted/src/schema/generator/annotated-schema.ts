/** Pairs every field of Prisma's data model (DMMF) with its annotation, and refuses annotations that mean nothing. */
import type { DMMF } from '@prisma/generator-helper'

import { type Annotation, parseAnnotations } from '../annotations.js'
import type { DatabaseKind } from './database-kind.js'
import type { Problems } from './problems.js'

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

/** An element that cannot be annotated. */
interface Element {
  readonly place: string
  readonly documentation: string | undefined
  /** What it is, for the message, such as `a relation`. */
  readonly kind: string
  readonly fix: string
}

/**
 * Reads the annotations of a whole schema; adds a problem for each that is malformed or misplaced.
 * Prisma leaves `@ignore`d models and fields out of the DMMF.
 */
export function readAnnotatedSchema(
  dmmf: DMMF.Document,
  database: DatabaseKind,
  problems: Problems,
): AnnotatedSchema {
  for (const element of [...listTypes(dmmf), ...listEnums(dmmf)]) refuseAnnotations(element, problems)
  const views = findViews(dmmf)
  const models = dmmf.datamodel.models.map((model) => readModel(model, views.has(model.name), problems))
  return { database, models, dmmf }
}

/** Whether `model` has encrypted fields. */
export function isEncryptedModel(model: AnnotatedModel): boolean {
  return model.fields.some((field) => field.annotation?.kind === 'encrypted')
}

/** The cryptographic name of `model`: the one that its key columns pin, otherwise its own. */
export function readCryptographicName(model: AnnotatedModel): string {
  for (const { annotation } of model.fields) {
    if (annotation?.kind === 'kmsKey' && annotation.model !== null) return annotation.model
  }
  return model.name
}

function readModel(model: DMMF.Model, isView: boolean, problems: Problems): AnnotatedModel {
  const { name, documentation } = model
  refuseAnnotations({ place: name, documentation, kind: 'a model', fix: 'Annotate its fields.' }, problems)
  const fields: AnnotatedField[] = []
  for (const field of model.fields) {
    const element = { place: `${name}.${field.name}`, documentation: field.documentation }
    if (field.kind !== 'scalar' && field.kind !== 'enum') {
      refuseAnnotations({ ...element, kind: 'a relation', fix: 'Annotate a column.' }, problems)
    } else if (isView) {
      const fix = 'Annotate the field of the model behind it.'
      refuseAnnotations({ ...element, kind: 'a field of a view', fix }, problems)
      fields.push({ dmmf: field, annotation: null })
    } else {
      fields.push({ dmmf: field, annotation: readAnnotation(element.place, field.documentation, problems) })
    }
  }
  return { name, dmmf: model, fields }
}

function readAnnotation(
  place: string,
  documentation: string | undefined,
  problems: Problems,
): Annotation | null {
  const annotations = problems.attempt(() => parseAnnotations(documentation ?? '', place)) ?? []
  const [annotation = null, second] = annotations
  if (annotation === null || second === undefined) return annotation
  problems.add({
    place,
    found: `expected one annotation, got @${annotation.kind} and @${second.kind}`,
    why: 'A column has one purpose: it is encrypted, holds a key, is an id, or is an index.',
    fix: 'Keep one of them.',
    code: 'INVALID_SCHEMA_COMMENT',
  })
  return null
}

function refuseAnnotations(element: Element, problems: Problems): void {
  const { place, documentation = '' } = element
  const annotations = problems.attempt(() => parseAnnotations(documentation, place)) ?? []
  for (const annotation of annotations) {
    problems.add({
      place,
      found: `@${annotation.kind} on ${element.kind}`,
      why: 'Only columns of tables can be annotated; here the comment would have no effect.',
      fix: element.fix,
      code: 'INVALID_SCHEMA_COMMENT',
    })
  }
}

function listTypes(dmmf: DMMF.Document): readonly Element[] {
  const fix = 'Use a model.'
  return dmmf.datamodel.types.flatMap(({ name, documentation, fields }) => [
    { place: name, documentation, kind: 'a composite type', fix },
    ...fields.map((field) => ({
      place: `${name}.${field.name}`,
      documentation: field.documentation,
      kind: 'a field of a composite type',
      fix,
    })),
  ])
}

function listEnums(dmmf: DMMF.Document): readonly Element[] {
  const fix = 'Annotate a field of a model.'
  return dmmf.datamodel.enums.flatMap(({ name, documentation, values }) => [
    { place: name, documentation, kind: 'an enum', fix },
    ...values.map((value) => ({
      place: `${name}.${value.name}`,
      documentation: readDocumentation(value),
      kind: 'an enum value',
      fix,
    })),
  ])
}

/** The DMMF gives enum values their documentation, but its types do not say so. */
function readDocumentation(value: object): string | undefined {
  return 'documentation' in value && typeof value.documentation === 'string' ? value.documentation : undefined
}

/** The DMMF does not mark views; they are the models that cannot be deleted from. */
function findViews(dmmf: DMMF.Document): ReadonlySet<string> {
  const writable = dmmf.mappings.modelOperations.filter((mapping) => mapping.deleteMany != null)
  const tables = new Set(writable.map((mapping) => mapping.model))
  return new Set(dmmf.datamodel.models.map((model) => model.name).filter((name) => !tables.has(name)))
}
