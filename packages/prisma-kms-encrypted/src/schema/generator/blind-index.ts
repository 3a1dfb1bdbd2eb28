/** Reads `@blindIndex`, and refuses indexes that cannot be stored or would not find what they are for. */
import type { BlindIndexAnnotation } from '../annotations.js'
import type { BlindIndex } from '../model.js'
import type { AnnotatedField, AnnotatedModel, AnnotatedSchema } from './annotated-schema.js'
import { describeType, readCapacity } from './column-capacity.js'
import { findForeignKeys, findReferences, isIdField } from './identity.js'
import type { Problem, Problems } from './problems.js'

/** The blind indexes of `model` by the fields that hold them, in schema order. */
export function readBlindIndexes(model: AnnotatedModel): Readonly<Record<string, BlindIndex>> {
  const indexes: Record<string, BlindIndex> = {}
  for (const { dmmf, annotation } of model.fields) {
    if (annotation?.kind !== 'blindIndex') continue
    indexes[dmmf.name] = {
      field: annotation.field,
      column: dmmf.dbName ?? dmmf.name,
      normalize: annotation.normalize,
      bits: annotation.bits,
      unique: dmmf.isUnique,
      verify: annotation.verify,
    }
  }
  return indexes
}

/** Adds the problems of every blind index of `model`. */
export function checkBlindIndexes(model: AnnotatedModel, schema: AnnotatedSchema, problems: Problems): void {
  /** The column of the truncated index, by encrypted field. */
  const truncated = new Map<string, string>()
  for (const field of model.fields) {
    const { annotation, dmmf } = field
    if (annotation?.kind !== 'blindIndex') continue
    const findings = [
      ...checkTarget(model, annotation),
      ...checkIndexColumn(model, field, annotation, schema),
      ...checkTruncation(model, dmmf.name, annotation),
    ]
    if (annotation.bits !== null) {
      const first = truncated.get(annotation.field)
      if (first === undefined) truncated.set(annotation.field, dmmf.name)
      else findings.push(secondTruncated(model, annotation, first))
    }
    for (const finding of findings) problems.add({ place: `${model.name}.${dmmf.name}`, ...finding })
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
    findReferences(schema, model.name, dmmf.name).length > 0 ||
    dmmf.hasDefaultValue
  ) {
    findings.push({
      found: 'an index column with @id, @default or a relation',
      why: 'Only this library writes index columns.',
      fix: 'Remove the attribute.',
    })
  }
  return findings
}

function checkTruncation(
  model: AnnotatedModel,
  column: string,
  { bits, verify }: BlindIndexAnnotation,
): readonly Finding[] {
  if (bits === null) return []
  const findings: Finding[] = []
  const block = model.dmmf.uniqueFields.some((fields) => fields.includes(column))
  if (block || model.fields.some(({ dmmf }) => dmmf.name === column && dmmf.isUnique)) {
    findings.push({
      found: `${block ? '@@unique' : '@unique'} on a truncated index`,
      why: 'Different values share a truncated index, and the second would be refused.',
      fix: 'Remove the attribute or bits.',
    })
  }
  if (!verify) {
    findings.push({
      found: 'verify: false on a truncated index',
      why: 'Different values share a truncated index, so what it finds must be opened and compared.',
      fix: 'Remove verify or bits.',
    })
  }
  return findings
}

function secondTruncated(model: AnnotatedModel, { field }: BlindIndexAnnotation, first: string): Finding {
  return {
    found: `${model.name}.${first} is already a truncated index of ${model.name}.${field}`,
    why: 'Together they narrow the value down further than either says.',
    fix: 'Keep one of them, or remove bits.',
  }
}

/** Standard base64 of the bytes that hold `bits`. */
function countIndexCharacters(bits: number | null): number {
  return 4 * Math.ceil(Math.ceil((bits ?? 256) / 8) / 3)
}
