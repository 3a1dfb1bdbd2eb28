/** Refuses key groups without a usable key column, key columns without a group, and ambiguous cryptographic names. */
import { defaultKey, type KmsKeyAnnotation } from '../annotations.js'
import {
  type AnnotatedField,
  type AnnotatedModel,
  type AnnotatedSchema,
  isEncryptedModel,
  readCryptographicName,
} from './annotated-schema.js'
import { describeType, readCapacity } from './column-capacity.js'
import { findForeignKeys, isUniqueOrId } from './identity.js'
import type { Problems } from './problems.js'

/** `v1:` and base64 of a 32-byte data key with a 16-byte authentication tag; no KMS's wrapped key is shorter. */
const leastKeyCharacters = 67

/** Adds the problems of the key columns of `model`, and of the groups that lack one. */
export function checkKeys(model: AnnotatedModel, schema: AnnotatedSchema, problems: Problems): void {
  const columns = new Map<string, AnnotatedField>()
  for (const field of model.fields) {
    if (field.annotation?.kind !== 'kmsKey') continue
    const first = columns.get(field.annotation.key)
    if (first === undefined) columns.set(field.annotation.key, field)
    else refuseSecondColumn(model, field.annotation, first, field, problems)
    checkKeyColumn(model, field, schema, problems)
  }
  const used = new Set<string>()
  for (const { dmmf, annotation } of model.fields) {
    if (annotation?.kind !== 'encrypted' || used.has(annotation.key)) continue
    used.add(annotation.key)
    if (!columns.has(annotation.key)) refuseMissingColumn(model, dmmf.name, annotation.key, problems)
  }
  for (const [key, column] of columns) {
    if (used.has(key)) continue
    problems.add({
      place: `${model.name}.${column.dmmf.name}`,
      found: `no field of ${model.name} is encrypted under the key "${key}"`,
      why: 'A key column that nothing uses is a misspelt name or a leftover.',
      fix: `Add \`/// ${key === defaultKey ? '@encrypted' : `@encrypted(key: ${key})`}\` to a field, or remove the annotation.`,
    })
  }
  checkNames(model, problems)
}

/** Adds a problem for each two encrypted models with one cryptographic name. */
export function checkModelNames(schema: AnnotatedSchema, problems: Problems): void {
  const owners = new Map<string, string>()
  for (const model of schema.models.filter(isEncryptedModel)) {
    const name = readCryptographicName(model)
    const owner = owners.get(name)
    owners.set(name, owner ?? model.name)
    if (owner === undefined) continue
    problems.add({
      place: model.name,
      found: `the cryptographic name "${name}" belongs to ${owner} as well`,
      why: 'Rows of both models with the same id would accept each other’s keys.',
      fix: `Pin another name in one of them: @kmsKey(model: ${name}2).`,
    })
  }
}

function checkKeyColumn(
  model: AnnotatedModel,
  { dmmf }: AnnotatedField,
  schema: AnnotatedSchema,
  problems: Problems,
): void {
  const place = `${model.name}.${dmmf.name}`
  const column = dmmf.type === 'String' && !dmmf.isList ? readCapacity(dmmf, 'String', schema.database) : null
  if (column === null || dmmf.isRequired) {
    problems.add({
      place,
      found: `expected an optional String of a text type, got ${describeType(dmmf)}`,
      why: 'A key column holds wrapped keys as text, and null while all its encrypted fields are null.',
      fix: `Write \`${dmmf.name} String?\`.`,
    })
  }
  const relation = findForeignKeys(model.dmmf, dmmf.name)[0]
  if (isUniqueOrId(model.dmmf, dmmf.name) || relation !== undefined || dmmf.hasDefaultValue) {
    problems.add({
      place,
      found: 'a key column with @id, @unique, @default or a relation',
      why: 'Only this library writes key columns; a wrapped key may be longer than an index entry.',
      fix: 'Remove the attribute.',
    })
  }
  if (column !== null && column.capacity !== null && column.capacity < leastKeyCharacters) {
    problems.add({
      place,
      found: `expected room for at least ${leastKeyCharacters} characters, got ${column.capacity}`,
      why: 'No wrapped key is shorter; those of AWS KMS take about 250 characters, and a column may hold several.',
      fix: 'Use a text column.',
    })
  }
}

function refuseSecondColumn(
  model: AnnotatedModel,
  { key }: KmsKeyAnnotation,
  first: AnnotatedField,
  second: AnnotatedField,
  problems: Problems,
): void {
  problems.add({
    place: `${model.name}.${second.dmmf.name}`,
    found: `${model.name}.${first.dmmf.name} is already the key column of the key "${key}"`,
    why: 'The fields of one key share one key column.',
    fix: 'Remove one, or give it the name of another key: @kmsKey(phone).',
  })
}

function refuseMissingColumn(model: AnnotatedModel, field: string, key: string, problems: Problems): void {
  const [suffix, option] =
    key === defaultKey ? ['', ''] : [`${key.charAt(0).toUpperCase()}${key.slice(1)}`, `(${key})`]
  problems.add({
    place: `${model.name}.${field}`,
    found: `no key column for the key "${key}"`,
    why: 'Each record stores its wrapped data keys beside its encrypted fields.',
    fix: `Add to ${model.name}: \`encryptedKmsKey${suffix} String? /// @kmsKey${option}\`.`,
  })
}

function checkNames(model: AnnotatedModel, problems: Problems): void {
  const owners = new Map<string, string>()
  for (const { dmmf, annotation } of model.fields) {
    const place = `${model.name}.${dmmf.name}`
    if (annotation?.kind === 'encrypted') {
      const name = annotation.name ?? dmmf.name
      const owner = owners.get(name)
      owners.set(name, owner ?? dmmf.name)
      if (owner === undefined) continue
      problems.add({
        place,
        found: `the cryptographic name "${name}" belongs to ${model.name}.${owner} as well`,
        why: 'A ciphertext could be moved from one field to the other without being noticed.',
        fix: 'Give one of them another name: @encrypted(name: …).',
      })
    }
    const pinned = readCryptographicName(model)
    if (annotation?.kind === 'kmsKey' && annotation.model !== null && annotation.model !== pinned) {
      problems.add({
        place,
        found: `expected the model name "${pinned}" of the other key column, got "${annotation.model}"`,
        why: 'A model has one cryptographic name, whatever its number of keys.',
        fix: `Write model: ${pinned}.`,
      })
    }
  }
}
