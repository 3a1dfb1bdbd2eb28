/** Turns a checked, annotated schema into the definitions that the extension works with. */
import type { DMMF } from '@prisma/generator-helper'

import type {
  ContextIdField,
  EncryptedField,
  KeyColumn,
  ModelDefinition,
  ModelDefinitions,
  RelationField,
  ScalarField,
} from '../model.js'
import {
  type AnnotatedModel,
  type AnnotatedSchema,
  isEncryptedModel,
  readCryptographicName,
} from './annotated-schema.js'
import { readBlindIndexes } from './blind-index.js'
import {
  checkedCreateTakes,
  findContextFields,
  findMappedEnums,
  findPrimaryKeys,
  readIdDefault,
  readOnUpdate,
  readUniques,
} from './identity.js'
import { readCanonicalForm } from './canonical-form.js'
import { asEncryptedType, readCapacity } from './column-capacity.js'

/**
 * Reads every model that is encrypted or can reach an encrypted one, in schema order.
 *
 * @param schema must have passed `checkSchema`
 */
export function readModels(schema: AnnotatedSchema): ModelDefinitions {
  const included = findConnectedModels(schema)
  const models = schema.models.filter((model) => included.has(model.name))
  return Object.fromEntries(models.map((model) => [model.name, readModel(model, schema)]))
}

/** Relations have a field on both sides, so walking them forward reaches every model in either direction. */
function findConnectedModels(schema: AnnotatedSchema): ReadonlySet<string> {
  const byName = new Map(schema.models.map((model) => [model.name, model]))
  const reached = new Set<string>()
  const waiting = schema.models.filter(isEncryptedModel)
  for (let model = waiting.pop(); model !== undefined; model = waiting.pop()) {
    if (reached.has(model.name)) continue
    reached.add(model.name)
    for (const field of model.dmmf.fields) {
      const other = field.kind === 'object' ? byName.get(field.type) : undefined
      if (other !== undefined) waiting.push(other)
    }
  }
  return reached
}

function readModel(model: AnnotatedModel, schema: AnnotatedSchema): ModelDefinition {
  const contextFields = findContextFields(model)
  return {
    name: readCryptographicName(model),
    table: model.dmmf.dbName ?? model.name,
    schema: model.dmmf.schema ?? null,
    primaryKey: findPrimaryKeys(model)[0] ?? [],
    contextId: isEncryptedModel(model) ? readContextId(contextFields, schema) : [],
    checkedCreateTakesId: checkedCreateTakes(schema.dmmf, model.name, contextFields),
    uniques: readUniques(model.dmmf, schema.dmmf),
    scalars: Object.fromEntries(model.fields.map(({ dmmf }) => [dmmf.name, readScalar(dmmf)])),
    relations: readRelations(model.dmmf),
    encrypted: readEncrypted(model, schema),
    keys: readKeys(model, schema),
    indexes: readBlindIndexes(model),
  }
}

function readContextId(fields: readonly DMMF.Field[], schema: AnnotatedSchema): readonly ContextIdField[] {
  const mappedEnums = findMappedEnums(schema)
  return fields.flatMap((field) => {
    const canonical = readCanonicalForm(field, schema.database, mappedEnums)
    return canonical === null
      ? []
      : [{ field: field.name, column: readColumn(field), canonical, default: readIdDefault(field) }]
  })
}

function readScalar(field: DMMF.Field): ScalarField {
  return {
    type: field.type,
    column: readColumn(field),
    list: field.isList,
    required: field.isRequired,
    hasDefault: field.hasDefaultValue,
    updatedAt: field.isUpdatedAt ?? false,
    nativeType: field.nativeType ? [field.nativeType[0], ...field.nativeType[1]] : null,
  }
}

function readRelations(model: DMMF.Model): Readonly<Record<string, RelationField>> {
  const relations = model.fields.filter((field) => field.kind === 'object')
  return Object.fromEntries(relations.map((field) => [field.name, readRelation(field)]))
}

function readRelation(field: DMMF.Field): RelationField {
  const fields = field.relationFromFields ?? []
  return {
    model: field.type,
    list: field.isList,
    required: field.isRequired,
    relationName: field.relationName ?? '',
    fields,
    references: field.relationToFields ?? [],
    onUpdate: fields.length > 0 ? readOnUpdate(field) : null,
  }
}

function readEncrypted(
  model: AnnotatedModel,
  schema: AnnotatedSchema,
): Readonly<Record<string, EncryptedField>> {
  const encrypted: Record<string, EncryptedField> = {}
  for (const { dmmf, annotation } of model.fields) {
    const type = asEncryptedType(dmmf.type)
    if (annotation?.kind !== 'encrypted' || type === null) continue
    encrypted[dmmf.name] = {
      key: annotation.key,
      name: annotation.name ?? dmmf.name,
      type,
      column: readColumn(dmmf),
      required: dmmf.isRequired,
      capacity: readCapacity(dmmf, type, schema.database)?.capacity ?? null,
    }
  }
  return encrypted
}

function readKeys(model: AnnotatedModel, schema: AnnotatedSchema): Readonly<Record<string, KeyColumn>> {
  const keys: Record<string, KeyColumn> = {}
  for (const { dmmf, annotation } of model.fields) {
    if (annotation?.kind !== 'kmsKey') continue
    keys[annotation.key] = {
      field: dmmf.name,
      column: readColumn(dmmf),
      model: readCryptographicName(model),
      capacity: readCapacity(dmmf, 'String', schema.database)?.capacity ?? null,
    }
  }
  return keys
}

function readColumn(field: DMMF.Field): string {
  return field.dbName ?? field.name
}
