/** Finds out what identifies a row of a model: primary key, unique criteria, and the fields of the encryption context. */
import type { DMMF } from '@prisma/generator-helper'

import type { IdDefault, UniqueCriterion } from '../model.js'
import type { AnnotatedModel, AnnotatedSchema } from './annotated-schema.js'

/**
 * All unique criteria under the names that Prisma's where-unique input gives them: the primary key first, then
 * the rest in schema order. What that input leaves out, such as criteria with unsupported columns, is left out.
 */
export function readUniques(model: DMMF.Model, dmmf: DMMF.Document): readonly UniqueCriterion[] {
  const accepted = readInputFields(dmmf, `${model.name}WhereUniqueInput`)
  return allCriteria(model).filter((criterion) => accepted.has(criterion.name))
}

function allCriteria(model: DMMF.Model): UniqueCriterion[] {
  const single = (field: DMMF.Field) => ({ name: field.name, fields: [field.name] })
  const compound = (index: DMMF.PrimaryKey | DMMF.uniqueIndex) => ({
    // The types say that a unique index has a name; the DMMF gives null where the schema gives none.
    name: (index.name as string | null) ?? index.fields.join('_'),
    fields: index.fields,
  })
  const criteria = [
    ...model.fields.filter((field) => field.isId).map(single),
    ...(model.primaryKey ? [compound(model.primaryKey)] : []),
    ...model.fields.filter((field) => field.isUnique).map(single),
    ...model.uniqueIndexes.map(compound),
  ]
  return criteria.filter(
    (criterion, index) => criteria.findIndex(({ name }) => name === criterion.name) === index,
  )
}

/**
 * The criteria that may serve as primary key: the model's own if it has one, otherwise every unique criterion of
 * required fields that are neither encrypted nor an index, whose values change with every write. The fields stand
 * in the order of `@id`, `@@id` or `@@unique`.
 */
export function findPrimaryKeys({ dmmf: model, fields }: AnnotatedModel): readonly (readonly string[])[] {
  const id = model.fields.find((field) => field.isId)
  if (id !== undefined) return [[id.name]]
  if (model.primaryKey) return [model.primaryKey.fields]
  const usable = fields.filter(
    ({ dmmf, annotation }) => dmmf.isRequired && (annotation === null || annotation.kind === 'kmsId'),
  )
  const names = new Set(usable.map(({ dmmf }) => dmmf.name))
  return allCriteria(model)
    .map((criterion) => criterion.fields)
    .filter((criterion) => criterion.every((field) => names.has(field)))
}

/** The fields that the encryption context is bound to: the `@kmsId` fields, otherwise the primary key. */
export function findContextFields(model: AnnotatedModel): readonly DMMF.Field[] {
  const marked = model.fields.filter((field) => field.annotation?.kind === 'kmsId')
  if (marked.length > 0) return marked.map((field) => field.dmmf)
  const [primaryKey] = findPrimaryKeys(model)
  return (primaryKey ?? []).flatMap((name) => model.dmmf.fields.filter((field) => field.name === name))
}

/** Whether Prisma's checked create input of `model` takes all of `fields`. */
export function checkedCreateTakes(
  dmmf: DMMF.Document,
  model: string,
  fields: readonly DMMF.Field[],
): boolean {
  const accepted = readInputFields(dmmf, `${model}CreateInput`)
  return fields.every((field) => accepted.has(field.name))
}

/** Whether `field` is the id of `model`, or part of it. */
export function isIdField(model: DMMF.Model, field: string): boolean {
  const inKey = model.primaryKey?.fields.includes(field) ?? false
  return inKey || model.fields.some(({ name, isId }) => isId && name === field)
}

/** All unique criteria of `model` but its id, as lists of fields; compound ones in schema order. */
export function listUniqueFields(model: DMMF.Model): readonly (readonly string[])[] {
  const single = model.fields.filter((field) => field.isUnique).map((field) => [field.name])
  // A `@@unique` of one field makes that field unique as well.
  return [...single, ...model.uniqueFields.filter((fields) => fields.length > 1)]
}

/** Whether `field` is, or is part of, any unique criterion of `model`. */
export function isUniqueOrId(model: DMMF.Model, field: string): boolean {
  return allCriteria(model).some((criterion) => criterion.fields.includes(field))
}

/** Relation fields of `model` whose foreign key contains `field`. */
export function findForeignKeys(model: DMMF.Model, field: string): readonly DMMF.Field[] {
  return model.fields.filter((relation) => relation.relationFromFields?.includes(field))
}

/** Relations whose foreign key refers to `field` of `model`, as `Model.relation`. */
export function findReferences(schema: AnnotatedSchema, model: string, field: string): readonly string[] {
  return schema.models.flatMap(({ name, dmmf }) =>
    dmmf.fields
      .filter((relation) => relation.type === model && relation.relationToFields?.includes(field))
      .map((relation) => `${name}.${relation.name}`),
  )
}

/** What a relation does to its foreign key when the referenced columns change; Prisma's default is `Cascade`. */
export function readOnUpdate(relation: DMMF.Field): string {
  return relation.relationOnUpdate ?? 'Cascade'
}

/** Enums with a value that the database knows under another name. */
export function findMappedEnums(schema: AnnotatedSchema): ReadonlySet<string> {
  const mapped = schema.dmmf.datamodel.enums.filter((item) =>
    item.values.some((value) => value.dbName !== null),
  )
  return new Set(mapped.map((item) => item.name))
}

/** How the default of `field` makes a value; `null` without a default. */
export function readIdDefault(field: DMMF.Field): IdDefault | null {
  const value = field.default
  if (!field.hasDefaultValue || value === undefined) return null
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
    return { kind: 'literal', value }
  }
  // A list: lists are refused as ids, so this is only a default that nothing relies on.
  if (!('name' in value)) return { kind: 'database' }
  const [argument] = value.args
  switch (value.name) {
    case 'autoincrement':
      return { kind: 'sequence' }
    case 'uuid':
      return { kind: 'uuid', version: argument === 7 ? 7 : 4 }
    case 'cuid':
      return { kind: 'cuid', version: argument === 2 ? 2 : 1 }
    case 'nanoid':
      // nanoid's own default length
      return { kind: 'nanoid', length: typeof argument === 'number' ? argument : 21 }
    case 'ulid':
      return { kind: 'ulid' }
    case 'now':
      return { kind: 'now' }
    default:
      return { kind: 'database' }
  }
}

function readInputFields(dmmf: DMMF.Document, type: string): ReadonlySet<string> {
  const input = dmmf.schema.inputObjectTypes.prisma?.find(({ name }) => name === type)
  return new Set(input?.fields.map((field) => field.name))
}
