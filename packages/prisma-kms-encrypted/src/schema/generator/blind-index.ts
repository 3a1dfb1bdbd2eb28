/** Reads and validates `@blindIndex`. The extension does not serve blind indexes yet, so the schema check refuses them. */
import type { BlindIndexAnnotation, NormalizeStep } from '../annotations.js'
import type { AnnotatedField, AnnotatedModel, AnnotatedSchema } from './annotated-schema.js'
import { describeType, readCapacity } from './column-capacity.js'
import { findForeignKeys, isIdField } from './identity.js'
import type { Problem, Problems } from './problems.js'

/** One blind index, named by the field that holds it. */
export interface BlindIndexDefinition {
  /** The encrypted field that the index stands for. */
  readonly field: string
  readonly column: string
  readonly normalize: readonly NormalizeStep[]
  /** Bits that are kept of the hash; `null`: all 256. */
  readonly bits: number | null
  /** Whether the index column is `@unique`, so that equal values are refused. */
  readonly unique: boolean
}

/**
 * Reads the index that `field` holds.
 *
 * @returns `null` after adding at least one problem
 */
export function readBlindIndex(
  model: AnnotatedModel,
  field: AnnotatedField,
  annotation: BlindIndexAnnotation,
  schema: AnnotatedSchema,
  problems: Problems,
): BlindIndexDefinition | null {
  const found = [...checkTarget(model, annotation), ...checkIndexColumn(model, field, annotation, schema)]
  for (const problem of found) problems.add({ place: `${model.name}.${field.dmmf.name}`, ...problem })
  if (found.length > 0) return null
  return {
    field: annotation.field,
    column: field.dmmf.dbName ?? field.dmmf.name,
    normalize: annotation.normalize,
    bits: annotation.bits,
    unique: field.dmmf.isUnique,
  }
}

type Finding = Omit<Problem, 'place'>

function checkTarget(model: AnnotatedModel, annotation: BlindIndexAnnotation): readonly Finding[] {
  const target = model.fields.find(({ dmmf }) => dmmf.name === annotation.field)
  if (target?.annotation?.kind !== 'encrypted') {
    return [
      {
        found: `expected an encrypted field of ${model.name}, got ${annotation.field}`,
        why: 'A blind index makes an encrypted field of the same row searchable.',
        fix: target ? `Add @encrypted to ${model.name}.${annotation.field}.` : 'Name a field of this model.',
      },
    ]
  }
  const { type } = target.dmmf
  if (type === 'Json') {
    return [
      {
        found: `${model.name}.${annotation.field} is Json`,
        why: 'Equal JSON values have many spellings, so their hashes differ.',
        fix: 'Index a String or Bytes field.',
      },
    ]
  }
  if (type !== 'String' && annotation.normalize.length > 0) {
    return [
      {
        found: `normalize on ${model.name}.${annotation.field}, which is ${type}`,
        why: 'Only text can be normalised.',
        fix: 'Leave normalize out.',
      },
    ]
  }
  return []
}

function checkIndexColumn(
  model: AnnotatedModel,
  { dmmf }: AnnotatedField,
  annotation: BlindIndexAnnotation,
  schema: AnnotatedSchema,
): readonly Finding[] {
  const findings: Finding[] = []
  const target = model.fields.find((field) => field.dmmf.name === annotation.field)
  const column = dmmf.type === 'String' && !dmmf.isList ? readCapacity(dmmf, 'String', schema.database) : null
  if (column === null || (dmmf.isRequired && target?.dmmf.isRequired === false)) {
    findings.push({
      found: `expected an optional String of a text type, got ${describeType(dmmf)}`,
      why: 'An index is stored as base64 text, and is null where its field is null.',
      fix: `Write \`${dmmf.name} String?\`.`,
    })
  }
  const characters = countIndexCharacters(annotation.bits)
  if (column !== null && column.capacity !== null && column.capacity < characters) {
    findings.push({
      found: `expected room for ${characters} characters, got ${column.capacity}`,
      why: 'The index would not fit.',
      fix: 'Use a larger column type.',
    })
  }
  if (
    isIdField(model.dmmf, dmmf.name) ||
    findForeignKeys(model.dmmf, dmmf.name).length > 0 ||
    dmmf.hasDefaultValue
  ) {
    findings.push({
      found: 'an index column with @id, @default or a relation',
      why: 'Only this library writes index columns.',
      fix: 'Remove the attribute.',
    })
  }
  if (dmmf.isUnique && annotation.bits !== null) {
    findings.push({
      found: '@unique on a truncated index',
      why: 'Different values share a truncated index, and the second would be refused.',
      fix: 'Remove @unique or bits.',
    })
  }
  return findings
}

/** Standard base64 of the bytes that hold `bits`. */
function countIndexCharacters(bits: number | null): number {
  return 4 * Math.ceil(Math.ceil((bits ?? 256) / 8) / 3)
}
