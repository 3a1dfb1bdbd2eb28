/** Turns a record's id and context columns into the encryption context that its data keys are bound to. */
import { KmsEncryptedError } from '../errors.js'
import { canonicalContextJson, validateContext } from '../kms/context.js'
import type { CanonicalForm, ScalarField } from '../schema/model.js'
import type { BoundContext, ContextInput } from './key-config.js'
import type { KeyGroup, RecordModel } from './models.js'

/** A record's identity: its canonical id and the values of the columns that contexts may use. */
export interface RecordIdentity {
  /** `null` while the database has not given the id yet. */
  readonly id: string | null
  readonly columns: Readonly<Record<string, unknown>>
}

/**
 * The identity found in a row or in create data; `null` when part of the context id is missing.
 * Several ids become a JSON array of strings, in schema order.
 */
export function identityOf(
  model: RecordModel,
  row: Readonly<Record<string, unknown>>,
): RecordIdentity | null {
  const { contextId } = model.definition
  const [first] = contextId
  if (first && contextId.length === 1) {
    const id = canonicalId(row[first.field], first.canonical)
    return id === null ? null : { id, columns: row }
  }
  const parts = contextId.map((id) => canonicalId(row[id.field], id.canonical))
  return parts.includes(null) ? null : { id: JSON.stringify(parts), columns: row }
}

/** One id value in the form in which the database stores it; `null` for what is no value of that form. */
export function canonicalId(value: unknown, form: CanonicalForm): string | null {
  if (value === null || value === undefined) return null
  switch (form) {
    case 'text':
      return typeof value === 'string' ? value : null
    case 'padded-text':
      return typeof value === 'string' ? value.replace(/ +$/, '') : null
    case 'uuid':
      return typeof value === 'string' ? canonicalUuid(value) : null
    case 'integer':
      return typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))
        ? value.toString()
        : null
    case 'boolean':
      return typeof value === 'boolean' ? String(value) : null
    case 'datetime': {
      const instant = value instanceof Date ? value : typeof value === 'string' ? new Date(value) : null
      return instant && !Number.isNaN(instant.getTime()) ? instant.toISOString() : null
    }
    case 'bytes':
      return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : null
  }
}

/** PostgreSQL also reads braces, upper case and misplaced hyphens; it stores one form. */
function canonicalUuid(value: string): string | null {
  const digits = value.replace(/[{}-]/g, '').toLowerCase()
  if (!/^[0-9a-f]{32}$/.test(digits)) return null
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/**
 * The encryption context of one record under one version of a key.
 * @throws KmsEncryptedError `INVALID_CONTEXT` when a custom context is no map of strings, or uses an id that is not known yet
 */
export function contextFor(group: KeyGroup, version: number, identity: RecordIdentity): BoundContext {
  const { config, contextModel } = group
  const { context: custom, branch: branchOf } = config.versions.get(version) ?? {}
  const pairs: Record<string, string> = custom
    ? { ...custom(inputFor(group, version, identity)) }
    : { model_name: contextModel, model_id: identity.id ?? missingId(group) }
  if (config.namespace !== null) pairs['namespace'] = config.namespace
  validateContext(pairs)
  return { pairs, branch: branchOf ? checkBranch(group, branchOf(inputFor(group, version, identity))) : null }
}

/** The context as unambiguous text, for comparing and naming. @throws as {@link contextFor} */
export function contextText(group: KeyGroup, version: number, identity: RecordIdentity): string {
  return canonicalContextJson(contextFor(group, version, identity).pairs)
}

function inputFor(group: KeyGroup, version: number, { id, columns }: RecordIdentity): ContextInput {
  const { config, contextModel, key, model } = group
  return {
    model: contextModel,
    key,
    version,
    columns: Object.fromEntries(
      config.contextColumns.map((name) => [name, columnText(model, name, columns[name])]),
    ),
    get id() {
      return id ?? missingId(group)
    },
  }
}

/** A branch name becomes a pair of the branch key's own context, which takes no empty or malformed text. */
function checkBranch(group: KeyGroup, branch: unknown): string {
  if (typeof branch === 'string' && branch !== '' && !/\p{Surrogate}|\0/u.test(branch)) return branch
  throw new KmsEncryptedError({
    code: 'INVALID_CONTEXT',
    message: `${group.model.name}: branchKeys.per of key '${group.key}' gave no usable name of a branch`,
    why: 'The name says which branch key serves the record, and is part of what that key is bound to.',
    fix: 'Return a non-empty string, from contextColumns that every record has.',
  })
}

/** A context column's value as text, the same however the caller spelled it and the database stores it. */
function columnText(model: RecordModel, name: string, value: unknown): string | null {
  if (value === null || value === undefined) return null
  const scalar = model.definition.scalars[name]
  const form = scalar ? canonicalForm(scalar) : null
  const text = form && canonicalId(value, form)
  if (text !== null) return text
  throw new KmsEncryptedError({
    code: 'INVALID_CONTEXT',
    message: `${model.name}.${name}: the value has no form that the encryption context could rely on`,
    why: 'A context must be the same when the record is written and when it is read.',
    fix: 'Give the value with the type that Prisma reads it with.',
  })
}

/**
 * How a column's values become text that writing and reading agree on.
 * @returns `null` for types that the database may store differently from how they were sent
 */
export function canonicalForm({ type, list, nativeType }: ScalarField): CanonicalForm | null {
  const [native, precision] = nativeType ?? []
  if (list) return null
  switch (type) {
    case 'Int':
    case 'BigInt':
      return 'integer'
    case 'Boolean':
      return 'boolean'
    case 'DateTime':
      if (native !== undefined && !['Timestamp', 'Timestamptz', 'DateTime', 'DateTime2'].includes(native))
        return null
      return precision === undefined || Number(precision) >= 3 ? 'datetime' : null
    case 'String':
      if (native === 'Uuid') return 'uuid'
      if (native === 'Char') return 'padded-text'
      return native === undefined || native === 'Text' || native === 'VarChar' ? 'text' : null
    case 'Float':
    case 'Decimal':
    case 'Json':
    case 'Bytes':
      return null
    default:
      return 'text' // an enum
  }
}

function missingId(group: KeyGroup): never {
  throw new KmsEncryptedError({
    code: 'INVALID_CONTEXT',
    message: `${group.model.name}: the context of key '${group.key}' uses the id, which is not known yet`,
    why: "With eager: 'context-free' keys are wrapped before the database has given the record its id.",
    fix: "Build the context from contextColumns only, or use eager: 'after-insert'.",
  })
}
