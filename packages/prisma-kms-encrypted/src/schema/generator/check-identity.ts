/** Refuses ids that an encryption context cannot be bound to: lossy, changeable or ambiguous ones. */
import type { DMMF } from '@prisma/generator-helper'

import { type AnnotatedModel, type AnnotatedSchema, isEncryptedModel } from './annotated-schema.js'
import { readCanonicalForm } from './canonical-form.js'
import { describeType } from './column-capacity.js'
import {
  findContextFields,
  findForeignKeys,
  findMappedEnums,
  findPrimaryKeys,
  readOnUpdate,
} from './identity.js'
import type { Problems } from './problems.js'

const otherId = 'mark another required @unique column, one that never changes, with `/// @kmsId`'

/** Actions of the database that never change a foreign key. */
const keepingActions = new Set(['NoAction', 'Restrict'])

/** Adds the problems of what identifies the rows of `model`. */
export function checkIdentity(model: AnnotatedModel, schema: AnnotatedSchema, problems: Problems): void {
  const [marked, second] = model.fields.filter((field) => field.annotation?.kind === 'kmsId')
  if (!isEncryptedModel(model)) {
    if (marked !== undefined) refuseUnused(`${model.name}.${marked.dmmf.name}`, problems)
    return
  }
  if (marked === undefined) checkPrimaryKey(model, problems)
  else checkMarkedId(`${model.name}.${marked.dmmf.name}`, marked.dmmf, problems)
  if (second !== undefined) {
    problems.add({
      place: `${model.name}.${second.dmmf.name}`,
      found: `expected one @kmsId, got a second beside ${model.name}.${marked?.dmmf.name ?? ''}`,
      why: 'One unique column identifies a row; with several, their order would become part of the stored format.',
      fix: 'Keep one of them.',
    })
  }
  const mappedEnums = findMappedEnums(schema)
  for (const field of findContextFields(model)) {
    // An id that is encrypted or managed is refused where that is checked.
    const purpose = model.fields.find(({ dmmf }) => dmmf.name === field.name)?.annotation?.kind
    if (purpose !== undefined && purpose !== 'kmsId') continue
    checkContextField(model, field, schema, mappedEnums, problems)
  }
}

function refuseUnused(place: string, problems: Problems): void {
  problems.add({
    place,
    found: '@kmsId in a model without encrypted fields',
    why: 'It names the column that encryption is bound to; here it has no effect.',
    fix: 'Remove it, or encrypt a field.',
  })
}

function checkPrimaryKey(model: AnnotatedModel, problems: Problems): void {
  const keys = findPrimaryKeys(model)
  if (keys.length === 1) return
  const names = keys.map((fields) => fields.join(' + ')).join(', ')
  problems.add({
    place: model.name,
    found: keys.length === 0 ? 'no id' : `expected @id or one unique criterion, got several: ${names}`,
    why: 'Encryption is bound to the id, and which of several is meant must not depend on their order.',
    fix: `Add @id, or ${otherId}.`,
  })
}

function checkMarkedId(place: string, field: DMMF.Field, problems: Problems): void {
  if (field.isRequired && !field.isList && (field.isUnique || field.isId)) return
  problems.add({
    place,
    found: `expected a required @unique or @id column for @kmsId, got ${describeType(field)}${field.isUnique ? '' : ' that is not unique'}`,
    why: 'Encryption is bound to this column instead of the id, so it must tell every two rows apart.',
    fix: 'Make it required and @unique, or move @kmsId to a column that is.',
  })
}

function checkContextField(
  model: AnnotatedModel,
  field: DMMF.Field,
  schema: AnnotatedSchema,
  mappedEnums: ReadonlySet<string>,
  problems: Problems,
): void {
  const place = `${model.name}.${field.name}`
  if (field.isList || readCanonicalForm(field, schema.database, mappedEnums) === null) {
    problems.add({
      place,
      found: `expected an id that is read back exactly as written, got ${describeType(field)} on ${schema.database}`,
      why: 'Encryption is bound to the id; one that the database rounds, pads or re-spells would not open again.',
      fix: `Use an integer, text, UUID, bytes or millisecond timestamp id, or ${otherId}.`,
    })
  }
  if (field.isUpdatedAt) {
    problems.add({
      place,
      found: 'an id with @updatedAt',
      why: 'Encryption is bound to the id, which would change with every update.',
      fix: `Remove @updatedAt, or ${otherId}.`,
    })
  }
  for (const relation of findForeignKeys(model.dmmf, field.name)) {
    const action = findChangingAction(relation)
    if (action === null) continue
    problems.add({
      place,
      found: `an id with the foreign key of ${model.name}.${relation.name}, which the database changes (${action})`,
      why: 'Encryption is bound to the id; rows whose id the database changes can no longer be opened.',
      fix: `Set onUpdate: Restrict (and no onDelete: SetDefault) on ${model.name}.${relation.name}, or ${otherId}.`,
    })
  }
}

/** What of `relation` changes its foreign key, such as `onUpdate: Cascade`; `null`: nothing. */
function findChangingAction(relation: DMMF.Field): string | null {
  const onUpdate = readOnUpdate(relation)
  if (!keepingActions.has(onUpdate)) {
    return `onUpdate: ${onUpdate}${relation.relationOnUpdate === undefined ? ', the default' : ''}`
  }
  const onDelete = relation.relationOnDelete
  return onDelete === 'SetDefault' || onDelete === 'SetNull' ? `onDelete: ${onDelete}` : null
}
