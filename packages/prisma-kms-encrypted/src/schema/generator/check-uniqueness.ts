/** Refuses unique criteria and database indexes over ciphertext, unless blind indexes stand for the criterion. */
import type { DMMF } from '@prisma/generator-helper'

import type { AnnotatedModel, AnnotatedSchema } from './annotated-schema.js'
import { readBlindIndexes } from './blind-index.js'
import { listUniqueFields } from './identity.js'
import type { Problems } from './problems.js'

/** Adds a problem for each unique criterion and each index of `model` that holds ciphertext. */
export function checkUniqueness(model: AnnotatedModel, schema: AnnotatedSchema, problems: Problems): void {
  const encrypted = new Set(
    model.fields.filter((field) => field.annotation?.kind === 'encrypted').map(({ dmmf }) => dmmf.name),
  )
  checkUniqueCriteria(model, encrypted, problems)
  for (const index of schema.dmmf.datamodel.indexes) {
    const field = index.fields.find(({ name }) => encrypted.has(name))?.name
    if (index.model === model.name && field !== undefined) refuseIndex(model, index, field, problems)
  }
}

function checkUniqueCriteria(
  model: AnnotatedModel,
  encrypted: ReadonlySet<string>,
  problems: Problems,
): void {
  const indexed = new Map(
    Object.entries(readBlindIndexes(model))
      .filter(([, index]) => index.bits === null)
      .map(([column, index]) => [column, index.field]),
  )
  /** What a criterion means, whether it names encrypted fields or indexes that stand for them. */
  const describe = (fields: readonly string[]) =>
    fields
      .map((field) => indexed.get(field) ?? field)
      .sort()
      .join()
  const criteria = listUniqueFields(model.dmmf)
  const enforced = new Set(
    criteria.filter((fields) => !fields.some((field) => encrypted.has(field))).map(describe),
  )
  for (const fields of criteria) {
    const field = fields.find((name) => encrypted.has(name))
    if (field === undefined || enforced.has(describe(fields))) continue
    const block = model.dmmf.uniqueFields.some((unique) => unique.join() === fields.join())
    const columnOf = (name: string) =>
      [...indexed].find(([, target]) => target === name)?.[0] ?? `${name}Bidx`
    const standIn = fields.map((name) => (encrypted.has(name) ? columnOf(name) : name)).join(', ')
    problems.add({
      place: `${model.name}.${field}`,
      found: `${block ? '@@unique' : '@unique'} on an encrypted field`,
      why: 'Equal values have different ciphertexts, so it enforces nothing, and long ciphertexts exceed an index entry.',
      fix: `Remove the attribute, or let a blind index without bits stand for it: ${
        fields.length > 1
          ? `@@unique([${standIn}])`
          : `\`${standIn} String? @unique /// @blindIndex(${field})\``
      }.`,
    })
  }
}

function refuseIndex(model: AnnotatedModel, index: DMMF.Index, field: string, problems: Problems): void {
  // Unique criteria have a check of their own, and so have ids.
  if (index.type !== 'normal' && index.type !== 'fulltext') return
  problems.add({
    place: `${model.name}.${field}`,
    found: `${index.type === 'normal' ? '@@index' : '@@fulltext'} on an encrypted field`,
    why: 'Nothing can be found by ciphertext, and long ciphertexts exceed an index entry.',
    fix: 'Remove it; to search, add a blind index and put @@index on its column.',
  })
}
