/** Turns the generated model definitions and the resolved keys into the lookups that planning and opening use. */
import { createFieldCodec, type FieldCodec } from '../envelope/field-codec.js'
import type { ModelDefinition, ModelDefinitions, NormalizeStep, RelationField } from '../schema/model.js'
import type { ResolvedKey } from './key-config.js'
import type { LegacyOpener } from './legacy-opener.js'

/** What may be stored that this library has not encrypted. */
export interface RowsBefore {
  /** The models whose rows are partly plaintext. */
  readonly stageOf: (model: string) => MigrationStage | null
  /** The opener of a field's values from another library. */
  readonly openerOf: (model: string, field: string) => LegacyOpener | null
}

/** What is known of the models' tables beside the schema. */
export interface TableFacts extends RowsBefore {
  /** Names of the models whose tables no other deployment writes. */
  readonly exclusive: ReadonlySet<string>
}

/** One encrypted field, with the codec that seals and opens its values. */
export interface SealedField {
  readonly name: string
  readonly type: 'String' | 'Json' | 'Bytes'
  readonly required: boolean
  readonly group: KeyGroup
  readonly codec: FieldCodec
  /** Opens values that another library wrote; `null`: there are none. */
  readonly legacy: LegacyOpener | null
}

/** The fields of one model that share a data key per record, and the column that stores it wrapped. */
export interface KeyGroup {
  readonly model: RecordModel
  /** Name of the key, `default` unless the schema says otherwise. */
  readonly key: string
  /** Prisma field that holds the wrapped data keys. */
  readonly column: string
  readonly capacity: number | null
  /** Cryptographic model name of this key's encryption context. */
  readonly contextModel: string
  readonly config: ResolvedKey
  readonly fields: readonly SealedField[]
  /** Whether another library's values may be stored in its fields. */
  readonly imports: boolean
  /**
   * Columns that opening needs besides the key column: those that the encryption context may use (the context id and the
   * configured `contextColumns`), and those of another library.
   */
  readonly contextFields: readonly string[]
}

/** One blind index: the column in which an encrypted field can be searched. */
export interface FieldIndex {
  /** Prisma field that holds the index. */
  readonly column: string
  readonly field: SealedField
  /** Cryptographic names, from which the index's own key is derived. */
  readonly modelName: string
  readonly fieldName: string
  readonly normalize: readonly NormalizeStep[]
  /** `null`: all 256. */
  readonly bits: number | null
  readonly unique: boolean
  readonly verify: boolean
}

/**
 * How a model whose rows are partly plaintext is written: `read` goes on storing plaintext, `write` encrypts. Both read
 * plaintext and ciphertext.
 */
export type MigrationStage = 'read' | 'write'

/** One model as the operations see it. */
export interface RecordModel {
  readonly name: string
  /** Property of the client: `User` → `user`. */
  readonly delegate: string
  readonly definition: ModelDefinition
  readonly fields: ReadonlyMap<string, SealedField>
  readonly groups: ReadonlyMap<string, KeyGroup>
  readonly indexes: readonly FieldIndex[]
  /** Columns that only this library writes: keys and indexes. */
  readonly managed: ReadonlySet<string>
  /** Every column that some encryption context of this model may use. */
  readonly contextFields: ReadonlySet<string>
  /** The columns that opening any of its fields needs: keys and contexts. */
  readonly openingColumns: readonly string[]
  /** Whether the model itself has encrypted fields. */
  readonly encrypted: boolean
  /** `null`: no value is plaintext. */
  readonly migrating: MigrationStage | null
  /** Whether there may be anything else than ciphertext of the current format. */
  readonly mixed: boolean
  /** Whether no other deployment writes its table, so that there are no encrypted fields but the known ones. */
  readonly exclusive: boolean
  /** The indexes of an encrypted field. */
  indexesOf(field: string): readonly FieldIndex[]
  /** Names of the relation fields. */
  readonly relationNames: readonly string[]
  relation(field: string): { readonly field: RelationField; readonly model: RecordModel } | undefined
}

/** All models of one client, by name. A model that is missing here cannot reach encrypted data. */
export type RecordModels = ReadonlyMap<string, RecordModel>

/** `User` → `user`, as Prisma names its delegates. */
export function delegateName(model: string): string {
  return model.slice(0, 1).toLowerCase() + model.slice(1)
}

/**
 * Builds the lookups once per client.
 * @param keyFor resolves a key group's name to its configuration
 * @param facts what is known of the tables beside the schema
 * @throws KmsEncryptedError `INVALID_CONFIGURATION` from `keyFor` when a key is not configured
 */
export function createRecordModels(
  definitions: ModelDefinitions,
  keyFor: (model: string, key: string) => ResolvedKey,
  facts: TableFacts = { stageOf: () => null, openerOf: () => null, exclusive: new Set() },
): RecordModels {
  const models = new Map<string, RecordModel>()
  for (const [name, definition] of Object.entries(definitions)) {
    models.set(name, createRecordModel(name, definition, keyFor, models, facts))
  }
  return models
}

function createRecordModel(
  name: string,
  definition: ModelDefinition,
  keyFor: (model: string, key: string) => ResolvedKey,
  models: RecordModels,
  { stageOf, openerOf, exclusive }: TableFacts,
): RecordModel {
  const fields = new Map<string, SealedField>()
  const groups = new Map<string, KeyGroup>()
  const contextIds = definition.contextId.map((id) => id.field)
  const contextFields = new Set(contextIds)
  const model: RecordModel = {
    name,
    delegate: delegateName(name),
    definition,
    fields,
    groups,
    indexes: [],
    managed: new Set(),
    indexesOf(field) {
      return model.indexes.filter((index) => index.field.name === field)
    },
    contextFields,
    openingColumns: [],
    encrypted: Object.keys(definition.encrypted).length > 0,
    migrating: stageOf(name),
    mixed: stageOf(name) !== null,
    relationNames: Object.keys(definition.relations),
    exclusive: exclusive.has(name),
    relation(field) {
      const relation = definition.relations[field]
      const target = relation && models.get(relation.model)
      return target && { field: relation, model: target }
    },
  }
  for (const [key, column] of Object.entries(definition.keys)) {
    const config = keyFor(name, key)
    const groupFields: SealedField[] = []
    const group: KeyGroup = {
      model,
      key,
      column: column.field,
      capacity: column.capacity,
      contextModel: column.model,
      config,
      fields: groupFields,
      imports: Object.entries(definition.encrypted).some(
        ([field, encrypted]) => encrypted.key === key && openerOf(name, field) !== null,
      ),
      contextFields: [
        ...contextIds,
        ...config.contextColumns,
        ...legacyColumns(name, key, definition, openerOf),
      ],
    }
    for (const column of config.contextColumns) contextFields.add(column)
    for (const [field, encrypted] of Object.entries(definition.encrypted)) {
      if (encrypted.key !== key) continue
      const codec = createFieldCodec({
        model: definition.name,
        field: encrypted.name,
        type: encrypted.type,
        where: `${name}.${field}`,
        capacity: encrypted.capacity,
      })
      const sealed: SealedField = {
        name: field,
        type: encrypted.type,
        required: encrypted.required,
        group,
        codec,
        legacy: openerOf(name, field),
      }
      groupFields.push(sealed)
      fields.set(field, sealed)
    }
    groups.set(key, group)
  }
  const indexes = Object.entries(definition.indexes).flatMap(([column, index]) => {
    const field = fields.get(index.field)
    const { normalize, bits, unique, verify } = index
    const names = {
      modelName: definition.name,
      fieldName: definition.encrypted[index.field]?.name ?? index.field,
    }
    return field ? [{ column, field, ...names, normalize, bits, unique, verify }] : []
  })
  const managed = new Set([
    ...[...groups.values()].map((group) => group.column),
    ...Object.keys(definition.indexes),
  ])
  const mixed = model.mixed || [...groups.values()].some((group) => group.imports)
  const openingColumns = [
    ...new Set([...groups.values()].flatMap((group) => [group.column, ...group.contextFields])),
  ]
  return Object.assign(model, { indexes, managed, mixed, openingColumns })
}

/** The columns that the openers of a group's fields need. */
function legacyColumns(
  model: string,
  key: string,
  definition: ModelDefinition,
  openerOf: RowsBefore['openerOf'],
): readonly string[] {
  const columns = Object.entries(definition.encrypted).flatMap(([field, encrypted]) =>
    encrypted.key === key ? (openerOf(model, field)?.columns?.[model] ?? []) : [],
  )
  return [...new Set(columns)]
}
